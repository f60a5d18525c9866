/*
 * A WireGuard peer that does what is told to it, line by line. Each command is answered by some
 * lines and a line with a dot; "error: why" is one that failed.
 *
 *	self KEY                        our private key, in base64 as all keys
 *	target ADDRESS:PORT KEY [PSK]   whom we talk to
 *	socket ADDRESS:PORT             another place to send from, numbered from 0
 *	from SOCKET                     sends from there
 *	initiate [MS]                   "session N", or "silence" after 2 s, or so long
 *	repeat                          the last initiation once more
 *	forget                          initiations that have come until now
 *	answer                          answers an initiation, which may take 10 s to come
 *	keys SESSION                    "send HEX" and "receive HEX"
 *	make SESSION COUNTER SOURCE DESTINATION NUMBER     "datagram N"
 *	send DATAGRAM [spoilt]
 *	await NUMBER MS                 until that number has come: "packet SOCKET NUMBER SESSION"
 *	                                for each that comes
 *	listen MS                       the same, for so long
 * Threads: one.
 */
#include "puppet.h"

#include "base/clock.h"
#include "base/secret.h"
#include "config/key.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 8
#define RESPONSE_MS 2000
#define INITIATION_MS 10000

struct line {
	char *words[WORDS_MAX];
	unsigned count;
};

static int64_t
now_ms(void)
{
	return (int64_t)(clock_boot_ns(&clock_system) / NS_IN_MS);
}

static unsigned
number_of(const char *text)
{
	return (unsigned)strtoul(text, NULL, 10);
}

static int
self(struct puppet *puppet, const struct line *line)
{
	uint8_t key[KEY_LEN];

	if (!key_from_base64(key, line->words[1]))
		return -EINVAL;
	noise_identity_init(&puppet->identity, key);
	secret_wipe(key, sizeof(key));
	return 0;
}

static int
target(struct puppet *puppet, const struct line *line)
{
	struct endpoint endpoint;
	uint8_t key[KEY_LEN], preshared[KEY_LEN] = {0};

	if (endpoint_parse(line->words[1], &endpoint) != 0 ||
		!key_from_base64(key, line->words[2]) ||
		(line->count > 3 && !key_from_base64(preshared, line->words[3])))
		return -EINVAL;
	puppet_aim(puppet, &endpoint, key, preshared);
	return 0;
}

static int
open_socket(struct puppet *puppet, const struct line *line)
{
	struct endpoint endpoint;

	if (endpoint_parse(line->words[1], &endpoint) != 0)
		return -EINVAL;
	return puppet_socket(puppet, &endpoint);
}

static int
from(struct puppet *puppet, const struct line *line)
{
	puppet->from = number_of(line->words[1]);
	return puppet->from < puppet->socket_count ? 0 : -EINVAL;
}

/* Takes what comes until the event, or for `ms`; says which packets were among it. */
static bool
wait_for(struct puppet *puppet, enum puppet_event event, const uint32_t *number, int ms)
{
	const int64_t end_ms = now_ms() + ms;
	int64_t left_ms = ms;

	while (left_ms >= 0) {
		const struct puppet_received received = puppet_receive(puppet, (int)left_ms);

		if (received.event == PUPPET_PACKET)
			printf("packet %u %u %u\n", received.socket, received.number,
				received.session);
		if (received.event == event && event != PUPPET_NOTHING &&
			(number == NULL || *number == received.number))
			return true;
		left_ms = end_ms - now_ms();
	}
	return false;
}

static int
initiate(struct puppet *puppet, const struct line *line)
{
	const int ms = line->count > 1 ? (int)number_of(line->words[1]) : RESPONSE_MS;
	int error = puppet_initiate(puppet);

	if (error != 0)
		return error;
	if (wait_for(puppet, PUPPET_SESSION, NULL, ms))
		printf("session %u\n", puppet->session_count - 1);
	else
		printf("silence\n");
	return 0;
}

static int
repeat(struct puppet *puppet, const struct line *line)
{
	(void)line;
	return puppet_repeat(puppet);
}

static int
forget(struct puppet *puppet, const struct line *line)
{
	(void)line;
	(void)wait_for(puppet, PUPPET_NOTHING, NULL, 0);
	puppet->is_asked = false;
	return 0;
}

static int
answer(struct puppet *puppet, const struct line *line)
{
	int error;

	(void)line;
	if (!puppet->is_asked && !wait_for(puppet, PUPPET_INITIATION, NULL, INITIATION_MS)) {
		printf("silence\n");
		return 0;
	}
	error = puppet_respond(puppet);
	if (error == 0)
		printf("session %u\n", puppet->session_count - 1);
	return error;
}

static int
keys(struct puppet *puppet, const struct line *line)
{
	const unsigned session = number_of(line->words[1]);
	char text[KEY_HEX_LEN + 1];

	if (session >= puppet->session_count)
		return -EINVAL;
	printf("send %s\n", key_to_hex(puppet->sessions[session].send_key, text));
	printf("receive %s\n", key_to_hex(puppet->sessions[session].receive_key, text));
	return 0;
}

static int
make(struct puppet *puppet, const struct line *line)
{
	struct address source, destination;
	int made;

	if (address_parse(line->words[3], &source) != 0 ||
		address_parse(line->words[4], &destination) != 0)
		return -EINVAL;
	made = puppet_make(puppet, number_of(line->words[1]), strtoull(line->words[2], NULL, 10),
		source.bytes, destination.bytes, number_of(line->words[5]));
	if (made < 0)
		return made;
	printf("datagram %d\n", made);
	return 0;
}

static int
send_datagram(struct puppet *puppet, const struct line *line)
{
	return puppet_send(puppet, number_of(line->words[1]), line->count > 2);
}

static int
await(struct puppet *puppet, const struct line *line)
{
	const uint32_t number = number_of(line->words[1]);

	(void)wait_for(puppet, PUPPET_PACKET, &number, (int)number_of(line->words[2]));
	return 0;
}

static int
hear(struct puppet *puppet, const struct line *line)
{
	(void)wait_for(puppet, PUPPET_NOTHING, NULL, (int)number_of(line->words[1]));
	return 0;
}

static const struct {
	const char *name;
	unsigned words; /* at least, its own name too */
	int (*run)(struct puppet *puppet, const struct line *line);
} commands[] = {
	{"self", 2, self},
	{"target", 3, target},
	{"socket", 2, open_socket},
	{"from", 2, from},
	{"initiate", 1, initiate},
	{"repeat", 1, repeat},
	{"forget", 1, forget},
	{"answer", 1, answer},
	{"keys", 2, keys},
	{"make", 6, make},
	{"send", 2, send_datagram},
	{"await", 3, await},
	{"listen", 2, hear},
};

static void
obey(struct puppet *puppet, const struct line *line)
{
	int error = -ENOSYS;

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, line->words[0]) == 0)
			error = line->count < commands[i].words ? -EINVAL
								: commands[i].run(puppet, line);
	if (error != 0)
		printf("error: %s: %s\n", line->words[0], strerror(-error));
	printf(".\n");
	(void)fflush(stdout);
}

int
main(void)
{
	static struct puppet puppet;
	char text[512];

	if (puppet_init(&puppet) != 0) {
		(void)fprintf(stderr, "puppet: no memory, or libsodium does not work\n");
		return 1;
	}
	while (fgets(text, sizeof(text), stdin) != NULL) {
		struct line line = {.count = 0};
		char *rest = text, *word;

		while (line.count < WORDS_MAX && (word = strtok_r(rest, " \n", &rest)) != NULL)
			line.words[line.count++] = word;
		if (line.count > 0)
			obey(&puppet, &line);
	}
	puppet_fini(&puppet);
	return 0;
}
