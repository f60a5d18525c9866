/*
 * Reconfiguring what runs.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "reconfigure.h"

#include "say.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define NOTHING_CHANGED "nothing was changed"

/* Who hears of it: the log, as far as its level goes, and whoever asked. */
struct hearing {
	struct gl_log log;
	struct answer *answer;
	unsigned info_count; /* lines said so far */
};

/* Those about a file have that word already, behind their place. */
static void
answer_warning(struct answer *answer, const char *line)
{
	char text[1100];

	snprintf(text, sizeof(text), "%s%s",
		strstr(line, "warning: ") != NULL ? "" : "warning: ", line);
	answer_err(answer, text);
}

static void
write_both(void *context, enum gl_log_level level, const char *line)
{
	struct hearing *hearing = context;

	hearing->info_count += level == GL_LOG_INFO;
	if (level <= hearing->log.level)
		hearing->log.write(hearing->log.context, level, line);
	if (level == GL_LOG_INFO)
		answer_out(hearing->answer, line);
	else if (level == GL_LOG_WARNING)
		answer_warning(hearing->answer, line);
	else if (level == GL_LOG_ERROR)
		answer_err(hearing->answer, line);
}

static const struct plan_tunnel *
find_tunnel(const struct plan *plan, unsigned index)
{
	for (unsigned i = 0; i < plan->tunnel_count; i++)
		if (plan->tunnels[i].index == index)
			return &plan->tunnels[i];
	return NULL;
}

static bool
same_tunnels(const struct plan *a, const struct plan *b)
{
	for (unsigned i = 0; i < a->tunnel_count; i++)
		if (find_tunnel(b, a->tunnels[i].index) == NULL)
			return false;
	return a->tunnel_count == b->tunnel_count;
}

/*
 * A file that was replaced under its bind mount is not the one that was edited: to say that it has
 * been taken over would be wrong.
 */
static int
refuse_replaced(const char *path, const struct gl_log *log)
{
	struct stat file;

	if (stat(path, &file) != 0 || file.st_nlink > 0)
		return 0;
	say(log, GL_LOG_ERROR,
		"%s: error: was replaced on the host by another file of its name (an editor, or mv, "
		"did that), and the container still has the old one, so what is new cannot be read; "
		"start the container anew (docker-compose up -d --force-recreate gateway), and in "
		"future write into the file (cp NEW FILE), then reconfigure sees it",
		path);
	return -ESTALE;
}

/* A reconfiguration that is under way. */
struct reconfiguration {
	struct instance *instance;
	bool dry_run;
	struct settings settings; /* what is to be */
	struct plan plan; /* made of them */
	struct hearing hearing;
	struct gl_log log; /* over the hearing */
	bool replaces; /* all that runs, not only what differs */
	bool applied; /* something has changed, or would have */
};

static int
load(struct reconfiguration *of)
{
	const struct settings *before = instance_settings(of->instance);
	int error;

	if (before->interface) {
		say(&of->log, GL_LOG_ERROR,
			"this gateway was started by the name of its interface alone and has no "
			"files: what is to change, wg(8) sets");
		return -ENOTSUP;
	}
	error = refuse_replaced(before->gateway_conf, &of->log);

	if (error == 0)
		error = settings_reload(before, &of->settings, &of->log);
	for (unsigned i = 0; i < of->settings.tunnel_count && error == 0; i++) {
		char private_conf[PATH_MAX];
		char public_conf[PATH_MAX];

		plan_files(&of->settings, i, private_conf, public_conf);
		error = refuse_replaced(private_conf, &of->log);
		if (error == 0)
			error = refuse_replaced(public_conf, &of->log);
	}
	return error != 0 ? error : plan_make(&of->plan, &of->settings, &of->log);
}

static void
say_difference(void *context, const char *name, bool live, const char *from, const char *to)
{
	const struct reconfiguration *of = context;

	if (of->replaces ? instance_keeps(of->instance, name) : !live)
		say(&of->log, GL_LOG_WARNING,
			"%s is to be %s, and %s is in force until docker-compose down and up -d",
			name, to, from);
}

/* Runs the next plan in place of what runs. */
static int
replace(struct reconfiguration *of)
{
	of->replaces = true;
	settings_compare(instance_settings(of->instance), &of->settings, say_difference, of);
	of->applied = true;
	if (!of->dry_run)
		return instance_replace(of->instance, &of->plan, &of->settings, &of->log);
	plan_say_tunnels(&of->plan, &of->log);
	return 0;
}

static int
start(struct reconfiguration *of)
{
	int error;

	say(&of->log, GL_LOG_INFO, "clustering was off, and there is a peer table: the VPN %s",
		of->dry_run ? "would start" : "starts");
	error = replace(of);
	if (error != 0) {
		say(&of->log, GL_LOG_ERROR, "the VPN stays off");
		say(&of->log, GL_LOG_ERROR, NOTHING_CHANGED);
	}
	return error;
}

static int
stop(struct reconfiguration *of)
{
	say(&of->log, GL_LOG_INFO, "there is no peer table any more: the VPN %s",
		of->dry_run ? "would stop" : "stops");
	return replace(of);
}

/* Tunnels come and go with their gateway only. */
static int
restart(struct reconfiguration *of)
{
	int error;

	say(&of->log, GL_LOG_WARNING,
		"there are other tunnels than those that run: the VPN %s stopped and started anew, "
		"with new sessions to all peers",
		of->dry_run ? "would be" : "is");
	error = replace(of);
	if (error != 0)
		say(&of->log, GL_LOG_ERROR,
			"the VPN is off now: put right what is said above and run reconfigure "
			"again");
	return error;
}

/* "3 added, 1 changed, 251 unchanged": what there is none of is left out. */
static void
say_sum(const struct gl_changes *changes, bool same, const struct gl_log *log)
{
	const struct {
		unsigned count;
		const char *what;
	} parts[] = {
		{changes->added, "added"},
		{changes->changed, "changed"},
		{changes->removed, "removed"},
	};
	char text[96] = "";
	size_t len = 0;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (parts[i].count > 0)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%u %s, ",
				parts[i].count, parts[i].what);
	say(log, GL_LOG_INFO, "%s%s%u unchanged", same ? "nothing has changed: " : "", text,
		changes->unchanged);
}

static int
change(struct reconfiguration *of)
{
	const unsigned before = of->hearing.info_count;
	struct gl_changes changes;
	int error = instance_change(of->instance, &of->plan, of->dry_run, &of->log, &changes);

	if (error != 0) {
		say(&of->log, GL_LOG_ERROR, NOTHING_CHANGED);
		return error;
	}
	settings_compare(instance_settings(of->instance), &of->settings, say_difference, of);
	/* Not only peers change: the tunnel's own key is none. */
	of->applied = of->hearing.info_count > before;
	say_sum(&changes, !of->applied, &of->log);
	return 0;
}

static int
take(struct reconfiguration *of)
{
	const bool runs = instance_gateway(of->instance) != NULL;
	const bool wanted = of->plan.tunnel_count > 0;

	if (runs && wanted)
		return same_tunnels(instance_plan(of->instance), &of->plan) ? change(of)
									    : restart(of);
	if (runs || wanted)
		return wanted ? start(of) : stop(of);
	say(&of->log, GL_LOG_INFO, "nothing has changed");
	return 0;
}

int
reconfigure(struct instance *instance, bool dry_run, struct answer *answer)
{
	const struct gl_log *log = &instance_plan(instance)->log;
	struct reconfiguration of = {
		.instance = instance,
		.dry_run = dry_run,
		.hearing = {.log = *log, .answer = answer},
		.log = {.write = write_both, .context = &of.hearing},
	};
	int error;

	of.log.level = log->level > GL_LOG_INFO ? log->level : GL_LOG_INFO;
	say(log, GL_LOG_INFO, "reconfigure%s", dry_run ? ", as a dry run" : "");
	error = load(&of);
	if (error == 0)
		error = take(&of);
	else
		say(&of.log, GL_LOG_ERROR, NOTHING_CHANGED);
	plan_fini(&of.plan);
	settings_fini(&of.settings);
	if (error == 0 && of.applied && !dry_run)
		instance_next_generation(instance);
	return error == 0 ? 0 : 1;
}
