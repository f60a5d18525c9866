/*
 * What comes by a UAPI connection, cut into requests.
 * On the packet's way: nowhere.
 * Threads: one at a time; no I/O. Source: wireguard.com/xplatform.
 *
 * A request is an operation's line, "get=1" or "set=1", further lines, and an empty one. It may
 * hold private keys: all memory is that of secret_alloc(), and wiped when a request is done with.
 */
#pragma once

#include <stddef.h>

/* Bytes of one request beyond which it is refused. */
#define UAPI_REQUEST_MAX ((size_t)64 << 20)

/* Zeroed memory is a connection by which nothing has come yet. */
struct uapi_request {
	char *text;
	size_t room;
	size_t len;
	size_t searched; /* of `len`: no empty line begins before */
	int fault; /* why this request is not kept, a negative errno; 0: it is */
};

enum uapi_request_state {
	UAPI_REQUEST_PARTIAL, /* more is to come */
	UAPI_REQUEST_GET, /* whole */
	UAPI_REQUEST_SET, /* whole; or not kept, see fault */
	UAPI_REQUEST_UNKNOWN, /* it begins with no operation there is: hang up */
};

/*
 * uapi_request_room returns where the next bytes are to be put, and in *room (> 0) how many; NULL
 * if there is no memory for a single one. uapi_request_add takes in the `len` bytes that were put
 * there. A set that gets longer than UAPI_REQUEST_MAX, or than there is memory for, is not kept,
 * only its end is looked for: `fault` is -E2BIG or -ENOMEM.
 */
char *uapi_request_room(struct uapi_request *request, size_t *room);
void uapi_request_add(struct uapi_request *request, size_t len);

/* uapi_request_state tells what has come, and of a whole request in *len its length. */
enum uapi_request_state uapi_request_state(struct uapi_request *request, size_t *len)
	__attribute__((warn_unused_result));

/* uapi_request_done wipes the first `len` bytes, a whole request; what follows is the next one. */
void uapi_request_done(struct uapi_request *request, size_t len);

/* uapi_request_fini wipes and frees all of it. */
void uapi_request_fini(struct uapi_request *request);
