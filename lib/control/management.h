/*
 * The management thread: one event loop for netlink, UAPI and names.
 * On the packet's way: nowhere.
 * Threads: management_run is the thread; the rest is called before it runs or after.
 */
#pragma once

#include "control/control.h"
#include "control/pipeline.h"
#include "control/resolver.h"
#include "net/hold.h"
#include "net/tun.h"

struct management;

/* What management looks after for one tunnel. */
struct management_tunnel {
	struct tunnel *tunnel;
	const struct tun *tun; /* NULL without a host device */
	uint32_t underlay_mtu; /* of the port, while no next hop says less */
	bool uapi; /* wg(8) can reach it, by a UAPI socket of its name */
	bool device_mtu; /* the tun's MTU is others' business: it is followed, not set */
};

/* management_create makes the loop; `hold` may be NULL. Returns NULL with errno set. */
struct management *management_create(struct control *control, struct hold *hold);

/* management_destroy closes UAPI sockets and the loop; the thread has ended. NULL is ignored. */
void management_destroy(struct management *management);

/* What management works on and with; the resolver runs in its loop; there may be no hold. */
struct control *management_control(struct management *management);
struct resolver *management_resolver(struct management *management);
struct hold *management_hold(struct management *management);

/*
 * management_follow has `follow` called whenever a reconfiguration has changed a tunnel, by the
 * files or by UAPI, before another one can begin: for what depends on its peers and lies outside
 * control. The control lock is not held. Before any tunnel is added. management_changed calls it.
 */
typedef void management_follower(void *context, const struct tunnel *tunnel, const struct log *log);
void management_follow(struct management *management, management_follower *follow, void *context);
void management_changed(
	const struct management *management, const struct tunnel *tunnel, const struct log *log);

/*
 * management_add_tunnel has the tunnel follow next hops and MTU from now on, and opens its UAPI
 * socket if it is to have one. Returns 0 or a negative errno, logged.
 */
int management_add_tunnel(struct management *management, const struct management_tunnel *tunnel)
	__attribute__((warn_unused_result));

/*
 * management_add_pipeline has the loop look after a connection to a packet pipeline. Returns 0 and
 * *pipeline, which the loop keeps; or a negative errno, logged. Before the loop runs.
 */
int management_add_pipeline(struct management *management, const struct pipeline_settings *settings,
	struct pipeline **pipeline) __attribute__((warn_unused_result));

/* management_run runs the loop until management_stop(), which any thread may call. */
void management_run(struct management *management);
void management_stop(struct management *management);

/*
 * management_refresh asks for the next hops of all peers again, and takes over local addresses and
 * MTU. Takes the control lock. The loop does so when the kernel reports a change: at once, but no
 * more often than every 50 ms.
 */
void management_refresh(struct management *management);

/* management_wake has the loop do a refresh soon. Any thread. */
void management_wake(struct management *management);
