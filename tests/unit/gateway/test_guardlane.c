/*
 * The public library: settings that cannot be meant are refused with words.
 */
#include "guardlane.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct lines {
	char last[1024];
	unsigned count;
};

static void
take_line(void *context, enum gl_log_level level, const char *line)
{
	struct lines *lines = context;

	snprintf(lines->last, sizeof(lines->last), "%s", line);
	lines->count++;
}

static void
refuses(const char *underlay, const char *interface, const char *words)
{
	struct lines lines = {.count = 0};
	struct gl_gateway *gateway = NULL;
	const struct gl_gateway_settings settings = {
		.underlay = underlay,
		.underlay_interface = interface,
		.lane_count = 1,
		.memory_mib = 1,
		.log = {.level = GL_LOG_INFO, .write = take_line, .context = &lines},
	};

	assert_int_equal(gl_gateway_create(&settings, &gateway), -EINVAL);
	assert_null(gateway);
	assert_int_equal(lines.count, 1);
	if (strstr(lines.last, words) == NULL)
		fail_msg("no \"%s\" in: %s", words, lines.last);
}

static void
underlay_must_be_of_a_known_kind(void **state)
{
	refuses("eth0", NULL, "known kind");
	refuses("vdev:net_tap0", NULL, "--underlay-interface");
	refuses("pci:0000:3b:00.0", NULL, "--underlay-interface");
}

/* Cut off they would be the names of other interfaces. */
static void
interface_names_that_are_too_long_are_refused(void **state)
{
	refuses("af_packet:sixteen-letters-", NULL, "\"sixteen-letters-\": the name");
	refuses("af_packet:", NULL, "\"\": the name");
	refuses("vdev:net_tap0", "sixteen-letters-", "\"sixteen-letters-\": the name");
	refuses("vdev:net_af_packet0,iface=sixteen-letters-,qpairs=1", NULL,
		"\"sixteen-letters-\": the name");
	refuses("vdev:net_af_packet0,iface=,qpairs=1", NULL, "\"\": the name");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(underlay_must_be_of_a_known_kind),
		cmocka_unit_test(interface_names_that_are_too_long_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
