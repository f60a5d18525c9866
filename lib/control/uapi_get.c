/*
 * What UAPI's "get" answers about a tunnel.
 * On the packet's way: nowhere.
 * Threads: management, under the control lock.
 */
#include "control/uapi_get.h"

#include "base/clock.h"
#include "base/secret.h"
#include "config/key.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

/* At most, of an answer: what there is once, of each peer, of each of its allowed-ips. */
#define TUNNEL_TEXT_MAX 256
#define PEER_TEXT_MAX 512
#define ALLOWED_IP_TEXT_MAX (sizeof("allowed_ip=\n") + PREFIX_TEXT_MAX)

/* An answer in the making: room for all of it from the start, so that no copy is left behind. */
struct answer {
	char *text;
	size_t room;
	size_t len; /* beyond `room` if it does not suffice */
};

static void __attribute__((format(printf, 2, 3)))
answer_add(struct answer *answer, const char *format, ...)
{
	const size_t left = answer->len < answer->room ? answer->room - answer->len : 0;
	va_list arguments;

	va_start(arguments, format);
	answer->len += (size_t)vsnprintf(
		left > 0 ? answer->text + answer->len : NULL, left, format, arguments);
	va_end(arguments);
}

static void
add_peer(struct answer *out, const struct peer *peer)
{
	char hex[KEY_HEX_LEN + 1];
	char text[ENDPOINT_TEXT_MAX];
	struct peer_totals totals;

	peer_totals_read(peer, &totals);
	answer_add(out, "public_key=%s\n", key_to_hex(peer->remote.public_key, hex));
	answer_add(out, "preshared_key=%s\n", key_to_hex(peer->remote.preshared_key, hex));
	secret_wipe(hex, sizeof(hex));
	answer_add(out, "protocol_version=1\n");
	if (peer->endpoint.port != 0)
		answer_add(out, "endpoint=%s\n", endpoint_format(&peer->endpoint, text));
	answer_add(
		out, "last_handshake_time_sec=%" PRIu64 "\n", peer->latest_handshake_ns / NS_IN_S);
	answer_add(
		out, "last_handshake_time_nsec=%" PRIu64 "\n", peer->latest_handshake_ns % NS_IN_S);
	answer_add(out, "tx_bytes=%" PRIu64 "\nrx_bytes=%" PRIu64 "\n", totals.tx_bytes,
		totals.rx_bytes);
	answer_add(out, "persistent_keepalive_interval=%u\n", peer->persistent_keepalive_s);
	for (size_t i = 0; i < peer->allowed_ips_count; i++)
		answer_add(out, "allowed_ip=%s\n", prefix_format(&peer->allowed_ips[i], text));
}

/* An upper bound of the answer's length, its final zero included. */
static size_t
answer_room(const struct tunnel *tunnel)
{
	const struct peer *peer;
	size_t room = TUNNEL_TEXT_MAX;

	TAILQ_FOREACH (peer, &tunnel->peers, entry)
		room += PEER_TEXT_MAX + peer->allowed_ips_count * ALLOWED_IP_TEXT_MAX;
	return room;
}

char *
uapi_get(struct tunnel *tunnel, size_t *len)
{
	struct answer out = {.room = answer_room(tunnel)};
	char hex[KEY_HEX_LEN + 1];
	const struct peer *peer;

	out.text = secret_alloc(out.room);
	if (out.text == NULL)
		return NULL;
	if (tunnel->identity.present)
		answer_add(&out, "private_key=%s\n", key_to_hex(tunnel->identity.private_key, hex));
	secret_wipe(hex, sizeof(hex));
	if (tunnel->listen_port != 0)
		answer_add(&out, "listen_port=%u\n", tunnel->listen_port);
	if (tunnel->fwmark != 0)
		answer_add(&out, "fwmark=%" PRIu32 "\n", tunnel->fwmark);
	TAILQ_FOREACH (peer, &tunnel->peers, entry)
		add_peer(&out, peer);
	answer_add(&out, "errno=0\n\n");
	if (out.len >= out.room) {
		secret_free(out.text);
		return NULL;
	}
	*len = out.len;
	return out.text;
}
