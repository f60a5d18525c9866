/*
 * The one table of options: what each is called, takes and means. The command line, gateway.conf,
 * the environment, --help, the man pages and the completion are all made of it.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Those of a tunnel come first. */
enum option_id {
	OPTION_ROLE,
	OPTION_CONFIG_DIR,
	OPTION_PRIVATE_CONF,
	OPTION_PUBLIC_CONF,
	OPTION_VPN_ADDRESS,
	OPTION_HOST,
	OPTION_NETNS,
	OPTION_PIPELINE,
	OPTION_HOST_MATCH,
	OPTION_LISTEN_PORT,
	OPTION_PEER_PORT,
	OPTION_ROAMING,
	OPTION_TUNNEL_COUNT,

	OPTION_UNDERLAY = OPTION_TUNNEL_COUNT,
	OPTION_UNDERLAY_INTERFACE,
	OPTION_LANES,
	OPTION_POLL,
	OPTION_MEMORY,
	OPTION_HUGEPAGES,
	OPTION_AEAD,
	OPTION_LOG_LEVEL,
	OPTION_STRICT_PERMISSIONS,
	OPTION_CONFINE,
	OPTION_CONTROL,
	OPTION_METRICS,
	OPTION_SETTING_COUNT, /* what comes behind is no setting: gateway.conf cannot say it */

	OPTION_TUNNEL = OPTION_SETTING_COUNT,
	OPTION_GATEWAY_CONF,
	OPTION_EXAMPLE,
	OPTION_DRY_RUN,
	OPTION_JSON,
	OPTION_WATCH,
	OPTION_NAME,
	OPTION_DIR,
	OPTION_STRICT,
	OPTION_HELP,
	OPTION_VERSION,
	OPTION_COUNT,
};

/* What stands for the capital words of an option's argument. */
enum option_type {
	OPTION_FLAG, /* takes no argument */
	OPTION_WORD, /* one of the words, nothing else */
	OPTION_TEXT, /* anything that is not empty */
	OPTION_PATH,
	OPTION_INTERFACE,
	OPTION_CPU_LIST,
	OPTION_PORT,
	OPTION_MIB,
	OPTION_SECONDS,
	OPTION_PREFIX, /* an address, with or without a length */
	OPTION_SOCKET, /* an address and a port */
};

/* The commands that know an option, a bit for each. */
enum option_command {
	OPTION_OF_RUN = 1 << 0,
	OPTION_OF_CONFIG = 1 << 1,
	OPTION_OF_RECONFIGURE = 1 << 2,
	OPTION_OF_STATUS = 1 << 3,
	OPTION_OF_CHECK = 1 << 4,
	OPTION_OF_PREFLIGHT = 1 << 5,
	/* Those that make settings of all sources. */
	OPTION_OF_SETTINGS =
		OPTION_OF_RUN | OPTION_OF_CONFIG | OPTION_OF_CHECK | OPTION_OF_PREFLIGHT,
};

struct option {
	const char *name; /* --NAME, NAME: in gateway.conf, GUARDLANE_NAME with _ for - */
	/*
	 * Alternatives with | between them. Words in small letters are taken as they stand, also
	 * before a colon ("af_packet:INTERFACE"); capital ones stand for what `type` says.
	 */
	const char *argument;
	enum option_type type;
	const char *standard; /* what holds if nobody says; "auto": found out */
	unsigned commands; /* of enum option_command */
	bool live; /* reconfigure applies it; else it takes down and up */
	bool operand; /* stands alone: the command line has no --NAME before it */
	bool optional; /* its argument may be missing: then it is `standard` */
	bool shared; /* of a tunnel, but said outside of --tunnel it is for all */
	const char *help;
};

/* options[] by enum option_id. */
extern const struct option options[OPTION_COUNT];

/* option_find returns the option of that name, or OPTION_COUNT. */
enum option_id option_find(const char *name, size_t len);

/*
 * option_nearest returns the name, of the options before `end` that one of `commands` knows, that
 * `name` was probably meant to be, or NULL.
 */
const char *option_nearest(const char *name, unsigned commands, enum option_id end);

#define OPTION_WHY_MAX 96

/*
 * option_check tells whether `text` is a value of the option. If not, `why` is what is wrong with
 * it, to be put behind the value: "is not a port from 1 to 65535".
 */
bool option_check(enum option_id id, const char *text, char why[OPTION_WHY_MAX])
	__attribute__((warn_unused_result));
