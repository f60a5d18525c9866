/*
 * The status as JSON, and as a table of several widths.
 */
#include "status_json.h"
#include "status_table.h"
#include "status_text.h"

#include "a_status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct plan plan = {.tunnels = {{.hash = "0123456789abcdef"}}, .tunnel_count = 1};

/* What runs, of which this test has none. */
struct gl_gateway *
instance_gateway(const struct instance *instance)
{
	return NULL;
}

const struct plan *
instance_plan(const struct instance *instance)
{
	return &plan;
}

unsigned
instance_generation(const struct instance *instance)
{
	return 4;
}

static json_t *
document(void)
{
	json_t *made = status_json_make(
		a_status(), &(const struct status_head){.generation = 3, .plan = &plan});

	assert_non_null(made);
	return made;
}

static char *
table_of(const json_t *now, const json_t *before, double interval_s, unsigned width)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	status_table_print(
		&(const struct status_view){
			.now = now, .before = before, .interval_s = interval_s, .width = width},
		out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void
assert_has(const char *text, const char *words)
{
	if (strstr(text, words) == NULL)
		fail_msg("\"%s\" is not in:\n%s", words, text);
}

static const json_t *
peer_of(const json_t *made, size_t number)
{
	return json_array_get(
		json_object_get(json_array_get(json_object_get(made, "tunnels"), 0), "peers"),
		number);
}

static void
the_json_has_everything(void **state)
{
	json_t *made = document();
	const json_t *peer = peer_of(made, 0);

	assert_true(json_is_true(json_object_get(made, "clustering")));
	assert_int_equal(json_integer_value(json_object_get(made, "generation")), 3);
	assert_string_equal(json_string_value(json_object_get(peer, "name")), "db-2");
	assert_string_equal(json_string_value(json_object_get(peer, "configured_endpoint")),
		"db-2.example:4567");
	assert_true(json_real_value(json_object_get(peer, "latest_handshake")) == 1700000000.0);
	assert_true(json_real_value(json_object_get(peer, "handshake_age_s")) == 12.5);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(peer, "rx"), "bytes")),
		1288490189);
	assert_true(json_is_null(json_object_get(peer, "diagnosis")));
	peer = peer_of(made, 1);
	assert_true(json_is_null(json_object_get(peer, "latest_handshake")));
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(peer, "diagnosis"), "kind")),
		"never-answered");
	assert_true(json_is_null(json_object_get(peer_of(made, 2), "endpoint")));
	json_decref(made);
}

static void
without_clustering_the_json_says_so(void **state)
{
	char *text = status_json(NULL);
	json_t *made = json_loads(text, 0, NULL);
	char *table;

	assert_non_null(made);
	assert_true(json_is_false(json_object_get(made, "clustering")));
	assert_int_equal(json_integer_value(json_object_get(made, "generation")), 4);
	table = table_of(made, NULL, 0, 0);
	assert_has(table, "clustering is off");
	free(table);
	json_decref(made);
	free(text);
}

static void
the_table_is_as_wide_as_need_be(void **state)
{
	json_t *made;
	char *table;

	a_status();
	made = document();
	table = table_of(made, NULL, 0, 0);
	assert_has(table,
		", up 2 h 3 min, configuration 3, underlay net_af_packet0 (MTU 1500)\n"
		"lane 0: load 25.0 %, packets a batch: 3.2 in, - out\n"
		"\n"
		"wg0: 10.8.3.1/24, UDP port 4567, MTU 1420, public key "
		"EEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEA=, public file 0123456789abcdef\n"
		"peer               endpoint           handshake       in      out  lost\n"
		"db-2               198.51.100.2:4567       12 s  1.2 GiB  1.0 MiB     0\n"
		"a \"quoted\" \\ name  198.51.100.3:4567      never      0 B  1.7 KiB     0\n"
		"CCCC…CCCA                                 never      0 B      0 B     0\n"
		"! a \"quoted\" \\ name: never answered, 12 initiations in 58 s\n"
		"  -> is it running?\n"
		"! CCCC…CCCA: no endpoint is known\n"
		"  -> give an Endpoint\n"
		"! unknown key DDDD…DDDA initiates from 198.51.100.9:4567 (3 times, the last 4 s "
		"ago)\n"
		"  -> is vpn-public.conf older here?\n");
	assert_null(strstr(table, "dropped"));
	assert_null(strchr(table, '\033'));
	free(table);
	json_decref(made);
}

static void
drops_are_listed(void **state)
{
	struct gl_status *status = a_status();
	json_t *made;
	char *table;

	a_status_drop("in_auth", 5);
	a_status_drop("handshake_old", 12345);
	made = status_json_make(
		status, &(const struct status_head){.generation = 1, .plan = &plan});
	table = table_of(made, NULL, 0, 0);
	assert_has(table,
		"\ndropped in all\n"
		"  in_auth                  5\n"
		"  handshake_old        12345\n");
	/* Handshake messages are not among what a peer lost. */
	assert_has(table, "never      0 B  1.7 KiB     5\n");
	free(table);
	json_decref(made);
}

static void
rates_come_from_two_documents(void **state)
{
	json_t *before = document();
	json_t *now = document();
	json_t *rx = json_object_get(peer_of(now, 0), "rx");
	json_t *lane = json_array_get(json_object_get(now, "lanes"), 0);
	char *table;

	json_object_set_new(rx, "bytes", json_integer(1288490189 + 2 * 1024 * 1024));
	json_object_set_new(lane, "busy_s", json_real(26));
	json_object_set_new(lane, "total_s", json_real(102));
	table = table_of(now, before, 2, 0);
	assert_has(table, "lane 0: load 50.0 %, packets a batch: - in, - out\n");
	assert_has(table,
		"peer               endpoint           handshake     in/s  out/s       in      "
		"out  lost\n"
		"db-2               198.51.100.2:4567       12 s  1.0 MiB    0 B  1.2 GiB  1.0 MiB "
		"    0\n");
	free(table);
	json_decref(before);
	json_decref(now);
}

/* Whatever the width, no line is wider, and the handshake's age is the last to go. */
static void
narrow_terminals_get_narrow_tables(void **state)
{
	json_t *made = document();

	for (unsigned width = 20; width < 120; width++) {
		char *table = table_of(made, made, 1, width);
		char *rest = table;
		char *line;

		while ((line = strsep(&rest, "\n")) != NULL)
			if (status_text_width(line) > width)
				fail_msg("%u columns: %s", width, line);
		free(table);
	}
	json_decref(made);
}

static void
a_narrow_table(void **state)
{
	json_t *made = document();
	char *table = table_of(made, NULL, 0, 40);

	assert_has(table,
		"wg0: 10.8.3.1/24, UDP port 4567, MTU\n"
		"  1420, public key\n"
		"  EEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEE\n"
		"  EEEEA=, public file 0123456789abcdef\n"
		"peer            handshake       in  lost\n"
		"db-2                 12 s  1.2 GiB     0\n"
		"a \"quoted\" \\ …      never      0 B     0\n"
		"CCCC…CCCA           never      0 B     0\n"
		"! a \"quoted\" \\ name: never answered, 12\n"
		"  initiations in 58 s\n");
	free(table);
	json_decref(made);
}

static void
amounts_and_durations(void **state)
{
	static const struct {
		double value;
		const char *bytes;
		const char *duration;
	} rows[] = {
		{0, "0 B", "0 s"},
		{999, "999 B", "16 min"},
		{1023, "1023 B", "17 min"},
		{1023.96, "1.0 KiB", "17 min"},
		{1536, "1.5 KiB", "25 min"},
		{119, "119 B", "119 s"},
		{7200, "7.0 KiB", "2 h 0 min"},
		{1048575, "1.0 MiB", "12 d 3 h"},
		{1e18, "888.2 PiB", NULL},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[64];

		status_text_bytes(rows[i].value, text, sizeof(text));
		assert_string_equal(text, rows[i].bytes);
		if (rows[i].duration == NULL)
			continue;
		status_text_duration(rows[i].value, text, sizeof(text));
		assert_string_equal(text, rows[i].duration);
	}
}

static void
cutting_counts_characters(void **state)
{
	char cut[32];

	status_text_cut("größer", 6, cut, sizeof(cut));
	assert_string_equal(cut, "größer");
	status_text_cut("größer", 5, cut, sizeof(cut));
	assert_string_equal(cut, "größ…");
	assert_int_equal(status_text_width(cut), 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_json_has_everything),
		cmocka_unit_test(without_clustering_the_json_says_so),
		cmocka_unit_test(the_table_is_as_wide_as_need_be),
		cmocka_unit_test(drops_are_listed),
		cmocka_unit_test(rates_come_from_two_documents),
		cmocka_unit_test(narrow_terminals_get_narrow_tables),
		cmocka_unit_test(a_narrow_table),
		cmocka_unit_test(amounts_and_durations),
		cmocka_unit_test(cutting_counts_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
