/*
 * CF-19: planning that fails, wherever memory ends; and what tunnels need together.
 */
#include "control/reconfigure.h"

#include "pair.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Allocations until one fails; 0: none does. The linker has them all come through here. */
static unsigned allocations_left;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_reallocarray(void *memory, size_t count, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_reallocarray(void *memory, size_t count, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
char *__wrap_strdup(const char *text);

static bool
fails(void)
{
	return allocations_left > 0 && --allocations_left == 0;
}

void *
__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *
__wrap_reallocarray(void *memory, size_t count, size_t size)
{
	return fails() ? NULL : __real_reallocarray(memory, count, size);
}

void *
__wrap_aligned_alloc(size_t alignment, size_t size)
{
	return fails() ? NULL : __real_aligned_alloc(alignment, size);
}

char *
__wrap_strdup(const char *text)
{
	return fails() ? NULL : __real_strdup(text);
}

/* Everything at once: a peer goes, one comes, with a name and one with an address, all changes. */
static void
write_files(struct pair *pair)
{
	struct tunnel_config *files = &pair->sites[0].files;
	static const uint8_t keys[2][KEY_LEN] = {{1, 2, 3}, {4, 5, 6}};
	struct tunnel_config_peer *peer;

	files->private_key[7] ^= 0x10;
	files->listen_port = 4568;
	files->mtu = 1300;
	pair_file_remove(pair, 0, pair->sites[2].public_key);
	for (unsigned i = 0; i < 2; i++) {
		peer = pair_file_add(pair, 0, keys[i]);
		snprintf(peer->host, sizeof(peer->host), i == 0 ? "vpn.example" : "192.0.2.3");
		peer->port = 99;
		pair_file_allow(peer, i == 0 ? "10.0.1.0/25" : "fd01::/64");
	}
	peer = &files->peers[0];
	pair_file_allow(peer, "10.77.0.0/16");
	snprintf(peer->host, sizeof(peer->host), "192.0.2.77");
	snprintf(peer->name, sizeof(peer->name), "changed");
	peer->persistent_keepalive_s = 25;
	memset(peer->preshared_key, 3, KEY_LEN);
}

struct snapshot {
	struct peer peer;
	struct session session;
};

static struct snapshot
snapshot_of(struct peer *peer)
{
	struct snapshot snapshot = {.peer = *peer, .session = *atomic_load(&peer->current)};

	snapshot.peer.planned = 0;
	return snapshot;
}

static void
ai_11_cf_19_a_plan_that_fails_leaves_everything_as_it_was(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 3});
	const struct tunnel *tunnel = pair_tunnel(pair, 0);
	const struct allowed_ips *allowed_ips = atomic_load(&tunnel->allowed_ips);
	const struct directory *directory = atomic_load(&pair->sites[0].gateway->control.directory);
	const struct noise_identity identity = tunnel->identity;
	struct snapshot before[2];
	unsigned failures = 0;
	int result;

	pair_connect(pair, 0, 1);
	pair_connect(pair, 0, 2);
	pair_converse(pair, 0, 1);
	for (unsigned i = 0; i < 2; i++)
		before[i] = snapshot_of(pair_peer(pair, 0, 1 + i));
	write_files(pair);
	do {
		allocations_left = ++failures;
		result = pair_reconfigure(pair, 0, NULL);
		if (allocations_left > 0)
			break;
		assert_int_equal(result, -ENOMEM);
		assert_non_null(strstr(pair->sites[0].said, "no memory"));
		assert_null(strchr(pair->sites[0].said, '~'));
		for (unsigned i = 0; i < 2; i++) {
			const struct snapshot now = snapshot_of(pair_peer(pair, 0, 1 + i));

			assert_memory_equal(&now, &before[i], sizeof(now));
		}
		assert_int_equal(tunnel->peer_count, 2);
		assert_int_equal(tunnel->listen_port, PAIR_PORT);
		assert_ptr_equal(atomic_load(&tunnel->allowed_ips), allowed_ips);
		assert_ptr_equal(
			atomic_load(&pair->sites[0].gateway->control.directory), directory);
		assert_memory_equal(&tunnel->identity, &identity, sizeof(identity));
		assert_null(tunnel->spare_encaps);
	} while (true);
	allocations_left = 0;
	assert_true(failures > 20);
	print_message("%u places where memory can end\n", failures - 1);
	assert_int_equal(result, 0);
	assert_int_equal(tunnel->peer_count, 3);
	assert_int_equal(tunnel->listen_port, 4568);
	pair->drops_unchecked = true;
	pair_advance(pair, NS_IN_S);
	pair_end(pair);
}

/* What is applied is never in want: also if there is no memory at all from there on. */
static void
applying_takes_no_memory(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 3});
	struct gateway *gateway = pair->sites[0].gateway;
	struct reconfigure *reconfigure;
	struct target target;
	unsigned before;

	pair_connect(pair, 0, 1);
	write_files(pair);
	assert_int_equal(target_from_config(&target, &pair->sites[0].files, 0), 0);
	reconfigure = reconfigure_begin(gateway->management, &pair->sites[0].log);
	assert_non_null(reconfigure);
	assert_int_equal(reconfigure_add(reconfigure, pair_tunnel(pair, 0), &target), 0);
	assert_int_equal(reconfigure_ready(reconfigure), 0);
	before = allocations_left = 1000000;
	reconfigure_apply(reconfigure);
	assert_int_equal(allocations_left, before);
	allocations_left = 0;
	target_fini(&target);
	pair->drops_unchecked = true;
	pair_end(pair);
}

static int
add_second(struct pair *pair, const struct tunnel_config *config)
{
	struct prefix address;
	struct port *inner;

	assert_int_equal(prefix_parse("10.9.0.1", &address, NULL), 0);
	return gateway_add_tunnel(pair->sites[0].gateway,
		&(const struct gateway_tunnel_settings){
			.config = config,
			.name = "second",
			.listen_port = 4568,
			.addresses = &address,
			.address_count = 1,
		},
		&inner);
}

/* The first tunnel's and the second one's ports are to be these. */
static int
change_ports(struct pair *pair, uint16_t first, uint16_t second, bool dry_run)
{
	const struct log *log = &pair->sites[0].log;
	const struct tunnel_config none = {.clustering = true};
	struct prefix address = {.len = 0};
	const struct gateway_tunnel_settings settings[2] = {
		{.config = &none, .name = "second", .listen_port = second, .addresses = &address},
		{.config = &pair->sites[0].files,
			.name = "site0",
			.listen_port = first,
			.addresses = &address},
	};
	struct reconfigure_counts counts;

	return gateway_reconfigure(pair->sites[0].gateway, settings, 2, dry_run, log, &counts);
}

static void
cf_10_ports_are_changed_together_or_not_at_all(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
	const struct tunnel_config none = {.clustering = true};
	struct control *control = &pair->sites[0].gateway->control;
	const struct directory *directory;

	assert_int_equal(add_second(pair, &none), 0);
	pair_connect(pair, 0, 1);
	assert_int_equal(change_ports(pair, 4568, 4568, false), -EADDRINUSE);
	assert_int_equal(change_ports(pair, 4567, 4567, false), -EADDRINUSE);
	assert_int_equal(change_ports(pair, 4568, 4567, true), 0);
	assert_int_equal(control->tunnels[0]->listen_port, 4567);
	pair_converse(pair, 0, 1);
	/* Each takes the other's. */
	assert_int_equal(change_ports(pair, 4568, 4567, false), 0);
	directory = atomic_load(&control->directory);
	assert_ptr_equal(directory_tunnel(directory, 4568), control->tunnels[0]);
	assert_ptr_equal(directory_tunnel(directory, 4567), control->tunnels[1]);
	pair_send(pair, 0, 1, 1);
	pair_settle(pair);
	pair_converse(pair, 0, 1);
	pair_end(pair);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ai_11_cf_19_a_plan_that_fails_leaves_everything_as_it_was),
		cmocka_unit_test(applying_takes_no_memory),
		cmocka_unit_test(cf_10_ports_are_changed_together_or_not_at_all),
	};

	return cmocka_run_group_tests(tests, pair_eal, pair_eal_end);
}
