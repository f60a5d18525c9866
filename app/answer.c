/*
 * Making an answer.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "answer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int
answer_init(struct answer *answer)
{
	*answer = (struct answer){.len = 0};
	answer->stream = open_memstream(&answer->text, &answer->len);
	return answer->stream != NULL ? 0 : -ENOMEM;
}

void
answer_fini(struct answer *answer)
{
	if (answer->stream != NULL)
		fclose(answer->stream);
	free(answer->text);
	*answer = (struct answer){.len = 0};
}

static void
add_lines(struct answer *answer, const char *kind, const char *text)
{
	do {
		const size_t len = strcspn(text, "\n");

		fprintf(answer->stream, "%s %.*s\n", kind, (int)len, text);
		text += len;
		text += *text == '\n';
	} while (*text != '\0');
}

void
answer_out(struct answer *answer, const char *text)
{
	add_lines(answer, "out", text);
}

void
answer_err(struct answer *answer, const char *text)
{
	add_lines(answer, "err", text);
}

int
answer_end(struct answer *answer, int status)
{
	int failed;

	fprintf(answer->stream, "exit %d\n", status);
	failed = ferror(answer->stream);
	failed |= fclose(answer->stream);
	answer->stream = NULL;
	return failed != 0 ? -ENOMEM : 0;
}
