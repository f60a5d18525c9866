/*
 * Tests of base/log: levels, the length limit, lines that stay one line.
 * Black box against the header.
 * Threads: none.
 */
#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct sink {
	unsigned count;
	enum log_level level;
	char line[2048];
};

static void
sink_write(void *context, enum log_level level, const char *line)
{
	struct sink *sink = context;

	sink->count++;
	sink->level = level;
	(void)snprintf(sink->line, sizeof(sink->line), "%s", line);
}

static void
test_levels(void **state)
{
	(void)state;
	for (int limit = LOG_LEVEL_ERROR; limit <= LOG_LEVEL_DEBUG; limit++) {
		for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
			struct sink sink = {.level = LOG_LEVEL_DEBUG};
			struct log log = {(enum log_level)limit, sink_write, &sink};

			log_write(&log, (enum log_level)level, "%s is %d", "answer", 42);
			assert_int_equal(sink.count, level <= limit);
			if (level > limit)
				continue;
			assert_int_equal(sink.level, level);
			assert_string_equal(sink.line, "answer is 42");
		}
	}
}

static void
test_shorthands(void **state)
{
	struct sink sink = {0};
	struct log log = {LOG_LEVEL_DEBUG, sink_write, &sink};

	(void)state;
	log_error(&log, "e%d", 1);
	assert_int_equal(sink.level, LOG_LEVEL_ERROR);
	assert_string_equal(sink.line, "e1");
	log_warning(&log, "w%d", 2);
	assert_int_equal(sink.level, LOG_LEVEL_WARNING);
	log_info(&log, "i%d", 3);
	assert_int_equal(sink.level, LOG_LEVEL_INFO);
	log_debug(&log, "d%d", 4);
	assert_int_equal(sink.level, LOG_LEVEL_DEBUG);
	assert_string_equal(sink.line, "d4");
	assert_int_equal(sink.count, 4);
	log_error(NULL, "nobody hears %s", "this");
	assert_int_equal(sink.count, 4);
}

static void
test_long(void **state)
{
	struct sink sink = {0};
	struct log log = {LOG_LEVEL_INFO, sink_write, &sink};
	char text[1501];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[1500] = '\0';
	log_info(&log, "%s", text);
	assert_int_equal(strlen(sink.line), 1023);
	text[1023] = '\0';
	log_info(&log, "%s", text);
	assert_string_equal(sink.line, text);
}

static void
test_one_line(void **state)
{
	struct sink sink = {0};
	struct log log = {LOG_LEVEL_INFO, sink_write, &sink};

	(void)state;
	log_info(&log, "peer %s", "a\nfaked\r\x1b[1m\x7f\tb \xc3\xa4");
	assert_string_equal(sink.line, "peer a?faked??[1m??b \xc3\xa4");
}

static void
test_names(void **state)
{
	(void)state;
	assert_string_equal(log_level_name(LOG_LEVEL_ERROR), "error");
	assert_string_equal(log_level_name(LOG_LEVEL_WARNING), "warning");
	assert_string_equal(log_level_name(LOG_LEVEL_INFO), "info");
	assert_string_equal(log_level_name(LOG_LEVEL_DEBUG), "debug");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_shorthands),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_one_line),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
