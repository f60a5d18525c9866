/*
 * Printing settings. None of them is a secret: keys are in the operator's private file alone.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "config_command.h"

#include "option.h"
#include "say.h"
#include "settings.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define COMMENT_COLUMN 40

/* What YAML takes as it stands: it begins like a word, and holds nothing that means something. */
static bool
is_plain(const char *text)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	const size_t len = strlen(text);
	char safe[sizeof(letters) + 8];

	snprintf(safe, sizeof(safe), "%s/_.,:+-", letters);
	return (strchr(letters, text[0]) != NULL || text[0] == '/') && strspn(text, safe) == len &&
		text[len - 1] != ':';
}

/* Writes the value as YAML has it. Returns how many columns it takes, at most. */
static int
print_value(const char *text)
{
	int len = 2;

	if (is_plain(text))
		return printf("%s", text);
	putchar('"');
	for (; *text != '\0'; text++, len++) {
		if (*text == '"' || *text == '\\')
			len += putchar('\\') == '\\';
		putchar(*text);
	}
	putchar('"');
	return len;
}

/* Writes one line: "KEY: VALUE", and where it came from. */
static void
print_setting(
	const struct settings *settings, unsigned tunnel, enum option_id id, const char *indent)
{
	const bool of_tunnel = id < OPTION_TUNNEL_COUNT;
	const struct setting *setting =
		of_tunnel ? &settings->tunnels[tunnel][id] : &settings->gateway[id];
	char where[SETTINGS_WHERE_MAX];
	int column = printf("%s%s: ", indent, options[id].name);

	column += print_value(of_tunnel ? settings_tunnel_text(settings, tunnel, id)
					: settings_text(settings, id));
	printf("%*s # ", column < COMMENT_COLUMN ? COMMENT_COLUMN - column : 0, "");
	if (setting->source == SETTINGS_STANDARD)
		puts("default");
	else if (setting->source == SETTINGS_FILE)
		printf("%s:%u\n", settings->gateway_conf, setting->line);
	else
		puts(settings_where(settings, tunnel, id, where));
}

static void
print_settings(const struct settings *settings)
{
	const bool list = settings->tunnel_count > 1;

	for (enum option_id id = OPTION_TUNNEL_COUNT; id < OPTION_SETTING_COUNT; id++)
		print_setting(settings, 0, id, "");
	if (list)
		puts("tunnels:");
	for (unsigned i = 0; i < settings->tunnel_count; i++)
		for (enum option_id id = 0; id < OPTION_TUNNEL_COUNT; id++)
			print_setting(settings, i, id, !list ? "" : id == 0 ? "  - " : "    ");
}

/* Prints a comment, broken at blanks before column 78. */
static void
print_comment(const char *text)
{
	const size_t width = 76;

	while (*text != '\0') {
		size_t len = strlen(text);

		if (len > width)
			for (len = width; len > 0 && text[len] != ' ';)
				len--;
		printf("# %.*s\n", (int)len, text);
		text += len;
		text += strspn(text, " ");
	}
}

/* Every key with its default, commented out: an example, and what gateway.conf(5) is made of. */
static void
print_example(void)
{
	print_comment(
		"gateway.conf: the settings of guardlane, \"key: value\" lines of YAML. Each key is "
		"here with its default. A key stands for the option --KEY and the variable "
		"GUARDLANE_KEY (in capitals, _ for -); the command line goes above the environment, "
		"and that above this file. See gateway.conf(5).");
	for (enum option_id id = 0; id < OPTION_SETTING_COUNT; id++) {
		const struct option *option = &options[id];

		putchar('\n');
		print_comment(option->help);
		printf("# %s; %s; %s\n", option->argument,
			id >= OPTION_TUNNEL_COUNT ? "of the gateway"
				: option->shared  ? "of each tunnel, or outside of tunnels for all"
						  : "of each tunnel",
			option->live ? "reconfigure applies it" : "takes down and up");
		printf("#%s: %s\n", option->name, option->standard);
	}
	putchar('\n');
	print_comment("Two tunnels over one underlay; each map holds settings of a tunnel.");
	puts("#tunnels:\n#  - role: gateway\n#    host: tun:wg0\n#  - role: dataplane\n"
	     "#    host: tun:wg1\n#    vpn-address: 10.8.4.1");
}

int
config_command(int argc, char *argv[])
{
	const struct gl_log log = say_stderr(GL_LOG_INFO);
	struct settings settings;
	int error = settings_arguments(&settings, OPTION_OF_CONFIG, argc, argv, &log);
	const bool example = settings_flag(&settings, OPTION_EXAMPLE);

	settings_fini(&settings);
	if (error == 0 && example) {
		print_example();
	} else if (error == 0) {
		error = settings_load(&settings, OPTION_OF_CONFIG, argc, argv, &log);
		if (error == 0)
			print_settings(&settings);
		settings_fini(&settings);
	}
	return error == 0 && fflush(stdout) == 0 ? 0 : 1;
}
