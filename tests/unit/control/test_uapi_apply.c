/*
 * What "set" makes of a tunnel: single rules, and random requests against a model that does line
 * after line.
 */
#include "control/uapi_apply.h"

#include "base/random.h"
#include "base/secret.h"
#include "control/uapi_get.h"
#include "crypto/x25519.h"

#include "pair.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KEY_COUNT 8
#define PREFIX_COUNT 10
#define REQUEST_MAX (1 << 16)
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

/* In the order of prefix_compare. */
static const char *const prefixes[PREFIX_COUNT] = {"0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16",
	"10.1.2.0/24", "10.1.2.3/32", "172.16.0.0/12", "192.168.0.0/16", "::/0", "fd00::/8",
	"fd00::1/128"};
static const char *const endpoints[] = {"", "192.0.2.2:4567", "192.0.2.2:1", "[2001:db8::2]:4567"};

struct bed {
	struct pair *pair;
	struct tunnel *tunnel;
	struct management *management;
	uint8_t private_keys[KEY_COUNT][32];
	uint8_t public_keys[KEY_COUNT][32];
	uint64_t random;
};

static void
bed_init(struct bed *bed, const struct pair_options *options)
{
	bed->pair = pair_begin(options);
	bed->pair->drops_unchecked = true;
	bed->tunnel = pair_tunnel(bed->pair, 0);
	bed->management = bed->pair->sites[0].gateway->management;
	for (unsigned i = 0; i < KEY_COUNT; i++) {
		memset(bed->private_keys[i], (int)i + 1, 32);
		x25519_clamp(bed->private_keys[i]);
		assert_int_equal(x25519_public(bed->public_keys[i], bed->private_keys[i]), 0);
	}
	bed->random = bed->pair->wire.random;
}

static void
bed_fini(struct bed *bed)
{
	pair_end(bed->pair);
}

static int
apply(struct bed *bed, const char *text)
{
	return uapi_apply(bed->management, bed->tunnel, text, strlen(text));
}

/* A request with the key between the lines. */
static int
set_key(struct bed *bed, const char *before, const uint8_t key[32], const char *after)
{
	char text[2048];
	char hex[KEY_HEX_LEN + 1];

	snprintf(text, sizeof(text), "set=1\n%s%s\n%s\n", before, key_to_hex(key, hex), after);
	return apply(bed, text);
}

static bool
get_has(struct bed *bed, const char *part)
{
	size_t len;
	char *text = uapi_get(bed->tunnel, &len);
	const bool has = strstr(text, part) != NULL;

	secret_free(text);
	return has;
}

/* Lines that begin so. Not by strstr(), for which ASan reads the whole text each time. */
static size_t
count_lines(const char *text, const char *begin)
{
	const char *end = text + strlen(text);
	size_t count = 0;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));

		count += strncmp(text, begin, strlen(begin)) == 0;
		text = newline == NULL ? end : newline + 1;
	}
	return count;
}

static struct peer *
find(struct bed *bed, const uint8_t key[32])
{
	return key_table_find(bed->tunnel->keys, key);
}

/* -- single rules ------------------------------------------------------------------------------ */

static void
a_request_without_lines_changes_nothing(void **state)
{
	struct bed bed;
	const struct peer *peer;

	bed_init(&bed, &(const struct pair_options){.gateways = 1});
	peer = TAILQ_FIRST(&bed.tunnel->peers);
	assert_int_equal(apply(&bed, "set=1\n\n"), 0);
	assert_ptr_equal(TAILQ_FIRST(&bed.tunnel->peers), peer);
	assert_int_equal(bed.tunnel->peer_count, 1);
	bed_fini(&bed);
}

static void
a_session_stays_whatever_else_changes(void **state)
{
	struct bed bed;
	const struct session *session;
	struct peer *peer;

	bed_init(&bed, &(const struct pair_options){.sites = 2});
	pair_connect(bed.pair, 0, 1);
	peer = pair_peer(bed.pair, 0, 1);
	session = atomic_load(&peer->current);
	assert_int_equal(set_key(&bed, "fwmark=5\nlisten_port=4567\npublic_key=",
				 bed.pair->sites[1].public_key,
				 "persistent_keepalive_interval=9\nallowed_ip=10.7.0.0/16\n"
				 "preshared_key=" ZEROS "\n"),
		0);
	assert_int_equal(set_key(&bed, "public_key=", bed.public_keys[0], "allowed_ip=::/0\n"), 0);
	assert_ptr_equal(pair_peer(bed.pair, 0, 1), peer);
	assert_ptr_equal(atomic_load(&peer->current), session);
	pair_converse(bed.pair, 0, 1);
	assert_true(get_has(&bed, "\nfwmark=5\n"));
	bed_fini(&bed);
}

static void
replacing_the_peers_ends_their_sessions(void **state)
{
	struct bed bed;

	bed_init(&bed, &(const struct pair_options){.sites = 2});
	pair_connect(bed.pair, 0, 1);
	assert_int_equal(
		set_key(&bed, "replace_peers=true\npublic_key=", bed.pair->sites[1].public_key, ""),
		0);
	assert_int_equal(pair_sessions(bed.pair, 0, 1), 0);
	pair_settle(bed.pair);
	bed_fini(&bed);
}

static void
cf_17_a_private_key_reads_back_clamped_and_zeros_remove_it(void **state)
{
	static const uint8_t unclamped[32] = {0xff, 1, [31] = 0xff};
	struct bed bed;

	bed_init(&bed, &(const struct pair_options){.gateways = 1});
	assert_int_equal(set_key(&bed, "private_key=", unclamped, ""), 0);
	assert_true(get_has(&bed,
		"private_key=f801000000000000000000000000000000000000000000000000000000000"
		"07f\n"));
	assert_int_equal(apply(&bed, "set=1\nprivate_key=" ZEROS "\n\n"), 0);
	assert_false(get_has(&bed, "private_key="));
	assert_false(bed.tunnel->identity.present);
	bed_fini(&bed);
}

static void
cf_4_the_same_private_key_changes_nothing(void **state)
{
	struct bed bed;
	const struct session *session;
	struct peer *peer;
	uint64_t sent;

	bed_init(&bed, &(const struct pair_options){.sites = 2});
	pair_connect(bed.pair, 0, 1);
	pair_advance(bed.pair, NS_IN_S);
	peer = pair_peer(bed.pair, 0, 1);
	session = atomic_load(&peer->current);
	sent = bed.pair->wire.sent_count;
	assert_int_equal(set_key(&bed, "private_key=", bed.pair->sites[0].private_key, ""), 0);
	pair_settle(bed.pair);
	assert_ptr_equal(atomic_load(&peer->current), session);
	assert_ptr_equal(peer_send_session(peer, pair_now_ns(bed.pair)), session);
	assert_int_equal(bed.pair->wire.sent_count, sent);
	pair_converse(bed.pair, 0, 1);
	assert_int_equal(wire_count(&bed.pair->wire, 0, 0, MESSAGE_INITIATION), 1);
	bed_fini(&bed);
}

/* The second entry of a key goes on with the first; a list that it replaces is its own. */
static void
cf_6_a_key_twice_is_one_peer(void **state)
{
	struct bed bed;
	char text[2048];
	char hex[KEY_HEX_LEN + 1];

	bed_init(&bed, &(const struct pair_options){.gateways = 1});
	key_to_hex(bed.public_keys[0], hex);
	snprintf(text, sizeof(text),
		"set=1\npublic_key=%s\nreplace_allowed_ips=true\nallowed_ip=10.1.0.0/16\n"
		"persistent_keepalive_interval=7\npublic_key=%s\nreplace_allowed_ips=true\n"
		"allowed_ip=172.16.0.0/12\n\n",
		hex, hex);
	assert_int_equal(apply(&bed, text), 0);
	assert_int_equal(bed.tunnel->peer_count, 2);
	assert_int_equal(find(&bed, bed.public_keys[0])->persistent_keepalive_s, 7);
	assert_true(get_has(&bed, "allowed_ip=172.16.0.0/12\n"));
	assert_false(get_has(&bed, "allowed_ip=10.1.0.0/16\n"));
	bed_fini(&bed);
}

/* Writes what "get" says as a "set" request, without what only "get" has. */
static void
request_from(struct bed *bed, char *request, size_t room)
{
	static const char *const only[] = {
		"errno=", "last_handshake_time", "rx_bytes=", "tx_bytes=", "protocol_version="};
	size_t len;
	char *text = uapi_get(bed->tunnel, &len);
	char *rest = text;
	const char *line;

	snprintf(request, room, "set=1\nreplace_peers=true\n");
	while ((line = strsep(&rest, "\n")) != NULL) {
		bool skip = line[0] == '\0';

		for (unsigned i = 0; i < sizeof(only) / sizeof(only[0]); i++)
			skip |= strncmp(line, only[i], strlen(only[i])) == 0;
		if (!skip)
			snprintf(request + strlen(request), room - strlen(request), "%s\n", line);
	}
	snprintf(request + strlen(request), room - strlen(request), "\n");
	secret_free(text);
}

static void
p_10_what_get_says_set_takes(void **state)
{
	struct bed bed;
	static char first[REQUEST_MAX];
	static char second[REQUEST_MAX];
	char lines[256];

	bed_init(&bed, &(const struct pair_options){.gateways = 1, .preshared = {true}});
	for (unsigned i = 0; i < KEY_COUNT; i++) {
		snprintf(lines, sizeof(lines),
			"endpoint=%s\npersistent_keepalive_interval=%u\nallowed_ip=%s\nallowed_ip=%s\n",
			endpoints[1 + i % 3], 3 * i, prefixes[i],
			prefixes[PREFIX_COUNT - 1 - i % 2]);
		assert_int_equal(
			set_key(&bed, "fwmark=7\npublic_key=", bed.public_keys[i], lines), 0);
	}
	request_from(&bed, first, sizeof(first));
	assert_int_equal(apply(&bed, first), 0);
	request_from(&bed, second, sizeof(second));
	assert_string_equal(first, second);
	assert_int_equal(count_lines(second, "public_key="), 1 + KEY_COUNT);
	bed_fini(&bed);
}

struct setter {
	struct bed *bed;
	_Atomic bool stop;
	unsigned sets;
};

/* Gives both peers the same keepalive, another one each time. */
static void *
set_again_and_again(void *argument)
{
	struct setter *setter = argument;
	char text[512];
	char hex[2][KEY_HEX_LEN + 1];

	for (unsigned i = 0; i < 2; i++)
		key_to_hex(setter->bed->public_keys[i], hex[i]);
	while (!atomic_load(&setter->stop)) {
		const unsigned keepalive = 1000 + setter->sets % 1000;

		snprintf(text, sizeof(text),
			"set=1\npublic_key=%s\npersistent_keepalive_interval=%u\n"
			"public_key=%s\npersistent_keepalive_interval=%u\n\n",
			hex[0], keepalive, hex[1], keepalive);
		if (apply(setter->bed, text) != 0)
			abort();
		setter->sets++;
	}
	return NULL;
}

static void
cf_12_get_while_set_goes_on(void **state)
{
	static const char key[] = "persistent_keepalive_interval=";
	struct bed bed;
	struct setter setter = {.bed = &bed};
	struct control *control;
	pthread_t thread;
	unsigned changes = 0;
	unsigned last = 0;

	bed_init(&bed, &(const struct pair_options){.gateways = 1});
	control = &bed.pair->sites[0].gateway->control;
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(set_key(&bed, "public_key=", bed.public_keys[i],
					 "persistent_keepalive_interval=999\n"),
			0);
	assert_int_equal(pthread_create(&thread, NULL, set_again_and_again, &setter), 0);
	while (changes < 200) {
		unsigned keepalive[3] = {0};
		const char *at;
		char *text;
		size_t len;

		control_lock(control);
		text = uapi_get(bed.tunnel, &len);
		control_unlock(control);
		at = text;
		for (unsigned i = 0; i < 3 && (at = strstr(at, key)) != NULL; i++) {
			at += strlen(key);
			keepalive[i] = (unsigned)strtoul(at, NULL, 10);
		}
		/* The pair's own peer has none. */
		assert_int_equal(keepalive[0] + keepalive[1] + keepalive[2],
			2 * (keepalive[0] > keepalive[1] ? keepalive[0] : keepalive[1]));
		changes += keepalive[1] != last;
		last = keepalive[1];
		secret_free(text);
		sched_yield();
	}
	atomic_store(&setter.stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(setter.sets > 100);
	bed_fini(&bed);
}

static void
cf_18_what_is_absent_is_neither_removed_nor_updated(void **state)
{
	struct bed bed;

	bed_init(&bed, &(const struct pair_options){.gateways = 1});
	assert_int_equal(set_key(&bed, "public_key=", bed.public_keys[0], "remove=true\n"), 0);
	assert_int_equal(set_key(&bed, "public_key=", bed.public_keys[0],
				 "update_only=true\nallowed_ip=10.0.0.0/8\n"),
		0);
	assert_int_equal(bed.tunnel->peer_count, 1);
	assert_null(find(&bed, bed.public_keys[0]));
	assert_false(get_has(&bed, "10.0.0.0/8"));
	bed_fini(&bed);
}

static void
cf_5_our_own_key_is_passed_over(void **state)
{
	struct bed bed;

	bed_init(&bed, &(const struct pair_options){.gateways = 1});
	assert_int_equal(set_key(&bed, "public_key=", bed.pair->sites[0].public_key,
				 "allowed_ip=10.0.1.0/24\n"),
		0);
	assert_int_equal(bed.tunnel->peer_count, 1);
	assert_true(get_has(&bed, "allowed_ip=10.0.1.0/24\n"));
	/* And a peer that turns out to be ourselves is one no more. */
	assert_int_equal(set_key(&bed, "public_key=", bed.public_keys[2], ""), 0);
	assert_int_equal(bed.tunnel->peer_count, 2);
	assert_int_equal(set_key(&bed, "private_key=", bed.private_keys[2], ""), 0);
	assert_int_equal(bed.tunnel->peer_count, 1);
	assert_null(find(&bed, bed.public_keys[2]));
	bed_fini(&bed);
}

static void
port_zero_is_one_that_is_free(void **state)
{
	struct bed bed;

	bed_init(&bed, &(const struct pair_options){.gateways = 1});
	assert_int_equal(apply(&bed, "set=1\nlisten_port=0\n\n"), 0);
	assert_true(bed.tunnel->listen_port >= 1024);
	assert_int_equal(apply(&bed, "set=1\nlisten_port=4567\n\n"), 0);
	assert_int_equal(bed.tunnel->listen_port, 4567);
	bed_fini(&bed);
}

static void
cf_11_an_error_at_the_end_undoes_the_beginning(void **state)
{
	struct bed bed;

	bed_init(&bed, &(const struct pair_options){.gateways = 1});
	assert_int_equal(
		apply(&bed, "set=1\nlisten_port=1\nreplace_peers=true\nfwmark=-1\n\n"), -EINVAL);
	assert_int_equal(
		apply(&bed, "set=1\nlisten_port=1\nreplace_peers=true\nfwmark\n\n"), -EPROTO);
	assert_int_equal(bed.tunnel->listen_port, PAIR_PORT);
	assert_int_equal(bed.tunnel->peer_count, 1);
	assert_int_equal(bed.pair->sites[0].warnings, 2);
	bed_fini(&bed);
}

/* -- many -------------------------------------------------------------------------------------- */

/* A request in the making. */
struct request {
	char *text;
	size_t len;
	size_t room;
};

static void __attribute__((format(printf, 2, 3)))
add(struct request *request, const char *format, ...)
{
	va_list arguments;
	int len;

	va_start(arguments, format);
	len = vsnprintf(
		request->text + request->len, request->room - request->len, format, arguments);
	va_end(arguments);
	assert_true(len >= 0 && (size_t)len < request->room - request->len);
	request->len += (size_t)len;
}

static void
request_init(struct request *request, size_t room)
{
	*request = (struct request){.text = malloc(room), .room = room};
	assert_non_null(request->text);
	add(request, "set=1\n");
}

static void
add_peers(struct request *request, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		add(request,
			"public_key=%08x00000000000000000000000000000000000000000000000000000001\n"
			"allowed_ip=10.%u.%u.%u/32\n",
			i, i >> 16, i >> 8 & 255, i & 255);
}

static void
ten_thousand_peers_are_set_and_shown(void **state)
{
	struct request request;
	struct bed bed;
	size_t len;
	char *text;

	bed_init(&bed, &(const struct pair_options){.gateways = 1});
	request_init(&request, 10000 * 128);
	add_peers(&request, 10000);
	add(&request, "\n");
	assert_int_equal(apply(&bed, request.text), 0);
	text = uapi_get(bed.tunnel, &len);
	assert_non_null(text);
	assert_int_equal(count_lines(text, "public_key="), 10001);
	assert_int_equal(count_lines(text, "allowed_ip=10."), 10001);
	secret_free(text);
	free(request.text);
	bed_fini(&bed);
}

/* As many as the kernel's own tests give one peer. */
static void
ai_10_one_peer_has_130560_allowed_ips(void **state)
{
	struct request request;
	struct bed bed;
	size_t len;
	char *text;

	bed_init(&bed, &(const struct pair_options){.gateways = 1});
	request_init(&request, 130560 * 64);
	add(&request, "public_key=" ZEROS "\n");
	for (unsigned i = 0; i < 255; i++)
		for (unsigned k = 0; k < 256; k++)
			add(&request, "allowed_ip=%u.%u.0.0/32\nallowed_ip=%x:%x::/128\n", i + 1, k,
				i + 0x2001, k);
	add(&request, "\n");
	assert_int_equal(apply(&bed, request.text), 0);
	text = uapi_get(bed.tunnel, &len);
	assert_non_null(text);
	assert_int_equal(count_lines(text, "allowed_ip="), 130560 + 2);
	secret_free(text);
	free(request.text);
	bed_fini(&bed);
}

static void
more_peers_than_there_is_room_for_are_refused(void **state)
{
	struct request request;
	struct bed bed;

	bed_init(&bed, &(const struct pair_options){.gateways = 1, .no_key = {true}});
	request_init(&request, (GATEWAY_PEERS_MAX + 1) * 128);
	add_peers(&request, GATEWAY_PEERS_MAX);
	add(&request, "\n");
	assert_int_equal(apply(&bed, request.text), -ENOSPC);
	assert_int_equal(bed.tunnel->peer_count, 1);
	free(request.text);
	bed_fini(&bed);
}

/* -- against the model ------------------------------------------------------------------------- */

struct model_peer {
	bool there;
	bool has[PREFIX_COUNT];
	unsigned preshared; /* byte of which its key is made; 0: none */
	unsigned keepalive_s;
	unsigned endpoint;
	unsigned mark; /* what the running peer was marked with; a new one is not */
};

struct model {
	int own; /* number of our key; -1: none */
	unsigned fwmark;
	struct model_peer peers[KEY_COUNT];
};

static unsigned
draw(struct bed *bed, unsigned below)
{
	bed->random = bed->random * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (unsigned)(bed->random >> 33) % below;
}

static void
add_key(struct request *request, const char *name, const uint8_t key[32])
{
	char hex[KEY_HEX_LEN + 1];

	add(request, "%s=%s\n", name, key_to_hex(key, hex));
}

static void
draw_private_key(struct bed *bed, struct model *model, struct request *request)
{
	static const uint8_t none[32];

	model->own = (int)draw(bed, 3) - 1;
	add_key(request, "private_key", model->own < 0 ? none : bed->private_keys[model->own]);
	if (model->own >= 0)
		model->peers[model->own] = (struct model_peer){.there = false};
}

static void
draw_device_lines(struct bed *bed, struct model *model, struct request *request)
{
	if (draw(bed, 4) == 0)
		draw_private_key(bed, model, request);
	if (draw(bed, 4) == 0) {
		model->fwmark = draw(bed, 3);
		add(request, "fwmark=%u\n", model->fwmark);
	}
	if (draw(bed, 16) == 0) {
		memset(model->peers, 0, sizeof(model->peers));
		add(request, "replace_peers=true\n");
	}
}

/* One line of a section; `peer` is what the model changes, a spare one where that means nothing. */
static void
draw_peer_line(
	struct bed *bed, struct model *model, struct request *request, struct model_peer *peer)
{
	const unsigned prefix = draw(bed, PREFIX_COUNT);
	uint8_t key[32];

	switch (draw(bed, 10)) {
	case 0:
		peer->preshared = draw(bed, 3);
		memset(key, (int)peer->preshared, sizeof(key));
		add_key(request, "preshared_key", key);
		break;
	case 1:
		peer->keepalive_s = draw(bed, 3) * 10;
		add(request, "persistent_keepalive_interval=%u\n", peer->keepalive_s);
		break;
	case 2:
		peer->endpoint = 1 + draw(bed, RTE_DIM(endpoints) - 1);
		add(request, "endpoint=%s\n", endpoints[peer->endpoint]);
		break;
	case 3:
		memset(peer->has, 0, sizeof(peer->has));
		add(request, "replace_allowed_ips=true\n");
		break;
	case 4:
		peer->has[prefix] = false;
		add(request, "allowed_ip=-%s\n", prefixes[prefix]);
		break;
	case 5:
		add(request, "protocol_version=1\n");
		break;
	default:
		if (peer->there)
			for (unsigned i = 0; i < KEY_COUNT; i++)
				model->peers[i].has[prefix] = false;
		peer->has[prefix] = true;
		add(request, "allowed_ip=%s\n", prefixes[prefix]);
		break;
	}
}

static void
draw_section(struct bed *bed, struct model *model, struct request *request)
{
	const unsigned number = draw(bed, KEY_COUNT);
	struct model_peer spare = {.there = false};
	struct model_peer *peer = (int)number == model->own ? &spare : &model->peers[number];
	const bool made = peer != &spare && !peer->there;

	add_key(request, "public_key", bed->public_keys[number]);
	if (peer != &spare)
		peer->there = true;
	if (draw(bed, 6) == 0) {
		add(request, "update_only=true\n");
		if (made) {
			*peer = (struct model_peer){.there = false};
			peer = &spare;
		}
	}
	for (unsigned i = draw(bed, 7); i > 0; i--) {
		draw_peer_line(bed, model, request, peer);
		if (draw(bed, 12) == 0) {
			add(request, "remove=true\n");
			*peer = (struct model_peer){.there = false};
			peer = &spare;
		}
	}
}

static const char *
draw_bad_line(struct bed *bed)
{
	static const char *const lines[] = {"listen_port=x\n", "allowed_ip=\n", "remove=1\n",
		"nothing=1\n", "=\n", "allowed_ip\n"};

	return lines[draw(bed, RTE_DIM(lines))];
}

/* Takes out what the model does not know: lines that begin so. */
static void
cut_lines(char *text, const char *begin)
{
	char *at;

	while ((at = strstr(text, begin)) != NULL) {
		const char *behind = strchr(at + 1, '\n');

		memmove(at, behind, strlen(behind) + 1);
	}
}

static void
expect_peer(const struct bed *bed, const struct model_peer *peer, unsigned number, const char *got)
{
	char block[2048];
	struct request out = {.text = block, .room = sizeof(block)};
	uint8_t preshared[32];
	const char *at;

	memset(preshared, (int)peer->preshared, sizeof(preshared));
	add_key(&out, "public_key", bed->public_keys[number]);
	add_key(&out, "preshared_key", preshared);
	add(&out, "protocol_version=1\n");
	if (peer->endpoint != 0)
		add(&out, "endpoint=%s\n", endpoints[peer->endpoint]);
	add(&out, "last_handshake_time_sec=0\nlast_handshake_time_nsec=0\nrx_bytes=%u\n",
		peer->mark);
	add(&out, "persistent_keepalive_interval=%u\n", peer->keepalive_s);
	for (unsigned i = 0; i < PREFIX_COUNT; i++)
		if (peer->has[i])
			add(&out, "allowed_ip=%s\n", prefixes[i]);
	at = strstr(got, block);
	if (at == NULL || (at[out.len] != 'p' && at[out.len] != 'e'))
		fail_msg("not there:\n%sbut:\n%s", block, got);
}

/* The peer of the longest prefix that holds the address; -1: none. */
static int
model_owner(const struct model *model, const struct address *address)
{
	int owner = -1;
	int len = -1;

	for (unsigned k = 0; k < PREFIX_COUNT; k++) {
		struct prefix prefix;

		assert_int_equal(prefix_parse(prefixes[k], &prefix, NULL), 0);
		for (unsigned i = 0; i < KEY_COUNT; i++)
			if (model->peers[i].there && model->peers[i].has[k] &&
				prefix_contains(&prefix, address) && prefix.len > len) {
				owner = (int)i;
				len = prefix.len;
			}
	}
	return owner;
}

static void
expect_owners(struct bed *bed, const struct model *model)
{
	static const char *const texts[] = {"10.1.2.3", "10.1.2.4", "10.1.3.1", "10.2.0.1",
		"172.16.1.1", "192.168.1.1", "8.8.8.8", "fd00::1", "fd00::2", "2001:db8::1"};

	for (size_t i = 0; i < RTE_DIM(texts); i++) {
		struct address address;
		const struct peer *peer;
		int owner;

		assert_int_equal(address_parse(texts[i], &address), 0);
		owner = model_owner(model, &address);
		peer = tunnel_find_inner(bed->tunnel, address.family, address.bytes);
		assert_ptr_equal(peer, owner < 0 ? NULL : find(bed, bed->public_keys[owner]));
	}
}

static void
expect_model(struct bed *bed, const struct model *model)
{
	char line[32] = "\n";
	unsigned count = 0;
	size_t len;
	char *got = uapi_get(bed->tunnel, &len);

	assert_non_null(got);
	cut_lines(got, "\ntx_bytes=");
	for (unsigned i = 0; i < KEY_COUNT; i++) {
		if (!model->peers[i].there)
			continue;
		count++;
		expect_peer(bed, &model->peers[i], i, got);
	}
	assert_int_equal(count_lines(got, "public_key="), count);
	assert_int_equal(count_lines(got, "private_key="), model->own >= 0);
	if (model->fwmark != 0)
		snprintf(line, sizeof(line), "\nfwmark=%u\n", model->fwmark);
	assert_int_equal(count_lines(got, "fwmark="), model->fwmark != 0);
	assert_non_null(strstr(got, line));
	secret_free(got);
	expect_owners(bed, model);
}

/* A peer that goes and comes again in one request has lost its mark. */
static void
mark_peers(struct bed *bed, struct model *model)
{
	for (unsigned i = 0; i < KEY_COUNT; i++) {
		if (!model->peers[i].there)
			continue;
		model->peers[i].mark = 1 + draw(bed, 1000000);
		find(bed, bed->public_keys[i])->handshake_rx_bytes = model->peers[i].mark;
	}
}

static void
requests_do_what_the_model_does(void **state)
{
	struct model model = {.own = -1};
	struct request request;
	struct bed bed;
	char hex[KEY_HEX_LEN + 1];
	char first[256];

	bed_init(&bed, &(const struct pair_options){.gateways = 1});
	snprintf(first, sizeof(first),
		"set=1\nprivate_key=" ZEROS "\npublic_key=%s\nremove=true\n\n",
		key_to_hex(bed.pair->sites[1].public_key, hex));
	assert_int_equal(apply(&bed, first), 0);
	request_init(&request, REQUEST_MAX);
	for (unsigned i = 0; i < 3000; i++) {
		struct model next = model;

		request.len = 0;
		add(&request, "set=1\n");
		draw_device_lines(&bed, &next, &request);
		for (unsigned k = draw(&bed, 7); k > 0; k--)
			draw_section(&bed, &next, &request);
		if (draw(&bed, 4) == 0) {
			add(&request, "%s\n", draw_bad_line(&bed));
			assert_true(apply(&bed, request.text) < 0);
		} else {
			add(&request, "\n");
			assert_int_equal(apply(&bed, request.text), 0);
			model = next;
		}
		expect_model(&bed, &model);
		mark_peers(&bed, &model);
		if (i % 16 == 0)
			pair_settle(bed.pair);
	}
	free(request.text);
	bed_fini(&bed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_without_lines_changes_nothing),
		cmocka_unit_test(a_session_stays_whatever_else_changes),
		cmocka_unit_test(replacing_the_peers_ends_their_sessions),
		cmocka_unit_test(cf_17_a_private_key_reads_back_clamped_and_zeros_remove_it),
		cmocka_unit_test(cf_4_the_same_private_key_changes_nothing),
		cmocka_unit_test(cf_6_a_key_twice_is_one_peer),
		cmocka_unit_test(cf_12_get_while_set_goes_on),
		cmocka_unit_test(p_10_what_get_says_set_takes),
		cmocka_unit_test(cf_18_what_is_absent_is_neither_removed_nor_updated),
		cmocka_unit_test(cf_5_our_own_key_is_passed_over),
		cmocka_unit_test(port_zero_is_one_that_is_free),
		cmocka_unit_test(cf_11_an_error_at_the_end_undoes_the_beginning),
		cmocka_unit_test(ten_thousand_peers_are_set_and_shown),
		cmocka_unit_test(ai_10_one_peer_has_130560_allowed_ips),
		cmocka_unit_test(more_peers_than_there_is_room_for_are_refused),
		cmocka_unit_test(requests_do_what_the_model_does),
	};

	return cmocka_run_group_tests(tests, pair_eal, pair_eal_end);
}
