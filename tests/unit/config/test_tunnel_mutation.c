/*
 * Files that were valid, changed at random: never a crash, and a verdict that fits the report.
 * On the packet's way: nowhere.
 * Threads: one.
 */
#include "config/tunnel_config.h"

#include "base/random.h"
#include "files.h"

#define ROUNDS 2000
#define ROOM 4096

static const char private_file[] =
	"# private\n[Interface]\nListenPort = 4567\nFwMark = 0x1f\n"
	"MTU = 1420\nAddress = 10.8.3.1/24\nPrivateKey = " OWN_PRIVATE "\n";
static const char public_file[] =
	"[Peer]\nPublicKey = " OWN_PUBLIC "\nAllowedIPs = 10.8.3.1/32\n"
	"Endpoint = 198.51.100.1:4567\n\n# spb-2\n" PEER_2
	"AllowedIPs = 10.8.3.2/32, fd00::2/128\nEndpoint = [2001:db8::2]:4567\n"
	"PersistentKeepalive = 25\nPresharedKey = " KEY_4 "\n\n[Peer]\nPublicKey = " KEY_3
	"\nAllowedIPs = 10.9.0.0/16\nAllowedIPs = ::/0\nEndpoint = spb-3.example.net:4567\n";

static uint64_t
next_random(uint64_t *state)
{
	*state += UINT64_C(0x9e3779b97f4a7c15);
	uint64_t mixed = (*state ^ *state >> 32) * UINT64_C(0xd6e8feb86659fd93);
	return mixed ^ mixed >> 32;
}

/* Changes, removes, repeats or cuts; now and then puts in what the grammar knows. */
static size_t
mutate(uint64_t *random, char *text, size_t len)
{
	static const char *const tokens[] = {"[Peer]\n", "[Interface]\n", "\n", "#", "=", "[", "]",
		"PublicKey=", "AllowedIPs=", "/", ":", ",", "\r", "\xef\xbb\xbf",
		"Endpoint = ", "%"};
	size_t at = next_random(random) % (len + 1), part = next_random(random) % 40;
	const char *token = tokens[next_random(random) % 16];

	part = part > len - at ? len - at : part;
	switch (next_random(random) % 6) {
	case 0:
		text[at < len ? at : 0] = (char)next_random(random);
		return len;
	case 1:
		text[at < len ? at : 0] ^= (char)(1 << next_random(random) % 7);
		return len;
	case 2:
		memmove(text + at, text + at + part, len - at - part);
		return len - part;
	case 3:
		if (len + part > ROOM)
			return len;
		memmove(text + at + part, text + at, len - at);
		return len + part;
	case 4:
		if (len + strlen(token) > ROOM)
			return len;
		memmove(text + at + strlen(token), text + at, len - at);
		memcpy(text + at, token, strlen(token));
		return len + strlen(token);
	default:
		return next_random(random) % 8 ? len : at;
	}
}

static size_t
write_mutated(uint64_t *random, const char *path, const char *valid, unsigned times)
{
	char text[ROOM + 1];
	size_t len = strlen(valid);

	memcpy(text, valid, len);
	while (times--)
		len = mutate(random, text, len);
	write_bytes(path, text, len, 0600);
	return len;
}

/* What must hold of any configuration that was accepted. */
static void
check_accepted(const struct tunnel_config *config)
{
	for (size_t i = 0; i < config->peer_count; i++) {
		const struct tunnel_config_peer *peer = &config->peers[i];

		assert_true(config->clustering);
		assert_false(key_is_low_order(peer->public_key));
		assert_memory_not_equal(peer->public_key, config->public_key, KEY_LEN);
		assert_true(
			peer->file == config->public_path || peer->file == config->private_path);
		assert_true(peer->line > 0);
		assert_int_equal(peer->host[0] != '\0', peer->port != 0);
		for (size_t n = 1; n < peer->allowed_ips_count; n++)
			assert_true(prefix_compare(
					    &peer->allowed_ips[n - 1], &peer->allowed_ips[n]) < 0);
		for (size_t other = 0; other < i; other++)
			assert_memory_not_equal(
				peer->public_key, config->peers[other].public_key, KEY_LEN);
	}
	if (config->clustering)
		assert_int_not_equal(config->listen_port, 0);
}

static void
random_changes(void **state)
{
	unsigned accepted = 0, refused = 0;
	uint64_t random;

	assert_int_equal(random_fill(&random, sizeof(random)), 0);
	print_message("seed %#llx\n", (unsigned long long)random);
	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned times = (unsigned)(1 + next_random(&random) % (round % 2 ? 3 : 30));
		struct report report = {0};
		struct tunnel_config *config;

		write_mutated(&random, PUBLIC, public_file, times);
		write_mutated(&random, PRIVATE, private_file, round % 4 ? 0 : times);
		config = tunnel_config_load(PRIVATE, PUBLIC, false, &report);
		if (config)
			check_accepted(config);
		assert_int_equal(config == NULL, report.errors > 0);
		for (size_t i = 0; i < report.count; i++) {
			assert_non_null(report.entries[i].file);
			assert_non_null(report.entries[i].text);
			assert_null(strstr(report.entries[i].text, "yDPg5doa"));
		}
		accepted += config != NULL;
		refused += config == NULL;
		tunnel_config_destroy(config);
		report_fini(&report);
	}
	/* Else the changes are too many or too few to tell anything. */
	assert_in_range(accepted, ROUNDS / 50, ROUNDS);
	assert_in_range(refused, ROUNDS / 5, ROUNDS);
}

/* A copy that was broken off, at every byte. */
static void
cf_14_every_beginning(void **state)
{
	for (size_t len = 0; len <= strlen(public_file); len++) {
		struct report report = {0};
		struct tunnel_config *config;

		write_bytes(PUBLIC, public_file, len, 0600);
		write_text(PRIVATE, private_file);
		config = tunnel_config_load(PRIVATE, PUBLIC, false, &report);
		if (config)
			check_accepted(config);
		assert_int_equal(config == NULL, report.errors > 0);
		tunnel_config_destroy(config);
		report_fini(&report);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_changes),
		cmocka_unit_test(cf_14_every_beginning),
	};

	return cmocka_run_group_tests_name(
		"tunnel_mutation", tests, enter_directory, leave_directory);
}
