/*
 * UAPI's "set", read: text to operations, one after the other.
 * On the packet's way: nowhere.
 * Threads: one at a time; no I/O. Source: wireguard.com/xplatform; of wg(8), "-" before a prefix.
 */
#pragma once

#include "base/address.h"
#include "config/key.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum uapi_operation_kind {
	/* Of the tunnel; all before the first UAPI_PUBLIC_KEY. */
	UAPI_PRIVATE_KEY, /* key; zeros: none any more */
	UAPI_LISTEN_PORT, /* number; 0: any that is free */
	UAPI_FWMARK, /* number */
	UAPI_REPLACE_PEERS,
	/* Of the peer that the last UAPI_PUBLIC_KEY named. */
	UAPI_PUBLIC_KEY, /* key */
	UAPI_REMOVE,
	UAPI_UPDATE_ONLY,
	UAPI_PRESHARED_KEY, /* key; zeros: none any more */
	UAPI_ENDPOINT, /* endpoint */
	UAPI_KEEPALIVE, /* number: seconds; 0: off */
	UAPI_REPLACE_ALLOWED_IPS,
	UAPI_ALLOWED_IP, /* prefix */
	UAPI_REMOVE_ALLOWED_IP, /* prefix */
	UAPI_PROTOCOL_VERSION, /* there is one, so it means nothing */
};

/* One line. May hold a secret: wipe after use. */
struct uapi_operation {
	enum uapi_operation_kind kind;
	union {
		uint8_t key[KEY_LEN];
		uint32_t number;
		struct endpoint endpoint;
		struct prefix prefix; /* host bits clear */
	};
};

/* Where the reading is. */
struct uapi_set {
	const char *next;
	const char *end;
	bool in_peer;
	/* Of the last line read; of one that is wrong it says where and what. */
	unsigned line; /* in the request, from 1 */
	const char *name; /* its key, one of UAPI's own, or NULL */
	const char *fault; /* what is wrong and what to do, without the value; or NULL */
};

/* uapi_set_init begins to read the `len` bytes at `text`, a whole request, "set=1" first. */
void uapi_set_init(struct uapi_set *set, const char *text, size_t len);

/*
 * uapi_set_next reads the next operation. Returns 1; 0 at the end; -EPROTO for a line without "=";
 * -EINVAL for a key that is unknown or not allowed where it stands, and for a value that is not
 * exactly what it has to be: numbers in decimal digits alone, keys of 64 hexadecimal digits,
 * numeric endpoints with a port, prefixes with a length, "true". Reading is over after an error.
 */
int uapi_set_next(struct uapi_set *set, struct uapi_operation *operation)
	__attribute__((warn_unused_result));
