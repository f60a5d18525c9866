/*
 * A stream of bytes, cut into requests, however it comes.
 */
#include "control/uapi_request.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

/* Puts bytes in, in pieces of at most `piece`, until a request is whole, or all of them are in. */
static enum uapi_request_state
feed(struct uapi_request *request, const char **bytes, size_t *left, size_t piece, size_t *len)
{
	enum uapi_request_state state = uapi_request_state(request, len);

	while (state == UAPI_REQUEST_PARTIAL && *left > 0) {
		size_t count = *left < piece ? *left : piece;
		size_t room;
		char *to = uapi_request_room(request, &room);

		assert_non_null(to);
		assert_true(room > 0);
		count = room < count ? room : count;
		memcpy(to, *bytes, count);
		uapi_request_add(request, count);
		*bytes += count;
		*left -= count;
		state = uapi_request_state(request, len);
	}
	return state;
}

static enum uapi_request_state
feed_text(struct uapi_request *request, const char *text, size_t *len)
{
	size_t left = strlen(text);

	return feed(request, &text, &left, SIZE_MAX, len);
}

static void
requests_are_cut_apart_whatever_the_pieces(void **state)
{
	static const char stream[] = "get=1\n\nset=1\nlisten_port=1\n\nset=1\n\nget=1\nx\n\nget";
	static const struct {
		enum uapi_request_state state;
		const char *text;
	} expected[] = {
		{UAPI_REQUEST_GET, "get=1\n\n"},
		{UAPI_REQUEST_SET, "set=1\nlisten_port=1\n\n"},
		{UAPI_REQUEST_SET, "set=1\n\n"},
		{UAPI_REQUEST_GET, "get=1\nx\n\n"},
	};

	for (size_t piece = 1; piece < sizeof(stream); piece++) {
		struct uapi_request request = {0};
		const char *bytes = stream;
		size_t left = sizeof(stream) - 1;
		size_t len;

		for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
			assert_int_equal(
				feed(&request, &bytes, &left, piece, &len), expected[i].state);
			assert_int_equal(len, strlen(expected[i].text));
			assert_memory_equal(request.text, expected[i].text, len);
			uapi_request_done(&request, len);
		}
		assert_int_equal(feed(&request, &bytes, &left, piece, &len), UAPI_REQUEST_PARTIAL);
		uapi_request_fini(&request);
	}
}

static void
what_begins_with_no_operation_is_known_at_once(void **state)
{
	static const char *const texts[] = {
		"x", "\n", "\nset=1\n\n", "set=2", "set=1x", "get=1 ", "set=1\r\n", "SET=1\n"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct uapi_request request = {0};
		size_t len;

		assert_int_equal(feed_text(&request, texts[i], &len), UAPI_REQUEST_UNKNOWN);
		uapi_request_fini(&request);
	}
}

static void
a_long_request_is_kept_whole(void **state)
{
	const size_t size = 5 << 20;
	struct uapi_request request = {0};
	char *text = malloc(size + 1);
	const char *bytes = text;
	size_t left = size;
	size_t len;

	assert_non_null(text);
	for (size_t i = 0; i < size; i++)
		text[i] = (char)('a' + i % 23);
	memcpy(text, "set=1\n", 6);
	memcpy(text + size - 2, "\n\n", 3);
	assert_int_equal(feed(&request, &bytes, &left, 4095, &len), UAPI_REQUEST_SET);
	assert_int_equal(request.fault, 0);
	assert_int_equal(len, size);
	assert_memory_equal(request.text, text, size);
	uapi_request_done(&request, len);
	/* The memory is given back with it. */
	assert_int_equal(request.room, 0);
	uapi_request_fini(&request);
	free(text);
}

/* Feeds "set=1", `count` times a line of 1,024 bytes, and an empty line; its fault. */
static int
fault_of_long_request(struct uapi_request *request, size_t count, size_t *len)
{
	char line[1025];

	memset(line, 'x', sizeof(line));
	line[1023] = '\n';
	line[1024] = '\0';
	assert_int_equal(feed_text(request, "set=1\n", len), UAPI_REQUEST_PARTIAL);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(feed_text(request, line, len), UAPI_REQUEST_PARTIAL);
	assert_int_equal(feed_text(request, "\nget=1\n\n", len), UAPI_REQUEST_SET);
	return request->fault;
}

static void
one_that_is_too_long_is_followed_to_its_end_and_not_kept(void **state)
{
	struct uapi_request request = {0};
	size_t len;

	assert_int_equal(
		fault_of_long_request(&request, UAPI_REQUEST_MAX / 1024 + 10, &len), -E2BIG);
	uapi_request_done(&request, len);
	/* The one behind it is read as ever. */
	assert_int_equal(uapi_request_state(&request, &len), UAPI_REQUEST_GET);
	assert_int_equal(request.fault, 0);
	uapi_request_fini(&request);
}

static void
without_memory_it_is_not_kept_either(void **state)
{
	struct uapi_request request = {0};
	struct rlimit before, less;
	size_t len;
	int fault;

	assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
	less = before;
	assert_int_equal(feed_text(&request, "set=1\n", &len), UAPI_REQUEST_PARTIAL);
	less.rlim_cur = 1 << 20;
	assert_int_equal(setrlimit(RLIMIT_AS, &less), 0);
	fault = fault_of_long_request(&request, 100, &len);
	assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
	assert_int_equal(fault, -ENOMEM);
	uapi_request_fini(&request);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_cut_apart_whatever_the_pieces),
		cmocka_unit_test(what_begins_with_no_operation_is_known_at_once),
		cmocka_unit_test(a_long_request_is_kept_whole),
		cmocka_unit_test(one_that_is_too_long_is_followed_to_its_end_and_not_kept),
		cmocka_unit_test(without_memory_it_is_not_kept_either),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
