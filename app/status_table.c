/*
 * Laying out the table.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "status_table.h"

#include "status_text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define CELL_MAX 96
#define GAP 2
/* A shortened name still tells peers apart. */
#define NAME_LEAST 12

/* In order of appearance. The one that goes first when there is no room has the lowest `keep`. */
enum column {
	COLUMN_NAME,
	COLUMN_ENDPOINT,
	COLUMN_HANDSHAKE,
	COLUMN_RX_RATE,
	COLUMN_TX_RATE,
	COLUMN_RX,
	COLUMN_TX,
	COLUMN_LOST,
	COLUMN_COUNT
};

static const struct {
	const char *title;
	unsigned keep;
	bool right;
} columns[COLUMN_COUNT] = {
	[COLUMN_NAME] = {"peer", 9, false},
	[COLUMN_ENDPOINT] = {"endpoint", 2, false},
	[COLUMN_HANDSHAKE] = {"handshake", 8, true},
	[COLUMN_RX_RATE] = {"in/s", 6, true},
	[COLUMN_TX_RATE] = {"out/s", 5, true},
	[COLUMN_RX] = {"in", 4, true},
	[COLUMN_TX] = {"out", 3, true},
	[COLUMN_LOST] = {"lost", 7, true},
};

struct row {
	char cells[COLUMN_COUNT][CELL_MAX];
};

static const char *
text_of(const json_t *object, const char *member)
{
	const char *text = json_string_value(json_object_get(object, member));

	return text != NULL ? text : "";
}

static double
number_of(const json_t *object, const char *member)
{
	return json_number_value(json_object_get(object, member));
}

/* -- rates: the same peer or lane in the document before --------------------------------------- */

static const json_t *
same_by(const json_t *array, const char *member, const char *value)
{
	const json_t *element;
	size_t i;

	json_array_foreach(
		array, i, element) if (strcmp(text_of(element, member), value) == 0) return element;
	return NULL;
}

/* A counter that has fallen belongs to another life of the peer: then there is no rate. */
static void
format_rate(const struct status_view *view, const json_t *now, const json_t *before,
	const char *direction, char cell[CELL_MAX])
{
	double bytes;

	cell[0] = '\0';
	if (before == NULL || view->interval_s <= 0)
		return;
	bytes = number_of(json_object_get(now, direction), "bytes") -
		number_of(json_object_get(before, direction), "bytes");
	if (bytes >= 0)
		status_text_bytes(bytes / view->interval_s, cell, CELL_MAX);
}

/* -- rows -------------------------------------------------------------------------------------- */

/* Packets; handshake messages are not what is lost to anybody. */
static double
lost_packets(const json_t *peer)
{
	json_t *drops = json_object_get(peer, "drops");
	const char *reason;
	json_t *count;
	double sum = 0;

	json_object_foreach(drops, reason, count) if (strncmp(reason, "handshake_", 10) != 0) sum +=
		json_number_value(count);
	return sum;
}

static void
fill_row(const struct status_view *view, const json_t *peer, const json_t *before, struct row *row)
{
	const json_t *age = json_object_get(peer, "handshake_age_s");

	snprintf(row->cells[COLUMN_NAME], CELL_MAX, "%s", text_of(peer, "name"));
	snprintf(row->cells[COLUMN_ENDPOINT], CELL_MAX, "%s", text_of(peer, "endpoint"));
	if (json_is_number(age))
		status_text_duration(
			json_number_value(age), row->cells[COLUMN_HANDSHAKE], CELL_MAX);
	else
		snprintf(row->cells[COLUMN_HANDSHAKE], CELL_MAX, "never");
	format_rate(view, peer, before, "rx", row->cells[COLUMN_RX_RATE]);
	format_rate(view, peer, before, "tx", row->cells[COLUMN_TX_RATE]);
	status_text_bytes(
		number_of(json_object_get(peer, "rx"), "bytes"), row->cells[COLUMN_RX], CELL_MAX);
	status_text_bytes(
		number_of(json_object_get(peer, "tx"), "bytes"), row->cells[COLUMN_TX], CELL_MAX);
	snprintf(row->cells[COLUMN_LOST], CELL_MAX, "%.0f", lost_packets(peer));
}

/* -- layout ------------------------------------------------------------------------------------ */

static unsigned
total_width(const unsigned widths[COLUMN_COUNT])
{
	unsigned total = 0;

	for (unsigned c = 0; c < COLUMN_COUNT; c++)
		if (widths[c] > 0)
			total += widths[c] + (total > 0 ? GAP : 0);
	return total;
}

/* A width of 0 leaves the column out. */
static void
fit(unsigned widths[COLUMN_COUNT], unsigned width)
{
	while (total_width(widths) > width) {
		const unsigned over = total_width(widths) - width;
		unsigned least = COLUMN_NAME;

		if (widths[COLUMN_NAME] >= NAME_LEAST + over) {
			widths[COLUMN_NAME] -= over;
			return;
		}
		for (unsigned c = 0; c < COLUMN_COUNT; c++)
			if (widths[c] > 0 && columns[c].keep < columns[least].keep)
				least = c;
		if (least == COLUMN_NAME) {
			widths[COLUMN_NAME] = width;
			return;
		}
		widths[least] = 0;
	}
}

static void
measure(const struct row *rows, size_t count, unsigned width, unsigned widths[COLUMN_COUNT])
{
	for (unsigned c = 0; c < COLUMN_COUNT; c++) {
		widths[c] = 0;
		for (size_t i = 0; i < count; i++) {
			const unsigned len = status_text_width(rows[i].cells[c]);

			if (len > widths[c])
				widths[c] = len;
		}
		if (widths[c] > 0 && widths[c] < strlen(columns[c].title))
			widths[c] = (unsigned)strlen(columns[c].title);
	}
	if (width > 0)
		fit(widths, width);
}

/* No blanks at the end of a line. */
static void
print_row(const struct row *row, const unsigned widths[COLUMN_COUNT], FILE *out)
{
	unsigned gap = 0;

	for (unsigned c = 0; c < COLUMN_COUNT; c++) {
		char cell[CELL_MAX];
		unsigned pad;

		if (widths[c] == 0)
			continue;
		status_text_cut(row->cells[c], widths[c], cell, sizeof(cell));
		pad = widths[c] - status_text_width(cell);
		if (columns[c].right) {
			gap += pad;
			pad = 0;
		}
		if (cell[0] != '\0') {
			fprintf(out, "%*s%s", (int)gap, "", cell);
			gap = 0;
		} else {
			pad += widths[c] - pad;
		}
		gap += pad + GAP;
	}
	fputc('\n', out);
}

static void
print_peers(const struct status_view *view, const json_t *tunnel, FILE *out)
{
	const json_t *peers = json_object_get(tunnel, "peers");
	const json_t *before = json_object_get(
		same_by(json_object_get(view->before, "tunnels"), "name", text_of(tunnel, "name")),
		"peers");
	const size_t count = json_array_size(peers);
	struct row *rows = calloc(count + 1, sizeof(*rows));
	unsigned widths[COLUMN_COUNT];
	struct row titles;

	if (rows == NULL)
		return;
	for (size_t i = 0; i < count; i++) {
		const json_t *peer = json_array_get(peers, i);
		const json_t *same = json_array_get(before, i);
		const char *key = text_of(peer, "public_key");

		/* Mostly it is where it was. */
		if (same == NULL || strcmp(text_of(same, "public_key"), key) != 0)
			same = same_by(before, "public_key", key);
		fill_row(view, peer, same, &rows[i]);
	}
	measure(rows, count, view->width, widths);
	for (unsigned c = 0; c < COLUMN_COUNT; c++)
		snprintf(titles.cells[c], CELL_MAX, "%s", columns[c].title);
	if (count > 0)
		print_row(&titles, widths, out);
	for (size_t i = 0; i < count; i++)
		print_row(&rows[i], widths, out);
	free(rows);
}

/* -- head -------------------------------------------------------------------------------------- */

static void
print_head(const struct status_view *view, FILE *out)
{
	const json_t *underlay = json_object_get(view->now, "underlay");
	char uptime[CELL_MAX];

	status_text_duration(number_of(view->now, "uptime_s"), uptime, sizeof(uptime));
	status_text_wrap(out, view->width, 0,
		"guardlane %s, up %s, configuration %.0f, underlay %s (MTU %.0f)",
		text_of(view->now, "version"), uptime, number_of(view->now, "generation"),
		text_of(underlay, "name"), number_of(underlay, "mtu"));
}

/* Packets a batch; "-" where there was none. */
static void
format_fill(const json_t *now, const json_t *before, const char *direction, char cell[CELL_MAX])
{
	const json_t *way = json_object_get(now, direction);
	const json_t *way_before = json_object_get(before, direction);
	const double batches = number_of(way, "batches") - number_of(way_before, "batches");
	const double packets = number_of(way, "packets") - number_of(way_before, "packets");

	if (batches > 0)
		snprintf(cell, CELL_MAX, "%.1f", packets / batches);
	else
		snprintf(cell, CELL_MAX, "-");
}

static void
print_lanes(const struct status_view *view, FILE *out)
{
	const json_t *lanes = json_object_get(view->now, "lanes");
	const json_t *lane;
	size_t i;

	json_array_foreach(lanes, i, lane)
	{
		const json_t *before = json_array_get(json_object_get(view->before, "lanes"), i);
		const double total = number_of(lane, "total_s") - number_of(before, "total_s");
		const double busy = number_of(lane, "busy_s") - number_of(before, "busy_s");
		char in[CELL_MAX];
		char out_fill[CELL_MAX];

		format_fill(lane, before, "in", in);
		format_fill(lane, before, "out", out_fill);
		status_text_wrap(out, view->width, 2,
			"lane %zu: load %.1f %%, packets a batch: %s in, %s out", i,
			total > 0 ? busy * 100 / total : 0, in, out_fill);
	}
}

/* Who is at the other end of the pipeline's port, or why nobody is. */
static void
print_pipeline(const struct status_view *view, const json_t *tunnel, FILE *out)
{
	const json_t *pipeline = json_object_get(tunnel, "pipeline");
	const char *path = text_of(pipeline, "path");

	if (!json_is_object(pipeline))
		return;
	if (path[0] == '\0')
		status_text_wrap(
			out, view->width, 2, "pipeline: device %s", text_of(pipeline, "port"));
	else if (json_is_true(json_object_get(pipeline, "connected")))
		status_text_wrap(out, view->width, 2,
			"pipeline: %s (%s) by memif %s, %s, id %.0f; rings: %.0f from it, %.0f to it, "
			"of %.0f",
			text_of(pipeline, "peer"), text_of(pipeline, "interface"), path,
			text_of(pipeline, "role"), number_of(pipeline, "id"),
			number_of(pipeline, "rx_rings"), number_of(pipeline, "tx_rings"),
			number_of(pipeline, "ring_size"));
	else
		status_text_wrap(out, view->width, 2,
			"! pipeline: not connected, by memif %s, %s, id %.0f%s%s; packets for it are "
			"dropped (in_no_pipeline)",
			path, text_of(pipeline, "role"), number_of(pipeline, "id"),
			text_of(pipeline, "why")[0] != '\0' ? ": " : "", text_of(pipeline, "why"));
}

static void
print_tunnel_head(const struct status_view *view, const json_t *tunnel, FILE *out)
{
	const json_t *addresses = json_object_get(tunnel, "addresses");
	const char *hash = text_of(tunnel, "hash");

	fputc('\n', out);
	status_text_wrap(out, view->width, 2, "%s: %s, UDP port %.0f, MTU %.0f, public key %s%s%s",
		text_of(tunnel, "name"),
		json_array_size(addresses) > 0 ? json_string_value(json_array_get(addresses, 0))
					       : "no address",
		number_of(tunnel, "listen_port"), number_of(tunnel, "mtu"),
		text_of(tunnel, "public_key"), hash[0] != '\0' ? ", public file " : "", hash);
	if (json_is_true(json_object_get(json_object_get(tunnel, "host"), "gone")))
		status_text_wrap(out, view->width, 2,
			"! the device %s is gone: this host is cut off from the tunnel until the "
			"gateway is restarted",
			text_of(tunnel, "name"));
	print_pipeline(view, tunnel, out);
}

/* -- what is wrong ----------------------------------------------------------------------------- */

static void
print_diagnoses(const struct status_view *view, const json_t *tunnel, FILE *out)
{
	const json_t *peers = json_object_get(tunnel, "peers");
	const json_t *peer;
	size_t i;

	json_array_foreach(peers, i, peer)
	{
		const json_t *diagnosis = json_object_get(peer, "diagnosis");

		if (!json_is_object(diagnosis))
			continue;
		status_text_wrap(out, view->width, 2, "! %s: %s", text_of(peer, "name"),
			text_of(diagnosis, "text"));
		status_text_wrap(out, view->width, 2, "  -> %s", text_of(diagnosis, "remedy"));
	}
}

static void
print_unknown_keys(const struct status_view *view, const json_t *tunnel, FILE *out)
{
	const json_t *keys = json_object_get(tunnel, "unknown_keys");
	const json_t *key;
	size_t i;

	json_array_foreach(keys, i, key)
	{
		char age[CELL_MAX];

		status_text_duration(number_of(key, "age_s"), age, sizeof(age));
		status_text_wrap(out, view->width, 2,
			"! unknown key %s initiates from %s (%.0f times, the last %s ago)",
			text_of(key, "key"), text_of(key, "source"), number_of(key, "initiations"),
			age);
	}
	if (json_array_size(keys) > 0)
		status_text_wrap(out, view->width, 2, "  -> is vpn-public.conf older here?");
}

static void
print_drops(const struct status_view *view, FILE *out)
{
	json_t *drops = json_object_get(view->now, "drops");
	const char *reason;
	json_t *count;
	unsigned width = 0;

	if (json_object_size(drops) == 0)
		return;
	fputs("\ndropped in all\n", out);
	json_object_foreach(drops, reason, count)
	{
		if (strlen(reason) > width)
			width = (unsigned)strlen(reason);
	}
	json_object_foreach(drops, reason, count)
	{
		fprintf(out, "  %-*s %12.0f\n", (int)width, reason, json_number_value(count));
	}
}

void
status_table_print(const struct status_view *view, FILE *out)
{
	const json_t *warnings = json_object_get(view->now, "warnings");
	const json_t *tunnels = json_object_get(view->now, "tunnels");
	const json_t *element;
	size_t i;

	if (!json_is_true(json_object_get(view->now, "clustering"))) {
		status_text_wrap(out, view->width, 0,
			"guardlane %s: clustering is off, there is no peer table in vpn-public.conf",
			text_of(view->now, "version"));
		return;
	}
	print_head(view, out);
	print_lanes(view, out);
	json_array_foreach(warnings, i, element)
		status_text_wrap(out, view->width, 2, "! %s", json_string_value(element));
	json_array_foreach(tunnels, i, element)
	{
		print_tunnel_head(view, element, out);
		print_peers(view, element, out);
		print_diagnoses(view, element, out);
		print_unknown_keys(view, element, out);
	}
	print_drops(view, out);
}
