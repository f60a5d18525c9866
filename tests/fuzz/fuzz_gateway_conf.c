/*
 * Fuzz target: gateway.conf. What is taken must be a value of its option, from a line of the text.
 * Threads: one.
 */
#include "demand.h"

#include "gateway_conf.h"
#include "say.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is said is read, and thrown away. */
static void
hear(void *context, enum gl_log_level level, const char *line)
{
	demand(strlen(line) < 1024, "a line that is too long");
}

static void
check(const struct setting *setting, enum option_id id, unsigned lines)
{
	char why[OPTION_WHY_MAX];

	if (setting->text == NULL)
		return;
	demand(option_check(id, setting->text, why), "a value that is none");
	demand(setting->source == SETTINGS_FILE, "a value from elsewhere");
	demand(setting->line >= 1 && setting->line <= lines, "a line beyond the text");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct gl_log log = {.level = GL_LOG_DEBUG, .write = hear};
	struct settings settings = {.tunnel_count = 1, .log = &log, .gateway_conf = "gateway.conf"};
	unsigned lines = 1;

	if (len > GATEWAY_CONF_MAX)
		return 0;
	/* YAML has more ends of lines than one; each has one of these bytes. */
	for (size_t i = 0; i < len; i++)
		lines += data[i] == '\n' || data[i] == '\r' || data[i] >= 0x80;
	gateway_conf_parse(&settings, (const char *)data, len);
	demand(settings.tunnel_count >= 1 && settings.tunnel_count <= SETTINGS_TUNNELS_MAX,
		"a number of tunnels that cannot be");
	for (enum option_id id = 0; id < OPTION_COUNT; id++)
		check(&settings.gateway[id], id, lines);
	for (unsigned i = 0; i < SETTINGS_TUNNELS_MAX; i++)
		for (enum option_id id = 0; id < OPTION_TUNNEL_COUNT; id++)
			check(&settings.tunnels[i][id], id, lines);
	settings_fini(&settings);
	return 0;
}
