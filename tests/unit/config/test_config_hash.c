/*
 * The hash of the public file: equal wherever the meaning is equal, another wherever it is another.
 * On the packet's way: nowhere.
 * Threads: one.
 */
#include "config/config_hash.h"

#include "files.h"

#include <ctype.h>
#include <time.h>

#define PEERS_MAX 6
#define PREFIXES_MAX 4
#define ROUNDS 300

/* A peer as it is meant, before anybody has written it down. */
struct meant {
	uint8_t key, psk; /* 32 times this byte; a psk of 0: none */
	unsigned prefixes[PREFIXES_MAX]; /* the last 16 bits of the address */
	unsigned prefix_count;
	unsigned host; /* 0: no endpoint; even: an IPv4, odd: an IPv6 address; from 200: a name */
	unsigned port;
	unsigned keepalive;
};

static struct meant peers[PEERS_MAX];
static unsigned peer_count;
static uint32_t state_of_random;

static unsigned
below(unsigned limit)
{
	state_of_random = state_of_random * 1664525 + 1013904223;
	return (state_of_random >> 8) % limit;
}

static const char *
one_of(const char *a, const char *b, const char *c)
{
	const char *texts[] = {a, b, c};

	return texts[below(3)];
}

static void
mean_something(void)
{
	peer_count = 1 + below(PEERS_MAX);
	for (unsigned i = 0; i < peer_count; i++) {
		peers[i] = (struct meant){
			.key = (uint8_t)(16 + 16 * i + below(8)),
			.psk = (uint8_t)below(3),
			.prefix_count = below(PREFIXES_MAX + 1),
			.host = below(3) * 100,
			.port = 1 + below(3),
			.keepalive = below(3) * 25,
		};
		for (unsigned k = 0; k < peers[i].prefix_count; k++)
			peers[i].prefixes[k] = i << 12 | k << 8 | below(256);
		peers[i].host += peers[i].host ? 2 * i + below(2) : 0;
	}
}

/* Changes the letters' case at random from `from` on. */
static void
mix_case(char *from)
{
	for (; *from; from++)
		if (below(2))
			*from = (char)(isupper((unsigned char)*from)
					? tolower((unsigned char)*from)
					: toupper((unsigned char)*from));
}

#define WRITE(...) (at += (size_t)snprintf(text + at, at < size ? size - at : 0, __VA_ARGS__))

static size_t
write_name(char *text, size_t size, size_t at, const char *name)
{
	const size_t start = at;

	WRITE("%s%s%s=%s", one_of("", " ", "\t"), name, one_of("", " ", "  "),
		one_of("", " ", "\t"));
	mix_case(text + start);
	return at;
}

static size_t
write_key(char *text, size_t size, size_t at, const char *name, uint8_t byte)
{
	uint8_t key[KEY_LEN];
	char base64[KEY_BASE64_LEN + 1];

	memset(key, byte, sizeof(key));
	at = write_name(text, size, at, name);
	WRITE("%s%s\n", key_to_base64(key, base64), one_of("", " # a key", "\r"));
	return at;
}

static size_t
write_prefixes(char *text, size_t size, size_t at, const struct meant *peer)
{
	const unsigned first = peer->prefix_count ? below(peer->prefix_count) : 0;

	for (unsigned i = 0; i < peer->prefix_count; i++) {
		const unsigned n = peer->prefixes[(first + i) % peer->prefix_count];

		if (i == 0 || below(2)) {
			WRITE("\n");
			at = write_name(text, size, at, "AllowedIPs");
		} else {
			WRITE("%s", one_of(",", ", ", " ,"));
		}
		if (n & 1)
			WRITE(one_of("fd00::%x", "fd00:0:0::%04X/128", "fd00:0:0:0:0:0:0:%x"), n);
		else
			WRITE(one_of("10.8.%u.%u", "10.8.%u.%u/32", "10.8.%u.%u/032"), n >> 8,
				n & 255);
		/* Repeated it means the same. */
		if (below(8) == 0)
			WRITE(n & 1 ? ",fd00::%x" : ",10.8.%u.%u", n & 1 ? n : n >> 8, n & 255);
	}
	WRITE("\n");
	return at;
}

static size_t
write_endpoint(char *text, size_t size, size_t at, const struct meant *peer)
{
	size_t start;

	if (!peer->host)
		return at;
	at = write_name(text, size, at, "Endpoint");
	start = at;
	if (peer->host >= 200)
		WRITE("gw%u.example", peer->host);
	else if (peer->host & 1)
		WRITE(one_of("[2001:db8::%x]", "[2001:DB8:0::00%X]", "[2001:db8:0:0:0:0:0:%x]"),
			peer->host);
	else
		WRITE("198.51.100.%u", peer->host);
	if (peer->host >= 200)
		mix_case(text + start);
	WRITE("%s%u\n", one_of(":", ":0", " : 00"), peer->port);
	return at;
}

static size_t
write_peer(char *text, size_t size, size_t at, const struct meant *peer, bool headers)
{
	unsigned left = 15;

	if (below(3) == 0)
		WRITE("# gw %u = x\n\n", below(100));
	if (headers)
		WRITE("%s\n", one_of("[Peer]", "[ PEER ] # here", "[peer]"));
	else
		at = write_key(text, size, at, "PublicKey", peer->key);
	while (left) {
		const unsigned bit = 1u << below(4);

		if (!(left & bit))
			continue;
		left &= ~bit;
		if (bit == 1 && headers)
			at = write_key(text, size, at, "PublicKey", peer->key);
		else if (bit == 2 && (peer->psk || below(2)))
			at = write_key(text, size, at, "PresharedKey", peer->psk);
		else if (bit == 4)
			at = write_prefixes(text, size, at, peer);
		else if (bit == 8)
			at = write_endpoint(text, size, at, peer);
	}
	if (peer->keepalive || below(2)) {
		at = write_name(text, size, at, "PersistentKeepalive");
		if (peer->keepalive)
			WRITE("%s%u\n", one_of("", "0", "00"), peer->keepalive);
		else
			WRITE("%s\n", one_of("off", "0", "OFF"));
	}
	return at;
}

/* Writes down what is meant, in one of very many ways. */
static void
write_down(char *text, size_t size)
{
	const unsigned first = below(peer_count);
	const bool headers = below(3) > 0, backwards = below(2);
	size_t at = 0;

	text[0] = '\0';
	if (below(3) == 0)
		WRITE("\xef\xbb\xbf");
	for (unsigned i = 0; i < peer_count; i++) {
		const unsigned n = (first + i) % peer_count;

		at = write_peer(
			text, size, at, &peers[backwards ? peer_count - 1 - n : n], headers);
	}
	assert_true(at < size);
}

/* As one of the instances in the table sees it, or one that is not in it, or nobody. */
static void
hash_of(const char *text, char hash[static CONFIG_HASH_MAX])
{
	struct report report = {0};
	struct tunnel_config *config;
	char private_text[256], errors[4096];
	uint8_t key[KEY_LEN];
	char base64[KEY_BASE64_LEN + 1];

	memset(key, (int)(1 + below(200)), sizeof(key));
	snprintf(private_text, sizeof(private_text),
		"[Interface]\nListenPort = %u\nPrivateKey = %s\n", 1 + below(9),
		below(2) ? OWN_PRIVATE : key_to_base64(key, base64));
	write_text(PRIVATE, private_text);
	write_text(PUBLIC, text);
	config = tunnel_config_load(below(4) ? PRIVATE : NULL, PUBLIC, false, &report);
	report_text(&report, errors, sizeof(errors));
	if (!config)
		fail_msg("%s: %s", text, errors);
	report_fini(&report);
	config_hash(config, hash);
	assert_int_equal(strlen(hash), CONFIG_HASH_MAX - 1);
	tunnel_config_destroy(config);
}

static void
change_one_thing(void)
{
	struct meant *peer = &peers[below(peer_count)];

	switch (below(7)) {
	case 0:
		peer->key ^= 8;
		break;
	case 1:
		peer->psk ^= 4;
		break;
	case 2:
		peer->port ^= 256;
		peer->host = peer->host ? peer->host : 100;
		break;
	case 3:
		peer->keepalive ^= 512;
		break;
	case 4:
		peer->host = peer->host ? 0 : 101;
		break;
	case 5:
		if (peer->prefix_count > 0)
			peer->prefix_count--;
		else
			peer->prefixes[peer->prefix_count++] = 0xff00;
		break;
	case 6:
		/* A prefix goes to a new peer: the same pieces, otherwise put together. */
		if (peer_count < PEERS_MAX) {
			peers[peer_count] = (struct meant){.key = 250};
			peers[peer_count].prefix_count = peer->prefix_count;
			memcpy(peers[peer_count].prefixes, peer->prefixes, sizeof(peer->prefixes));
			peer->prefix_count = 0;
			peer_count++;
		} else {
			peer_count--;
		}
		break;
	}
}

static void
equal_where_the_meaning_is_equal(void **state)
{
	static char text[1 << 16];
	char wanted[CONFIG_HASH_MAX], hash[CONFIG_HASH_MAX];

	for (unsigned round = 0; round < ROUNDS; round++) {
		mean_something();
		write_down(text, sizeof(text));
		hash_of(text, wanted);
		for (unsigned i = 0; i < 4; i++) {
			write_down(text, sizeof(text));
			hash_of(text, hash);
			if (strcmp(hash, wanted) != 0)
				fail_msg("%s is not %s: %s", hash, wanted, text);
		}
		change_one_thing();
		write_down(text, sizeof(text));
		hash_of(text, hash);
		if (strcmp(hash, wanted) == 0)
			fail_msg("a change does not show: %s", text);
	}
}

/* It stands in logs, metrics and letters to others: it must stay what it is. */
static void
stays_what_it_is(void **state)
{
	char hash[CONFIG_HASH_MAX];

	hash_of(PEER_2 "AllowedIPs = 10.8.3.2\nEndpoint = 198.51.100.2:4567\n", hash);
	assert_string_equal(hash, "e1c2617ced873db6");
	hash_of("# none\n", hash);
	assert_string_equal(hash, "23517f6b69c4249c");
}

/* Peers that only this instance has, and its own settings, are no part of what all share. */
static void
the_private_file_is_no_part_of_it(void **state)
{
	struct report report = {0};
	char with[CONFIG_HASH_MAX], without[CONFIG_HASH_MAX];
	struct tunnel_config *config;

	config = load_texts(A_PRIVATE_FILE, PEER_2, "");
	config_hash(config, without);
	tunnel_config_destroy(config);
	config = load_texts(A_PRIVATE_FILE "[Peer]\nPublicKey = " KEY_3 "\n", PEER_2, "");
	config_hash(config, with);
	tunnel_config_destroy(config);
	assert_string_equal(with, without);
	/* One file may be both: then it is all there is. */
	write_text(PRIVATE, A_PRIVATE_FILE PEER_2);
	config = tunnel_config_load(PRIVATE, PRIVATE, false, &report);
	config_hash(config, with);
	tunnel_config_destroy(config);
	assert_string_equal(with, without);
	report_fini(&report);
}

int
main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_where_the_meaning_is_equal),
		cmocka_unit_test(stays_what_it_is),
		cmocka_unit_test(the_private_file_is_no_part_of_it),
	};

	state_of_random = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 0) : (uint32_t)time(NULL);
	printf("seed %u\n", state_of_random);
	return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
