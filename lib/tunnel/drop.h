/*
 * Why packets are dropped: one list that makes the enum, the texts and the counters.
 * On the packet's way: every stage.
 * Threads: any; no state.
 */
#pragma once

#include <stdint.h>

/* X(NAME, "text"): the text is what status and metrics show, and stays as it is once published. */
#define DROP_REASONS(X) \
	X(IN_MALFORMED, "in_malformed") /* outer headers contradict each other or the frame */ \
	X(IN_FRAGMENT, "in_fragment") /* outer IP fragment */ \
	X(IN_SEGMENTED, "in_segmented") /* buffer of several segments that could not be joined */ \
	X(IN_MESSAGE, "in_message") /* neither a handshake message nor data, by type or length */ \
	X(IN_HANDSHAKE_FULL, "in_handshake_full") /* the handshake thread's ring is full */ \
	X(IN_UNKNOWN_INDEX, "in_unknown_index") /* no session of that receiver index */ \
	X(IN_EXPIRED, "in_expired") /* session older than 180 s or at its last counter */ \
	X(IN_AUTH, "in_auth") /* the tag is wrong */ \
	X(IN_REPLAY, "in_replay") /* counter seen before, or too far behind */ \
	X(IN_INNER, "in_inner") /* what was inside is no IP packet */ \
	X(IN_SOURCE, "in_source") /* inner source is not in this peer's allowed-ips */ \
	X(IN_DELIVER_FULL, "in_deliver_full") /* the host device takes no more */ \
	X(IN_PIPELINE_FULL, "in_pipeline_full") /* the pipeline takes no more */ \
	X(IN_NO_PIPELINE, "in_no_pipeline") /* the pipeline is not connected */ \
	X(OUT_FRAME, "out_frame") /* from the pipeline: neither IP nor a question for a MAC */ \
	X(OUT_INNER, "out_inner") /* not an IP packet */ \
	X(OUT_SEGMENTED, "out_segmented") /* buffer without room, or of several segments */ \
	X(OUT_NO_PEER, "out_no_peer") /* destination is in nobody's allowed-ips */ \
	X(OUT_NO_ENDPOINT, "out_no_endpoint") /* the peer's address is not known */ \
	X(OUT_NO_NEXT_HOP, "out_no_next_hop") /* no route, or neighbour not known */ \
	X(OUT_ELSEWHERE, "out_elsewhere") /* route leaves through another interface */ \
	X(OUT_TOO_BIG, "out_too_big") /* longer than the tunnel's MTU */ \
	X(OUT_STAGED_FULL, "out_staged_full") /* oldest of too many that wait for a session */ \
	X(OUT_GAVE_UP, "out_gave_up") /* waited for a session that never came */ \
	X(OUT_SEAL, "out_seal") /* the AEAD failed */ \
	X(OUT_TRANSMIT_FULL, "out_transmit_full") /* the underlay port takes no more */ \
	X(OUT_REFUSED, "out_refused") /* the kernel, which sends for us, does not want to */ \
	X(OUT_NO_BUFFER, "out_no_buffer") /* no buffer for a packet of our own */ \
	X(HANDSHAKE_MAC, "handshake_mac") /* mac1 is not for our key */ \
	X(HANDSHAKE_COOKIE, "handshake_cookie") /* under load: answered by a cookie, no more */ \
	X(HANDSHAKE_NO_COOKIE, "handshake_no_cookie") /* under load: and too many to answer all */ \
	X(HANDSHAKE_LIMITED, "handshake_limited") /* under load: too many from this address */ \
	X(HANDSHAKE_QUEUE_FULL, "handshake_queue_full") /* too many wait for the tunnel */ \
	X(HANDSHAKE_UNKNOWN_PEER, "handshake_unknown_peer") /* static key is no peer's */ \
	X(HANDSHAKE_UNKNOWN_INDEX, "handshake_unknown_index") /* response to nothing we sent */ \
	X(HANDSHAKE_AUTH, "handshake_auth") /* a tag is wrong, or a key is of low order */ \
	X(HANDSHAKE_OLD, "handshake_old") /* stamp not newer: replay, or a clock behind */ \
	X(HANDSHAKE_FLOOD, "handshake_flood") /* sooner than 20 ms after the last one */ \
	X(HANDSHAKE_STATE, "handshake_state") /* an answer that nothing waits for */ \
	X(HANDSHAKE_INTERNAL, "handshake_internal") /* no random numbers, memory or index */

enum drop_reason {
#define X(name, text) DROP_##name,
	DROP_REASONS(X)
#undef X
		DROP_COUNT
};

/* Reasons below this are those of packets, which lanes drop; the others are control's. */
#define DROP_PACKET_COUNT DROP_HANDSHAKE_MAC

/* drop_reason_text returns the published text. */
static inline const char *
drop_reason_text(enum drop_reason reason)
{
	static const char *const texts[] = {
#define X(name, text) text,
		DROP_REASONS(X)
#undef X
	};
	return texts[reason];
}
