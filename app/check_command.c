/*
 * Checking the files: what `run` would say of them, and what they come to.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "check_command.h"

#include "firewall.h"
#include "guardlane.h"
#include "places.h"
#include "plan.h"
#include "say.h"
#include "settings.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What was found in the files of one tunnel. */
struct findings {
	unsigned errors;
	unsigned warnings;
};

static void
take_line(void *context, enum gl_log_level level, const char *line)
{
	struct findings *findings = context;

	if (level == GL_LOG_ERROR)
		findings->errors++;
	else
		findings->warnings++;
	puts(line);
}

static bool
is_given(const struct settings *settings, unsigned tunnel, enum option_id id)
{
	return strcmp(settings_tunnel_text(settings, tunnel, id), "auto") != 0;
}

/* A path that is given is meant to be there: without a public file all would be fine. */
static bool
is_there(const struct settings *settings, unsigned tunnel, enum option_id id,
	const struct gl_log *log)
{
	const char *path = settings_tunnel_text(settings, tunnel, id);

	if (!is_given(settings, tunnel, id) || access(path, F_OK) == 0)
		return true;
	say(log, GL_LOG_ERROR, "%s: error: %s", path, strerror(errno));
	return false;
}

static void
note_unknown_address(const struct settings *settings, unsigned tunnel)
{
	char dotenv[PATH_MAX];

	places_dotenv(settings_tunnel_text(settings, tunnel, OPTION_CONFIG_DIR), dotenv);
	printf("note: the VPN address is not known, so what has to do with it was not checked; set "
	       "%s in the environment or in %s, or give --vpn-address\n",
		PLACES_VPN_ADDRESS, dotenv);
}

static void
note_firewall(uint16_t port)
{
	char where[FIREWALL_WHERE_MAX];

	if (firewall_mentions(port, where))
		printf("note: this host's firewall mentions UDP port %u (%s); packets on the "
		       "underlay go past it: filter before the host, or on the tunnel's device\n",
			port, where);
}

static const char *
plural(size_t count)
{
	return count == 1 ? "" : "s";
}

/* What the files come to; nothing after an error. */
static void
say_table(const struct plan_tunnel *tunnel, bool public_only)
{
	char hash[GL_HASH_MAX];
	size_t count;

	if (tunnel->config == NULL)
		return;
	if (!gl_config_clustering(tunnel->config)) {
		printf("no peer table: clustering is off; ");
		return;
	}
	count = gl_config_peer_count(tunnel->config);
	gl_config_hash(tunnel->config, hash);
	printf("%zu peer%s%s, hash %s; ", count, plural(count),
		gl_config_has_own_entry(tunnel->config) ? " and our own entry"
			: public_only                   ? ""
							: " without our own entry",
		hash);
}

/* Returns whether there was nothing that fails the check. */
static bool
check_tunnel(const struct settings *settings, unsigned index)
{
	const bool public_only = is_given(settings, index, OPTION_PUBLIC_CONF) &&
		!is_given(settings, index, OPTION_PRIVATE_CONF) &&
		!is_given(settings, index, OPTION_CONFIG_DIR);
	struct findings findings = {0};
	const struct gl_log log = {
		.level = GL_LOG_WARNING, .write = take_line, .context = &findings};
	struct plan_tunnel tunnel = {.config = NULL};

	if (!is_there(settings, index, OPTION_CONFIG_DIR, &log) ||
		!is_there(settings, index, OPTION_PUBLIC_CONF, &log))
		return false;
	if (plan_load_tunnel(&tunnel, settings, index, public_only, &log) == 0 &&
		gl_config_clustering(tunnel.config)) {
		(void)plan_lint(&tunnel, &log); /* it has said an error to the log */
		if (tunnel.vpn_address == NULL && !public_only)
			note_unknown_address(settings, index);
		if (!public_only)
			note_firewall(tunnel.listen_port);
	}
	printf("%s: ", tunnel.public_conf);
	say_table(&tunnel, public_only);
	printf("%u error%s, %u warning%s\n", findings.errors, plural(findings.errors),
		findings.warnings, plural(findings.warnings));
	gl_config_destroy(tunnel.config);
	return findings.errors == 0 &&
		(findings.warnings == 0 || !settings_flag(settings, OPTION_STRICT));
}

int
check_command(int argc, char *argv[])
{
	const struct gl_log log = say_stderr(GL_LOG_WARNING);
	struct settings settings;
	bool fine = settings_load(&settings, OPTION_OF_CHECK, argc, argv, &log) == 0;

	if (fine)
		for (unsigned i = 0; i < settings.tunnel_count; i++)
			fine = check_tunnel(&settings, i) && fine;
	settings_fini(&settings);
	return fine ? 0 : 1;
}
