/*
 * Distances between names.
 * On the packet's way: nowhere.
 * Threads: any; no state but the caller's.
 */
#include "base/nearest.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* No name that is offered is longer; a longer text is unlike them all. */
#define LEN_MAX 31

static bool
same(char a, char b)
{
	return strncasecmp(&a, &b, 1) == 0;
}

/* The three rows of the table of distances between beginnings that the next row needs. */
static unsigned
distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned rows[3][LEN_MAX + 1] = {0};
	unsigned *before = rows[0], *last = rows[1], *row = rows[2];

	for (unsigned j = 0; j <= b_len; j++)
		last[j] = j;
	for (unsigned i = 1; i <= a_len; i++) {
		unsigned *spare = before;

		row[0] = i;
		for (unsigned j = 1; j <= b_len; j++) {
			unsigned best = last[j - 1] + !same(a[i - 1], b[j - 1]);

			if (last[j] + 1 < best)
				best = last[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) &&
				same(a[i - 2], b[j - 1]) && before[j - 2] + 1 < best)
				best = before[j - 2] + 1;
			row[j] = best;
		}
		before = last;
		last = row;
		row = spare;
	}
	return last[b_len];
}

struct nearest
nearest_to(const char *text)
{
	return (struct nearest){.text = text, .distance = UINT_MAX};
}

void
nearest_offer(struct nearest *nearest, const char *name)
{
	const size_t text_len = strnlen(nearest->text, LEN_MAX + 1);
	const size_t name_len = strnlen(name, LEN_MAX + 1);
	unsigned far;

	if (text_len > LEN_MAX || name_len > LEN_MAX)
		return;
	far = distance(nearest->text, text_len, name, name_len);
	if (far < nearest->distance && (size_t)3 * far <= name_len) {
		nearest->distance = far;
		nearest->name = name;
	}
}
