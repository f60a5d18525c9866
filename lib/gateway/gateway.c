/*
 * Putting a gateway together and taking it apart.
 * On the packet's way: owns everything that is on it.
 * Threads: management.
 */
#include "gateway/gateway.h"

#include "base/secret.h"
#include "control/rounds.h"
#include "crypto/x25519.h"
#include "gateway/reconfigure.h"
#include "net/port_caller.h"

#include <rte_errno.h>
#include <rte_malloc.h>

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(TUNNEL_CONFIG_MTU_MIN == TUNNEL_MTU_MIN && TUNNEL_CONFIG_MTU_MAX == TUNNEL_MTU_MAX,
	"what the files may say is what a tunnel can have");

/* Packets that may wait between a lane and the host thread, each way. */
#define INNER_DEPTH 1024
/* Of the buffers that inner packets come in, those that may wait for sessions: one in this many. */
#define STAGED_SHARE 4
/* Of a host device whose MTU is others' business, until they set it: what everybody begins with. */
#define BARE_MTU 1420

static int
make_lane(struct gateway *gateway, unsigned id)
{
	const struct gateway_settings *settings = &gateway->settings;
	const struct rte_mempool *inner_pool =
		settings->host_pool != NULL ? settings->host_pool : settings->pool;
	struct gateway_lane *made = &gateway->lanes[id];

	/* Measured once: the first lane's choices are everyone's. */
	made->aead =
		id == 0 ? aead_create(settings->aead) : aead_create_like(gateway->lanes[0].aead);
	if (made->aead == NULL) {
		const int error = errno;

		log_error(settings->log, "AEAD \"%s\" cannot be used: %s",
			settings->aead == NULL ? "auto" : settings->aead,
			error == EILSEQ ? "its self test failed" : strerror(error));
		return -error;
	}
	made->lane = rte_zmalloc("lane", sizeof(*made->lane), RTE_CACHE_LINE_SIZE);
	if (made->lane == NULL)
		return -ENOMEM;
	lane_init(made->lane,
		&(const struct lane_settings){
			.id = id,
			.busy = settings->busy,
			.underlay = settings->underlay,
			.rings = &gateway->rings,
			.known = gateway->control.known,
			.reclaim = &gateway->reclaim,
			.directory = &gateway->control.directory,
			.pool = settings->pool,
			.aead = made->aead,
			.clock = settings->clock,
			.staged_max = inner_pool->size / STAGED_SHARE / settings->lane_count,
			.staged_peer_max = RTE_MAX(STAGED_MAX / settings->lane_count, 1U),
		});
	return 0;
}

static int
make_parts(struct gateway *gateway)
{
	const struct gateway_settings *settings = &gateway->settings;
	char name[16];
	int error = crypto_init();

	/* Unique in the process, so that two gateways may live in one. */
	snprintf(name, sizeof(name), "gl%x", (unsigned)((uintptr_t)gateway >> 4));
	if (error == 0)
		error = reclaim_init(&gateway->reclaim, settings->lane_count);
	if (error == 0)
		error = rings_init(&gateway->rings, name, settings->lane_count, GATEWAY_PEERS_MAX);
	if (error == 0)
		error = control_init(&gateway->control,
			&(const struct control_settings){
				.clock = settings->clock,
				.log = settings->log,
				.rings = &gateway->rings,
				.reclaim = &gateway->reclaim,
				.nexthops = settings->nexthops,
				.pool = settings->control_pool,
				.lanes_busy = settings->busy,
				.threads = settings->threads,
			});
	if (error == 0)
		error = host_init(&gateway->host, &gateway->rings, settings->host_pool,
			settings->busy, settings->log);
	for (unsigned i = 0; i < settings->lane_count && error == 0; i++)
		error = make_lane(gateway, i);
	if (error != 0)
		return error;
	gateway->management = management_create(&gateway->control, settings->hold);
	if (gateway->management == NULL)
		return -errno;
	management_follow(gateway->management, gateway_follow, gateway);
	return 0;
}

int
gateway_create(const struct gateway_settings *settings, struct gateway **gateway)
{
	struct gateway *created = calloc(1, sizeof(*created));
	int error;

	if (created == NULL) {
		log_error(settings->log, "no memory for a gateway");
		port_close(settings->underlay);
		nexthops_destroy(settings->nexthops);
		hold_destroy(settings->hold);
		return -ENOMEM;
	}
	created->settings = *settings;
	created->host.bell.fd = -1;
	created->rings.bell.fd = -1;
	if (settings->lane_count == 0 || settings->lane_count > GATEWAY_LANES_MAX) {
		log_error(settings->log, "a gateway has 1 to %u lanes, not %u: use fewer CPUs",
			GATEWAY_LANES_MAX, settings->lane_count);
		gateway_destroy(created);
		return -EINVAL;
	}
	created->birth_ns = clock_boot_ns(settings->clock);
	error = make_parts(created);
	if (error != 0) {
		log_error(settings->log, "cannot set up the gateway: %s", strerror(-error));
		gateway_destroy(created);
		return error;
	}
	*gateway = created;
	return 0;
}

/* Every drop is counted once by the port, a lane, a tunnel or, for handshakes, the peer. */
static uint64_t
sum_drops(const struct gateway *gateway, enum drop_reason reason)
{
	const struct control *control = &gateway->control;
	uint64_t sum = reason == DROP_OUT_REFUSED ? gateway->settings.underlay->refused : 0;

	for (unsigned i = 0; i < gateway->settings.lane_count; i++)
		if (gateway->lanes[i].lane != NULL)
			sum += gateway->lanes[i].lane->drops[reason];
	for (unsigned i = 0; i < control->tunnel_count; i++) {
		const struct peer *peer;

		sum += control->tunnels[i]->drops[reason];
		TAILQ_FOREACH (peer, &control->tunnels[i]->peers, entry)
			sum += peer->control_drops[reason];
	}
	return sum;
}

static void
log_drops(const struct gateway *gateway)
{
	if (gateway->settings.lane_count > GATEWAY_LANES_MAX)
		return;
	for (unsigned reason = 0; reason < DROP_COUNT; reason++) {
		const uint64_t sum = sum_drops(gateway, reason);

		if (sum > 0)
			log_info(gateway->settings.log, "dropped %s: %" PRIu64,
				drop_reason_text(reason), sum);
	}
}

void
gateway_destroy(struct gateway *gateway)
{
	if (gateway == NULL)
		return;
	gateway_stop(gateway);
	log_drops(gateway);
	management_destroy(gateway->management);
	/* The TUNs first: what they still bring must not be carried any more. */
	host_fini(&gateway->host);
	port_close(gateway->settings.underlay);
	if (gateway->reclaim.qsbr != NULL) {
		control_fini(&gateway->control);
		reclaim_fini(&gateway->reclaim);
	}
	for (unsigned i = 0; i < gateway->settings.lane_count && i < GATEWAY_LANES_MAX; i++) {
		rte_free(gateway->lanes[i].lane);
		aead_destroy(gateway->lanes[i].aead);
	}
	for (unsigned i = 0; i < gateway->tunnel_count; i++) {
		port_close(gateway->tunnels[i].inner);
		port_close(gateway->tunnels[i].inner_end);
		port_close(gateway->tunnels[i].pipeline);
		host_routes_fini(&gateway->tunnels[i].routes);
	}
	port_close(gateway->caller);
	rings_fini(&gateway->rings);
	nexthops_destroy(gateway->settings.nexthops);
	hold_destroy(gateway->settings.hold);
	free(gateway);
}

/* The way between a tunnel and its host device. */
static int
open_host_device(struct gateway *gateway, const struct gateway_tunnel_settings *settings,
	uint32_t mtu, struct port *end, struct host_device **device)
{
	struct tun tun;
	int error = tun_open(settings->name, settings->netns, mtu, settings->addresses,
		settings->address_count, gateway->settings.log, &tun);

	if (error == 0)
		*device = host_add(&gateway->host, &tun, end);
	return error;
}

/*
 * The inner port of who calls the lanes, one for all tunnels. From the first on, packets say where
 * they come from.
 */
static int
open_caller(struct gateway *gateway, const struct gateway_tunnel_settings *settings)
{
	static const struct rte_mbuf_dynfield field = {
		.name = "guardlane_dynfield_origin",
		.size = sizeof(struct origin),
		.align = _Alignof(struct origin),
	};
	int offset;

	if (gateway->caller != NULL)
		return 0;
	offset = rte_mbuf_dynfield_register(&field);
	if (offset < 0) {
		log_error(gateway->settings.log,
			"%s: no room in mbufs for where a packet comes from (%zu bytes): %s; too "
			"many dynamic fields are registered",
			settings->name, field.size, rte_strerror(rte_errno));
		return -rte_errno;
	}
	for (unsigned i = 0; i < gateway->settings.lane_count; i++)
		gateway->lanes[i].lane->origin_offset = offset;
	return port_caller_create(
		"caller", (uint16_t)gateway->settings.lane_count, NULL, NULL, &gateway->caller);
}

static struct tunnel *
make_tunnel(struct gateway *gateway, const struct gateway_tunnel_settings *settings, uint32_t mtu,
	const struct gateway_tunnel *added)
{
	struct tunnel *tunnel = tunnel_create(&(const struct tunnel_settings){
		.name = settings->name,
		.number = gateway->control.tunnel_count,
		.listen_port = added->listen_port,
		.private_key = settings->config->private_key,
		.addresses = settings->addresses,
		.address_count = settings->address_count,
		.mtu = mtu,
		.fixed_mtu = settings->config->mtu,
		.fixed_endpoints = settings->fixed_endpoints,
		.lane_count = gateway->settings.lane_count,
		.inner = added->inner != NULL ? added->inner : gateway->caller,
		.inner_bell = settings->host_device ? &gateway->host.bell : NULL,
		.pipeline = added->pipeline,
		.host_match = settings->host_match,
		.reclaim = &gateway->reclaim,
	});

	if (tunnel == NULL)
		log_error(gateway->settings.log, "%s: no memory for the tunnel", settings->name);
	else if (!secret_arena_locked(tunnel->peers_memory))
		log_warning(gateway->settings.log,
			"%s: keys cannot be locked in memory (RLIMIT_MEMLOCK, CAP_IPC_LOCK); they may "
			"reach swap",
			settings->name);
	return tunnel;
}

static int
check_room(const struct gateway *gateway, const struct gateway_tunnel_settings *settings)
{
	const struct control *control = &gateway->control;

	if (settings->host_device && gateway->settings.host_pool == NULL) {
		log_error(gateway->settings.log,
			"%s: there is no memory for the host device's packets; give the gateway some",
			settings->name);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < control->tunnel_count; i++) {
		if (control->tunnels[i]->listen_port != settings->listen_port)
			continue;
		log_error(gateway->settings.log,
			"%s: UDP port %u is already that of %s; give each tunnel its own",
			settings->name, settings->listen_port, control->tunnels[i]->name);
		return -EEXIST;
	}
	if (gateway->tunnel_count < DIRECTORY_TUNNELS_MAX)
		return 0;
	log_error(gateway->settings.log, "%s: a gateway has %u tunnels at most", settings->name,
		DIRECTORY_TUNNELS_MAX);
	return -ENOSPC;
}

/* The inner port: both its ends are the gateway's, or, with a host device, one is that device's. */
static int
open_inner(struct gateway *gateway, const struct gateway_tunnel_settings *settings, uint32_t mtu,
	struct gateway_tunnel *added)
{
	struct port *ends[2];
	int error;

	if (settings->caller) {
		*added = (struct gateway_tunnel){.inner = NULL};
		gateway->tunnel_count++;
		return open_caller(gateway, settings);
	}
	error = port_memory_pair(
		settings->name, (uint16_t)gateway->settings.lane_count, INNER_DEPTH, false, ends);
	if (error != 0) {
		log_error(gateway->settings.log, "%s: no memory for the host's packets",
			settings->name);
		return error;
	}
	*added = (struct gateway_tunnel){.inner = ends[0]};
	gateway->tunnel_count++;
	if (!settings->host_device) {
		added->inner_end = ends[1];
		return 0;
	}
	error = open_host_device(gateway, settings, mtu, ends[1], &added->device);
	if (error != 0)
		port_close(ends[1]);
	return error;
}

/* Makes the tunnel of its settings, and makes it known to lanes, without peers as yet. */
static int
open_tunnel(struct gateway *gateway, const struct gateway_tunnel_settings *settings, uint32_t mtu,
	struct gateway_tunnel *added)
{
	struct tunnel *tunnel = make_tunnel(gateway, settings, mtu, added);
	int error;

	if (tunnel == NULL)
		return -ENOMEM;
	error = control_add_tunnel(&gateway->control, tunnel);
	if (error != 0) {
		log_error(gateway->settings.log, "%s: cannot add the tunnel: %s", settings->name,
			strerror(-error));
		tunnel_destroy(tunnel);
		return error;
	}
	added->tunnel = tunnel;
	return 0;
}

/* The MTU that a tunnel begins with. */
static uint32_t
first_mtu(const struct gateway *gateway, const struct gateway_tunnel_settings *settings)
{
	const uint32_t most = tunnel_mtu(gateway->settings.underlay->mtu);

	if (settings->config->mtu != 0)
		return settings->config->mtu;
	return settings->bare ? RTE_MIN(most, (uint32_t)BARE_MTU) : most;
}

static int
take_port(struct gateway *gateway, uint16_t *port)
{
	struct hold *hold = gateway->settings.hold;

	if (hold == NULL)
		return 0;
	return *port == 0 ? hold_any_port(hold, port, gateway->settings.log)
			  : hold_port(hold, *port, gateway->settings.log);
}

int
gateway_add_tunnel(struct gateway *gateway, const struct gateway_tunnel_settings *settings,
	struct port **inner_end)
{
	const uint32_t mtu = first_mtu(gateway, settings);
	uint16_t listen_port = settings->listen_port;
	struct gateway_tunnel *added;
	int error = gateway_check_mtu(gateway, settings, gateway->settings.log);

	if (error == 0)
		error = check_room(gateway, settings);
	if (error == 0)
		error = take_port(gateway, &listen_port);
	if (error != 0)
		return error;
	added = &gateway->tunnels[gateway->tunnel_count];
	error = open_inner(gateway, settings, mtu, added);
	added->listen_port = listen_port;
	added->bare = settings->bare;
	if (error == 0 && settings->pipeline != NULL)
		error = pipeline_add(gateway, settings, added);
	if (error == 0)
		error = open_tunnel(gateway, settings, mtu, added);
	if (error == 0)
		error = gateway_fill_tunnel(gateway, added->tunnel, settings);
	if (error != 0)
		return error;
	if (!settings->host_device && !settings->caller)
		*inner_end = added->inner_end;
	return management_add_tunnel(gateway->management,
		&(const struct management_tunnel){
			.tunnel = added->tunnel,
			.tun = added->device == NULL ? NULL : &added->device->tun,
			.underlay_mtu = gateway->settings.underlay->mtu,
			.uapi = settings->uapi,
			.device_mtu = settings->bare ||
				(added->device != NULL && added->device->tun.adopted),
		});
}

/* The ways to the peers, so that the first initiations have one. */
static void
prepare_duty(struct gateway *gateway, enum gateway_duty duty)
{
	if (duty == GATEWAY_HANDSHAKES)
		management_refresh(gateway->management);
}

static void
run_duty(struct gateway *gateway, enum gateway_duty duty)
{
	switch (duty) {
	case GATEWAY_MANAGEMENT:
		management_run(gateway->management);
		break;
	case GATEWAY_HANDSHAKES:
		rounds_run(&gateway->control, &gateway->stop);
		break;
	case GATEWAY_HOST:
		host_run(&gateway->host, &gateway->stop);
		break;
	case GATEWAY_DUTY_COUNT:
		break;
	}
}

void
gateway_run(struct gateway *gateway, enum gateway_duty duty)
{
	prepare_duty(gateway, duty);
	run_duty(gateway, duty);
}

static void *
thread_main(void *argument)
{
	static const struct {
		const char *name;
		enum thread_kind kind;
	} threads[] = {
		[GATEWAY_MANAGEMENT] = {"gl-management", THREAD_MANAGEMENT},
		[GATEWAY_HANDSHAKES] = {"gl-handshake", THREAD_HANDSHAKE},
		[GATEWAY_HOST] = {"gl-host", THREAD_HOST},
	};
	const struct gateway_thread *thread = argument;

	pthread_setname_np(pthread_self(), threads[thread->duty].name);
	secret_hide_stack();
	/* It takes more privileges than what follows. */
	prepare_duty(thread->gateway, thread->duty);
	thread_started(&thread->gateway->settings.threads, threads[thread->duty].kind);
	run_duty(thread->gateway, thread->duty);
	return NULL;
}

int
gateway_start(struct gateway *gateway)
{
	sigset_t all;
	sigset_t before;
	int error = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (unsigned i = 0; i < GATEWAY_DUTY_COUNT && error == 0; i++) {
		struct gateway_thread *thread = &gateway->threads[i];

		thread->gateway = gateway;
		thread->duty = (enum gateway_duty)i;
		error = -pthread_create(&thread->id, NULL, thread_main, thread);
		if (error == 0)
			gateway->thread_count++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error != 0)
		log_error(gateway->settings.log, "cannot start threads: %s", strerror(-error));
	return error;
}

void
gateway_stop(struct gateway *gateway)
{
	atomic_store(&gateway->stop, true);
	if (gateway->management == NULL)
		return;
	management_stop(gateway->management);
	bell_ring(&gateway->rings.bell);
	bell_ring(&gateway->host.bell);
	for (unsigned i = 0; i < gateway->rings.lane_count; i++)
		bell_ring(&gateway->rings.lanes[i].bell);
	while (gateway->thread_count > 0)
		pthread_join(gateway->threads[--gateway->thread_count].id, NULL);
}

void
gateway_lane_run(struct gateway *gateway, unsigned lane)
{
	lane_run(gateway->lanes[lane].lane, &gateway->stop);
}

unsigned
gateway_step(struct gateway *gateway)
{
	unsigned work;

	control_lock(&gateway->control);
	work = rounds_do(&gateway->control, NULL);
	control_unlock(&gateway->control);
	work += host_round(&gateway->host);
	for (unsigned i = 0; i < gateway->settings.lane_count; i++) {
		reclaim_online(&gateway->reclaim, i);
		work += lane_round(gateway->lanes[i].lane);
		reclaim_offline(&gateway->reclaim, i);
	}
	return work;
}
