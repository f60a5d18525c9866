/*
 * Questions for the MAC of an address, by ARP and by neighbour discovery, and the answers to them.
 * On the packet's way: out_receive, where the pipeline's port carries Ethernet.
 * Threads: any; no state. Sources: RFC 826, 5227, 4861 (7.2).
 */
#pragma once

#include "wire/ethernet.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longest answer, as a frame. */
#define NEIGHBOUR_ANSWER_MAX (ETHERNET_HEADER_LEN + 40 + 32)

struct neighbour_question {
	uint8_t version; /* 4: ARP; 6: neighbour solicitation */
	const uint8_t *target; /* 4 or 16 bytes, into the frame */
};

/*
 * neighbour_question_parse reads the Ethernet frame of `len` bytes. Returns true and fills
 * *question if it asks for the MAC of an address, and is asked by somebody who has another address:
 * who only tries whether an address is taken, or tells of its own, wants no answer. Of a neighbour
 * solicitation the checksum is verified.
 */
bool neighbour_question_parse(const uint8_t *frame, size_t len, struct neighbour_question *question)
	__attribute__((warn_unused_result));

/*
 * neighbour_answer_make turns the frame of a question into the answer to who asked: the target is
 * at `mac`. The frame must have room for NEIGHBOUR_ANSWER_MAX bytes. Returns the answer's length.
 */
size_t neighbour_answer_make(
	uint8_t *frame, const struct neighbour_question *question, const uint8_t mac[6]);
