/*
 * Pieces of text for people: durations, amounts, lines of a given width.
 * On the packet's way: nowhere.
 * Threads: any; no state.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

/* status_text_duration writes "58 s", "12 min", "3 h 20 min", "4 d 2 h". */
void status_text_duration(double s, char *text, size_t size);

/* status_text_bytes writes an amount in the largest fitting unit of 1,024: "999 B", "1.2 GiB". */
void status_text_bytes(double bytes, char *text, size_t size);

/* status_text_width returns the columns that a UTF-8 text takes, each character taking one. */
unsigned status_text_width(const char *text);

/* status_text_cut copies the text, if need be shortened to `width` columns, of which "…" is one. */
void status_text_cut(const char *text, unsigned width, char *cut, size_t size);

/*
 * status_text_wrap prints one paragraph, broken at blanks into lines of `width` columns (0: one
 * line), the second one and those behind it indented by `indent`.
 */
void status_text_wrap(FILE *out, unsigned width, unsigned indent, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
