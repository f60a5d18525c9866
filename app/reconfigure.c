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

/* Who hears of it: the log, as far as its level goes, and whoever asked. */
struct hearing {
	const struct gl_log *log;
	struct answer *answer;
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
	const struct hearing *hearing = context;

	if (level <= hearing->log->level)
		hearing->log->write(hearing->log->context, level, line);
	if (level == GL_LOG_INFO)
		answer_out(hearing->answer, line);
	else if (level == GL_LOG_WARNING)
		answer_warning(hearing->answer, line);
	else if (level == GL_LOG_ERROR)
		answer_err(hearing->answer, line);
}

/* What it takes to get from what runs to the plan. */
enum step { STEP_STAY_OFF, STEP_START, STEP_STOP, STEP_RESTART, STEP_CHANGE };

static const struct plan_tunnel *
find_tunnel(const struct plan *plan, const char *host)
{
	for (unsigned i = 0; i < plan->tunnel_count; i++)
		if (strcmp(plan->tunnels[i].host, host) == 0)
			return &plan->tunnels[i];
	return NULL;
}

static bool
same_tunnels(const struct plan *a, const struct plan *b)
{
	for (unsigned i = 0; i < a->tunnel_count; i++)
		if (find_tunnel(b, a->tunnels[i].host) == NULL)
			return false;
	return a->tunnel_count == b->tunnel_count;
}

static enum step
choose_step(const struct instance *instance, const struct plan *next)
{
	if (instance_gateway(instance) == NULL)
		return next->tunnel_count == 0 ? STEP_STAY_OFF : STEP_START;
	if (next->tunnel_count == 0)
		return STEP_STOP;
	return same_tunnels(instance_plan(instance), next) ? STEP_CHANGE : STEP_RESTART;
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

/* What is to be: the settings, and the plan that is made of them. */
struct next {
	struct settings settings;
	struct plan plan;
};

static int
load(const struct settings *from, struct next *next, const struct gl_log *log)
{
	int error = settings_reload(from, &next->settings, log);

	for (unsigned i = 0; i < next->settings.tunnel_count && error == 0; i++) {
		char private_conf[PATH_MAX];
		char public_conf[PATH_MAX];

		plan_files(&next->settings, i, private_conf, public_conf);
		error = refuse_replaced(private_conf, log);
		if (error == 0)
			error = refuse_replaced(public_conf, log);
	}
	return error != 0 ? error : plan_make(&next->plan, &next->settings, log);
}

static int
start(struct instance *instance, struct next *next, bool dry_run, const struct gl_log *log)
{
	int error;

	say(log, GL_LOG_INFO, "clustering was off, and there is a peer table: the VPN %s",
		dry_run ? "would start" : "starts");
	if (dry_run) {
		plan_say_tunnels(&next->plan, log);
		return 0;
	}
	error = instance_replace(instance, &next->plan, &next->settings, log);
	if (error != 0)
		say(log, GL_LOG_ERROR, "nothing was changed: the VPN stays off");
	return error;
}

static int
restart(struct instance *instance, struct next *next, bool dry_run, const struct gl_log *log)
{
	int error;

	say(log, GL_LOG_WARNING,
		"the tunnels are not those that run: the VPN %s stopped and started anew, "
		"with new sessions to all peers",
		dry_run ? "would be" : "is");
	if (dry_run) {
		plan_say_tunnels(&next->plan, log);
		return 0;
	}
	error = instance_replace(instance, &next->plan, &next->settings, log);
	if (error != 0)
		say(log, GL_LOG_ERROR,
			"the VPN is off now: put right what is said above, and run reconfigure again");
	return error;
}

static int
stop(struct instance *instance, struct next *next, bool dry_run, const struct gl_log *log)
{
	say(log, GL_LOG_INFO, "there is no peer table any more: the VPN %s",
		dry_run ? "would stop" : "stops");
	return dry_run ? 0 : instance_replace(instance, &next->plan, &next->settings, log);
}

static int
take(struct instance *instance, struct next *next, bool dry_run, const struct gl_log *log)
{
	switch (choose_step(instance, &next->plan)) {
	case STEP_START:
		return start(instance, next, dry_run, log);
	case STEP_STOP:
		return stop(instance, next, dry_run, log);
	case STEP_RESTART:
		return restart(instance, next, dry_run, log);
	case STEP_CHANGE:
		say(log, GL_LOG_ERROR,
			"what runs cannot be changed yet; start the container anew for that");
		say(log, GL_LOG_ERROR, "nothing was changed");
		return -ENOTSUP;
	case STEP_STAY_OFF:
		say(log, GL_LOG_INFO, "nothing has changed");
	}
	return 0;
}

int
reconfigure(struct instance *instance, bool dry_run, struct answer *answer)
{
	struct hearing hearing = {.log = &instance_plan(instance)->log, .answer = answer};
	const struct gl_log log = {
		.level = hearing.log->level > GL_LOG_INFO ? hearing.log->level : GL_LOG_INFO,
		.write = write_both,
		.context = &hearing,
	};
	struct next next = {.plan.tunnel_count = 0};
	int error;

	say(hearing.log, GL_LOG_INFO, "reconfigure%s", dry_run ? ", as a dry run" : "");
	error = load(instance_settings(instance), &next, &log);
	if (error != 0)
		say(&log, GL_LOG_ERROR, "nothing was changed");
	else
		error = take(instance, &next, dry_run, &log);
	plan_fini(&next.plan);
	settings_fini(&next.settings);
	return error == 0 ? 0 : 1;
}
