/*
 * Stub main of a fuzz target: gives it each file of the corpus, under any compiler.
 * Usage: fuzz_NAME FILE|FOLDER ...
 * Threads: one.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_MAX (1U << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
fail(const char *what)
{
	fprintf(stderr, "replay: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* The input lies in memory of exactly its size, so that reads beyond it are seen. */
static void
replay_file(const char *path)
{
	FILE *file = fopen(path, "rbe");
	uint8_t *input = malloc(INPUT_MAX);
	uint8_t *exact;
	size_t len;

	if (file == NULL || input == NULL)
		fail(path);
	len = fread(input, 1, INPUT_MAX, file);
	if (ferror(file))
		fail(path);
	fclose(file);
	exact = realloc(input, len > 0 ? len : 1);
	if (exact == NULL)
		fail(path);
	(void)LLVMFuzzerTestOneInput(exact, len);
	free(exact);
}

static unsigned
replay(const char *path)
{
	struct stat status;
	struct dirent **entries;
	int count;

	if (stat(path, &status) != 0)
		fail(path);
	if (!S_ISDIR(status.st_mode)) {
		replay_file(path);
		return 1;
	}
	count = scandir(path, &entries, NULL, alphasort);
	if (count < 0)
		fail(path);
	unsigned done = 0;

	for (int i = 0; i < count; i++) {
		char name[4096];

		snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.') {
			replay_file(name);
			done++;
		}
		free(entries[i]);
	}
	free(entries);
	return done;
}

int
main(int argc, char *argv[])
{
	unsigned done = 0;

	for (int i = 1; i < argc; i++)
		done += replay(argv[i]);
	printf("%u inputs\n", done);
	return done > 0 ? 0 : 1;
}
