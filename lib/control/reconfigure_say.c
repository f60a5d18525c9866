/*
 * What a reconfiguration changes, in lines for the operator.
 * On the packet's way: nowhere.
 * Threads: that of the reconfiguration; the control lock only to look at endpoints in use.
 */
#include "control/reconfigure_plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NAME_MAX_LEN (PEER_NAME_MAX > KEY_ABBREVIATED_MAX ? PEER_NAME_MAX : KEY_ABBREVIATED_MAX)
#define LINE_MAX_LEN 1024
/* Of a long list the first ones tell which it is. */
#define ALLOWED_IPS_SAID 4
#define ALLOWED_IPS_TEXT_MAX (ALLOWED_IPS_SAID * (PREFIX_TEXT_MAX + 2) + 32)

/* Where lines go, and what stands in front of each. */
struct speaker {
	const struct log *log;
	const char *tunnel; /* NULL: there is one only */
};

static void __attribute__((format(printf, 2, 3)))
say(const struct speaker *speaker, const char *format, ...)
{
	char line[LINE_MAX_LEN];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	if (speaker->tunnel != NULL)
		log_info(speaker->log, "%s: %s", speaker->tunnel, line);
	else
		log_info(speaker->log, "%s", line);
}

/* The name that a comment gave, else the beginning and end of the key. */
static const char *
name_of(const char *name, const uint8_t public_key[KEY_LEN], char text[static NAME_MAX_LEN])
{
	if (name[0] == '\0')
		return key_abbreviate(public_key, text);
	snprintf(text, NAME_MAX_LEN, "%s", name);
	return text;
}

/* A host's prefix as the address that it is. */
static const char *
prefix_text(const struct prefix *prefix, char text[static PREFIX_TEXT_MAX])
{
	prefix_format(prefix, text);
	if (prefix->len == address_bits(&prefix->address))
		*strchr(text, '/') = '\0';
	return text;
}

static const char *
allowed_ips_text(
	const struct prefix prefixes[], size_t count, char text[static ALLOWED_IPS_TEXT_MAX])
{
	char one[PREFIX_TEXT_MAX];
	size_t len = 0;

	snprintf(text, ALLOWED_IPS_TEXT_MAX, "none");
	for (size_t i = 0; i < count && i < ALLOWED_IPS_SAID; i++)
		len += (size_t)snprintf(text + len, ALLOWED_IPS_TEXT_MAX - len, "%s%s",
			i > 0 ? ", " : "", prefix_text(&prefixes[i], one));
	if (count > ALLOWED_IPS_SAID)
		snprintf(text + len, ALLOWED_IPS_TEXT_MAX - len, " and %zu more",
			count - ALLOWED_IPS_SAID);
	return text;
}

static void
say_added(const struct speaker *speaker, const struct target_peer *target)
{
	char name[NAME_MAX_LEN];
	char allowed[ALLOWED_IPS_TEXT_MAX];

	say(speaker, "+ %s %s %s", name_of(target->name, target->public_key, name),
		allowed_ips_text(target->allowed_ips, target->allowed_ips_count, allowed),
		target->endpoint[0] != '\0' ? target->endpoint : "no endpoint");
}

static void
say_removed(const struct speaker *speaker, const struct peer *peer)
{
	char name[NAME_MAX_LEN];
	char allowed[ALLOWED_IPS_TEXT_MAX];

	say(speaker, "- %s %s", name_of(peer->name, peer->remote.public_key, name),
		allowed_ips_text(peer->allowed_ips, peer->allowed_ips_count, allowed));
}

/* The former one is what the configuration named; if it named none, the one that was learnt. */
static void
say_endpoint(const struct speaker *speaker, struct control *control, const struct peer_plan *plan,
	const char *name)
{
	char learnt[ENDPOINT_TEXT_MAX] = "none";
	const char *from = plan->peer->configured;

	if (from == NULL) {
		control_lock(control);
		if (plan->peer->endpoint.port != 0)
			endpoint_format(&plan->peer->endpoint, learnt);
		control_unlock(control);
		from = learnt;
	}
	say(speaker, "~ %s endpoint %s → %s", name, from,
		plan->target->endpoint[0] != '\0' ? plan->target->endpoint
						  : "none; the one in use stays");
}

static void
say_changed(const struct speaker *speaker, struct control *control, const struct peer_plan *plan)
{
	const struct target_peer *target = plan->target;
	const struct peer *peer = plan->peer;
	char name[NAME_MAX_LEN];
	char former_name[NAME_MAX_LEN];
	char from[ALLOWED_IPS_TEXT_MAX];
	char to[ALLOWED_IPS_TEXT_MAX];

	name_of(target->name, target->public_key, name);
	if (plan->changes & PEER_CHANGE_NAME)
		say(speaker, "~ %s name %s → %s", name,
			name_of(peer->name, target->public_key, former_name), name);
	if (plan->changes & PEER_CHANGE_ENDPOINT)
		say_endpoint(speaker, control, plan, name);
	if (plan->changes & PEER_CHANGE_ALLOWED_IPS)
		say(speaker, "~ %s allowed-ips %s → %s", name,
			allowed_ips_text(peer->allowed_ips, peer->allowed_ips_count, from),
			allowed_ips_text(target->allowed_ips, target->allowed_ips_count, to));
	if (plan->changes & PEER_CHANGE_PRESHARED_KEY)
		say(speaker, "~ %s preshared key", name);
	if (plan->changes & PEER_CHANGE_KEEPALIVE)
		say(speaker, "~ %s keepalive %u s → %u s", name, peer->persistent_keepalive_s,
			target->persistent_keepalive_s);
}

static void
say_tunnel(const struct speaker *speaker, const struct tunnel_plan *plan)
{
	const struct tunnel *tunnel = plan->tunnel;

	if (plan->new_key)
		say(speaker, "~ private key");
	if (plan->moves)
		say(speaker, "~ listen port %u → %u", tunnel->listen_port, plan->listen_port);
	if (plan->target->mtu != tunnel->fixed_mtu && plan->target->mtu != 0)
		say(speaker, "~ MTU %u → %u",
			atomic_load_explicit(&tunnel->mtu, memory_order_relaxed),
			plan->target->mtu);
	else if (plan->target->mtu != tunnel->fixed_mtu)
		say(speaker, "~ MTU %u → as the underlay's allows", tunnel->fixed_mtu);
}

void
reconfigure_say(const struct reconfigure *reconfigure, const struct log *log)
{
	for (unsigned i = 0; i < reconfigure->plan_count; i++) {
		const struct tunnel_plan *plan = &reconfigure->plans[i];
		const struct speaker speaker = {
			.log = log,
			.tunnel = reconfigure->plan_count > 1 ? plan->tunnel->name : NULL,
		};

		say_tunnel(&speaker, plan);
		for (size_t k = 0; k < plan->removed_count; k++)
			say_removed(&speaker, plan->removed[k]);
		for (size_t k = 0; k < plan->peer_count; k++) {
			const struct peer_plan *peer = &plan->peers[k];

			if (peer->changes & PEER_CHANGE_NEW)
				say_added(&speaker, peer->target);
			else if (peer->changes != 0)
				say_changed(&speaker, reconfigure->control, peer);
		}
	}
}
