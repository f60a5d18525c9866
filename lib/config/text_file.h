/*
 * A small text file, read whole and once.
 * On the packet's way: nowhere.
 * Threads: management only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct text_file {
	char *text; /* `len` bytes, zeros among them if the file has some, and a zero behind them */
	size_t len;
	unsigned mode; /* permission bits */
	bool unlinked; /* the path's file has no name any more: another one stands in its place */
	bool byte_order_mark; /* there was one, of UTF-8; it is not in the text */
};

/*
 * text_file_read reads the file at `path`, a regular one or a symbolic link to one, and the facts
 * about it from the same descriptor. Returns 0, and *file
 * is to be wiped by text_file_wipe; or -EISDIR; -ENOTSUP for a FIFO, socket or device; -EFBIG for
 * more than `len_max` bytes; -EAGAIN if it changed meanwhile; -ENOMEM; or open's and read's
 * negative errno.
 */
int text_file_read(const char *path, size_t len_max, struct text_file *file)
	__attribute__((warn_unused_result));

/* text_file_wipe frees the text: it may hold secrets, and is in memory of secret_alloc_text(). */
void text_file_wipe(struct text_file *file);

/* text_line cuts the text up to the next newline (or `end`) off *next and returns its start. */
char *text_line(char **next, const char *end, size_t *len);
