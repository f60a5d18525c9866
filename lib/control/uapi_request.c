/*
 * What comes by a UAPI connection, cut into requests.
 * On the packet's way: nowhere.
 * Threads: one at a time; no I/O.
 */
#include "control/uapi_request.h"

#include "base/secret.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define ROOM_AT_FIRST 4096
#define OPERATION_LEN (sizeof("set=1\n") - 1)

_Static_assert(UAPI_REQUEST_MAX % ROOM_AT_FIRST == 0, "doubled again and again it is reached");

/* Keeps the operation, and the last byte, which may begin the empty line. */
static void
drop_lines(struct uapi_request *request)
{
	const char last = request->text[request->len - 1];

	if (request->len <= OPERATION_LEN)
		return;
	secret_wipe(request->text + OPERATION_LEN, request->len - OPERATION_LEN);
	request->text[OPERATION_LEN] = last;
	request->searched = OPERATION_LEN;
	request->len = OPERATION_LEN + 1;
}

static bool
grow(struct uapi_request *request)
{
	const size_t room = request->room == 0 ? ROOM_AT_FIRST : 2 * request->room;
	char *text = secret_alloc(room);

	if (text == NULL)
		return false;
	if (request->len > 0)
		memcpy(text, request->text, request->len);
	secret_free(request->text);
	request->text = text;
	request->room = room;
	return true;
}

char *
uapi_request_room(struct uapi_request *request, size_t *room)
{
	if (request->len == request->room) {
		const bool longest = request->room == UAPI_REQUEST_MAX;

		if (longest || !grow(request)) {
			if (request->room == 0)
				return NULL;
			request->fault = longest ? -E2BIG : -ENOMEM;
			drop_lines(request);
		}
	}
	*room = request->room - request->len;
	return request->text + request->len;
}

void
uapi_request_add(struct uapi_request *request, size_t len)
{
	request->len += len;
}

static bool
may_be(const struct uapi_request *request, const char operation[static OPERATION_LEN])
{
	return request->len == 0 ||
		memcmp(request->text, operation,
			request->len < OPERATION_LEN ? request->len : OPERATION_LEN) == 0;
}

enum uapi_request_state
uapi_request_state(struct uapi_request *request, size_t *len)
{
	const bool get = may_be(request, "get=1\n");
	const char *end;

	if (!get && !may_be(request, "set=1\n"))
		return UAPI_REQUEST_UNKNOWN;
	if (request->len < OPERATION_LEN)
		return UAPI_REQUEST_PARTIAL;
	end = memmem(
		request->text + request->searched, request->len - request->searched, "\n\n", 2);
	if (end == NULL) {
		request->searched = request->len - 1;
		if (request->fault != 0)
			drop_lines(request);
		return UAPI_REQUEST_PARTIAL;
	}
	*len = (size_t)(end + 2 - request->text);
	return get ? UAPI_REQUEST_GET : UAPI_REQUEST_SET;
}

void
uapi_request_done(struct uapi_request *request, size_t len)
{
	const size_t rest = request->len - len;

	if (rest == 0) {
		uapi_request_fini(request);
		return;
	}
	memmove(request->text, request->text + len, rest);
	secret_wipe(request->text + rest, len);
	request->len = rest;
	request->searched = 0;
	request->fault = 0;
}

void
uapi_request_fini(struct uapi_request *request)
{
	secret_free(request->text);
	*request = (struct uapi_request){0};
}
