/*
 * The answer to one request over the control socket: lines "out TEXT" and "err TEXT", which the
 * client prints, and at last "exit N", its exit status.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

struct answer {
	FILE *stream;
	char *text;
	size_t len;
};

/* answer_init makes an empty answer. Returns 0, or -ENOMEM. answer_fini frees it, ended or not. */
int answer_init(struct answer *answer) __attribute__((warn_unused_result));
void answer_fini(struct answer *answer);

/* answer_out and answer_err add `text`, which may have several lines, for stdout and for stderr. */
void answer_out(struct answer *answer, const char *text);
void answer_err(struct answer *answer, const char *text);

/* answer_end adds the exit status. Returns 0, or -ENOMEM if some of the answer is not there. */
int answer_end(struct answer *answer, int status) __attribute__((warn_unused_result));
