/*
 * Tests of the list of what is wrong.
 * On the packet's way: nowhere.
 * Threads: one.
 */
#include "config/report.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

static void
texts_of_entries(void **state)
{
	struct report report = {0};
	char text[128], file[] = "a.conf";

	report_add(&report, REPORT_ERROR, file, 7, "%s %d", "wrong", 42);
	report_add(&report, REPORT_WARNING, file, 0, "all of it");
	report_add(&report, REPORT_ERROR, NULL, 0, "nowhere");
	/* The report has copies. */
	file[0] = 'b';
	assert_int_equal(report.count, 3);
	assert_int_equal(report.errors, 2);
	assert_string_equal(
		report_format(&report.entries[0], text, sizeof(text)), "a.conf:7: error: wrong 42");
	assert_string_equal(report_format(&report.entries[1], text, sizeof(text)),
		"a.conf: warning: all of it");
	assert_string_equal(
		report_format(&report.entries[2], text, sizeof(text)), "error: nowhere");
	assert_string_equal(report_format(&report.entries[2], text, 8), "error: ");
	assert_int_equal(report.entries[0].line, 7);
	assert_int_equal(report.entries[1].severity, REPORT_WARNING);
	report_fini(&report);
	assert_null(report.entries);
	assert_int_equal(report.count, 0);
	assert_int_equal(report.errors, 0);
	report_fini(&report);
}

static void
many_entries_stay_in_order(void **state)
{
	struct report report = {0};

	for (unsigned i = 1; i <= 1000; i++)
		report_add(&report, REPORT_WARNING, "f", i, "entry %u", i);
	assert_int_equal(report.count, 1000);
	assert_int_equal(report.errors, 0);
	for (unsigned i = 1; i <= 1000; i++)
		assert_int_equal(report.entries[i - 1].line, i);
	assert_string_equal(report.entries[999].text, "entry 1000");
	report_fini(&report);
}

/* An entry whose text was lost for want of memory. */
static void
an_entry_without_text(void **state)
{
	struct report_entry entry = {.severity = REPORT_ERROR};
	char text[64];

	assert_string_equal(
		report_format(&entry, text, sizeof(text)), "error: no memory to say what");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_of_entries),
		cmocka_unit_test(many_entries_stay_in_order),
		cmocka_unit_test(an_entry_without_text),
	};

	return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
