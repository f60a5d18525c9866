/*
 * Fuzz target: the command line and the environment. What is taken must be a value of its option.
 * Threads: one.
 *
 * The input: a byte that chooses the command, then words, one a line; those that begin with
 * "GUARDLANE_" are variables of the environment, the others arguments.
 */
#include "demand.h"

#include "say.h"
#include "settings.h"

#include <string.h>
#include <unistd.h>

#define INPUT_MAX 8192
#define WORDS_MAX 256

static const unsigned commands[] = {
	OPTION_OF_RUN, OPTION_OF_CONFIG, OPTION_OF_RECONFIGURE, OPTION_OF_STATUS, OPTION_OF_CHECK};

static void
hear(void *context, enum gl_log_level level, const char *line)
{
	unsigned *errors = context;

	demand(strlen(line) < 1024, "a line that is too long");
	*errors += level == GL_LOG_ERROR;
}

static void
check(const struct settings *settings, unsigned tunnel, enum option_id id,
	const struct setting *setting)
{
	char where[SETTINGS_WHERE_MAX];
	char why[OPTION_WHY_MAX];

	if (setting->text == NULL)
		return;
	demand((options[id].commands & settings->command) != 0 || id < OPTION_TUNNEL_COUNT,
		"an option that the command does not know");
	demand(setting->source == SETTINGS_COMMAND_LINE ||
			setting->source == SETTINGS_ENVIRONMENT || options[id].argument == NULL,
		"a value from elsewhere");
	if (options[id].argument != NULL)
		demand(option_check(id, setting->text, why), "a value that is none");
	demand(strlen(settings_where(settings, tunnel, id, where)) > 0, "a value from nowhere");
}

static void
differs(void *context, const char *name, bool live, const char *from, const char *to)
{
	demand(0, "settings that are not those that they are");
}

static void
check_all(const struct settings *settings)
{
	demand(settings->tunnel_count >= 1 && settings->tunnel_count <= SETTINGS_TUNNELS_MAX,
		"a number of tunnels that cannot be");
	for (enum option_id id = OPTION_TUNNEL_COUNT; id < OPTION_COUNT; id++)
		check(settings, 0, id, &settings->gateway[id]);
	for (unsigned i = 0; i < SETTINGS_TUNNELS_MAX; i++)
		for (enum option_id id = 0; id < OPTION_TUNNEL_COUNT; id++)
			check(settings, i, id, &settings->tunnels[i][id]);
	settings_compare(settings, settings, differs, NULL);
	(void)settings_log_level(settings);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char **const environment = environ;
	char program[] = "guardlane";
	char *arguments[WORDS_MAX + 2] = {program};
	char *variables[WORDS_MAX + 1] = {NULL};
	unsigned argument_count = 1;
	unsigned variable_count = 0;
	unsigned errors = 0;
	const struct gl_log log = {.level = GL_LOG_DEBUG, .write = hear, .context = &errors};
	struct settings settings;
	char *text;
	char *next;
	int result;

	if (len == 0 || len > INPUT_MAX)
		return 0;
	text = strndup((const char *)data + 1, len - 1);
	demand(text != NULL, "memory");
	next = text;
	for (unsigned i = 0; i < WORDS_MAX && next != NULL; i++) {
		char *word = strsep(&next, "\n");

		if (strncmp(word, "GUARDLANE_", 10) == 0)
			variables[variable_count++] = word;
		else
			arguments[argument_count++] = word;
	}
	environ = variables;
	result = settings_arguments(&settings,
		commands[data[0] % (sizeof(commands) / sizeof(commands[0]))], (int)argument_count,
		arguments, &log);
	environ = environment;
	demand((result != 0) == (errors > 0) && settings.errors == errors,
		"an error that is not said, or one said that is none");
	check_all(&settings);
	settings_fini(&settings);
	free(text);
	return 0;
}
