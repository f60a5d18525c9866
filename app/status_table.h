/*
 * The status as a table for a terminal, made from its JSON.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#pragma once

#include <jansson.h>

#include <stdio.h>

/* What a table is made of. */
struct status_view {
	const json_t *now; /* the document, see status_json.h */
	const json_t *before; /* an earlier one, for rates and load; NULL: without */
	double interval_s; /* between the two */
	unsigned width; /* columns of the terminal; 0: as wide as need be */
};

/*
 * status_table_print writes the table: a head, a line for each peer, then what is wrong and what
 * to do, then what was dropped. Where the width does not suffice columns are left out, the less
 * important ones first, and names are shortened. No escape sequences. Members that are not there
 * are left out, so that a gateway of another version can be looked at.
 */
void status_table_print(const struct status_view *view, FILE *out);
