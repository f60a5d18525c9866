/*
 * The instructions of the ingress program, written by hand (inside net only).
 * On the packet's way: beside it; the kernel runs them.
 * Threads: management only.
 */
#pragma once

#include <linux/bpf.h>

#include <stdint.h>

#define INGRESS_PROGRAM_MAX 64

/* Places to which the program jumps. */
enum ingress_label {
	INGRESS_IPV4,
	INGRESS_LOOKUP,
	INGRESS_NEXT,
	INGRESS_LABEL_COUNT,
};

struct ingress_program {
	struct bpf_insn code[INGRESS_PROGRAM_MAX];
	int count;
	int jumps[INGRESS_PROGRAM_MAX]; /* label at which the instruction aims, or -1 */
	int labels[INGRESS_LABEL_COUNT]; /* index of the instruction there */
};

/* A key of the addresses' map: an IPv6 or an IPv4-mapped address. */
struct ingress_key {
	uint8_t bytes[16];
};

/*
 * ingress_program_build writes the program into the zeroed *program. `ports_fd` is a map with
 * 2-byte keys, ports in network order; `addresses_fd` one with struct ingress_key.
 */
void ingress_program_build(struct ingress_program *program, int ports_fd, int addresses_fd);
