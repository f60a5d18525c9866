/*
 * Fuzz target: a UAPI connection: its bytes in pieces of any size, cut into requests, each "set"
 * read to its end; and the same bytes in one piece, which must come to the same.
 * Threads: one.
 *
 * The input: a byte that chooses the pieces, then what the client sends.
 */
#include "demand.h"

#include "control/uapi_request.h"
#include "control/uapi_set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What has been seen, as one number (FNV-1a). */
static void
note(uint64_t *seen, const void *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		*seen = (*seen ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
}

static void
note_number(uint64_t *seen, int64_t number)
{
	note(seen, &number, sizeof(number));
}

static void
check_prefix(const struct prefix *prefix)
{
	char text[PREFIX_TEXT_MAX];
	struct prefix again;

	demand(prefix_parse(prefix_format(prefix, text), &again, NULL) == 0 &&
			prefix_compare(prefix, &again) == 0,
		"a prefix that does not survive its text");
}

static void
check_endpoint(const struct endpoint *endpoint)
{
	char text[ENDPOINT_TEXT_MAX];
	struct endpoint again;

	demand(endpoint->port != 0, "an endpoint without a port");
	demand(endpoint_parse(endpoint_format(endpoint, text), &again) == 0 &&
			endpoint_equal(endpoint, &again),
		"an endpoint that does not survive its text");
}

static void
check_operation(const struct uapi_operation *operation, uint64_t *seen)
{
	note_number(seen, operation->kind);
	switch (operation->kind) {
	case UAPI_PRIVATE_KEY:
	case UAPI_PUBLIC_KEY:
	case UAPI_PRESHARED_KEY:
		note(seen, operation->key, sizeof(operation->key));
		break;
	case UAPI_LISTEN_PORT:
	case UAPI_KEEPALIVE:
		demand(operation->number <= UINT16_MAX, "a number beyond 16 bits");
		note_number(seen, operation->number);
		break;
	case UAPI_FWMARK:
		note_number(seen, operation->number);
		break;
	case UAPI_ENDPOINT:
		check_endpoint(&operation->endpoint);
		note(seen, &operation->endpoint, sizeof(operation->endpoint));
		break;
	case UAPI_ALLOWED_IP:
	case UAPI_REMOVE_ALLOWED_IP:
		check_prefix(&operation->prefix);
		note(seen, &operation->prefix, sizeof(operation->prefix));
		break;
	case UAPI_REPLACE_PEERS:
	case UAPI_REMOVE:
	case UAPI_UPDATE_ONLY:
	case UAPI_REPLACE_ALLOWED_IPS:
	case UAPI_PROTOCOL_VERSION:
		break;
	}
}

/* From memory of exactly the request's size, so that reading beyond it is seen. */
static void
read_set(const char *text, size_t len, uint64_t *seen)
{
	char *exact = malloc(len);
	struct uapi_operation operation;
	struct uapi_set set;
	int result;

	demand(exact != NULL, "memory");
	memcpy(exact, text, len);
	uapi_set_init(&set, exact, len);
	while ((result = uapi_set_next(&set, &operation)) == 1)
		check_operation(&operation, seen);
	note_number(seen, result);
	note_number(seen, set.line);
	demand((result < 0) == (set.fault != NULL), "an error and its text do not go together");
	demand(uapi_set_next(&set, &operation) == 0, "reading goes on behind the end");
	free(exact);
}

static size_t
piece_len(uint8_t choice, size_t at)
{
	return choice == 0 ? SIZE_MAX : 1 + (choice * (at + 1) * 2654435761U >> 7) % choice;
}

static uint64_t
converse(const uint8_t *data, size_t len, uint8_t choice)
{
	struct uapi_request request = {0};
	uint64_t seen = UINT64_C(0xcbf29ce484222325);
	size_t at = 0;

	for (;;) {
		size_t whole = 0;
		const enum uapi_request_state state = uapi_request_state(&request, &whole);

		if (state == UAPI_REQUEST_PARTIAL) {
			size_t piece = piece_len(choice, at);
			size_t room;
			char *to = uapi_request_room(&request, &room);

			demand(to != NULL && room > 0, "memory");
			piece = piece < room ? piece : room;
			piece = piece < len - at ? piece : len - at;
			if (piece == 0)
				break;
			memcpy(to, data + at, piece);
			uapi_request_add(&request, piece);
			at += piece;
			continue;
		}
		note_number(&seen, state);
		if (state == UAPI_REQUEST_UNKNOWN)
			break;
		note_number(&seen, (int64_t)whole);
		if (state == UAPI_REQUEST_SET)
			read_set(request.text, whole, &seen);
		uapi_request_done(&request, whole);
	}
	uapi_request_fini(&request);
	return seen;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len == 0)
		return 0;
	demand(converse(data + 1, len - 1, 0) == converse(data + 1, len - 1, data[0]),
		"pieces come to something else than the whole");
	return 0;
}
