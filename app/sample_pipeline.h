/*
 * A sample of a packet pipeline: counts, mirrors what is for us, forwards the rest.
 * On the packet's way: at the end of it, with plain IP packets from peers.
 * Threads: one for each struct sample.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct sample {
	uint32_t own_be; /* our address in the VPN, IPv4, network byte order */
	uint64_t packets;
	uint64_t bytes;
	uint64_t mirrored;
	uint64_t forwarded;
	uint64_t dropped;
};

/* sample_init prepares it for the address `own` ("10.8.3.1"). Returns 0 or -EINVAL. */
int sample_init(struct sample *sample, const char *own);

/*
 * sample_packet counts the IP packet of `len` bytes. One to our address becomes its own answer: an
 * echo reply, or UDP with addresses and ports swapped. One to another address stays as it is, but
 * for a hop less. Returns whether it is to go into the tunnel now; if not, it is dropped.
 */
bool sample_packet(struct sample *sample, void *packet, uint32_t len);

/* sample_say prints the sum of `count` samples as one line. */
void sample_say(const struct sample samples[], unsigned count);

/* sample_stopped tells whether SIGINT or SIGTERM came, from the first call on. */
bool sample_stopped(void);
