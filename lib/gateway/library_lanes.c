/*
 * Lanes in the hands of the host application: a round at a call.
 * On the packet's way: around all of it.
 * Threads: the lane's.
 */
#include "gateway/library.h"

#include "base/secret.h"
#include "net/port_caller.h"

#include <rte_common.h>

#include <stddef.h>

_Static_assert(GL_BURST_MAX == LANE_BURST, "a round takes a burst");
_Static_assert(sizeof(struct gl_origin) == sizeof(struct origin) &&
		offsetof(struct gl_origin, peer) == offsetof(struct origin, peer) &&
		offsetof(struct gl_origin, tunnel) == offsetof(struct origin, tunnel),
	"what lanes write is what hosts read");

void
gl_thread_hide_stack(void)
{
	secret_hide_stack();
}

void
gl_lane_run(struct gl_gateway *gateway, unsigned lane)
{
	gateway_lane_run(gateway->gateway, lane);
}

void
gl_lane_online(struct gl_gateway *gateway, unsigned lane)
{
	reclaim_online(&gateway->gateway->reclaim, lane);
}

void
gl_lane_offline(struct gl_gateway *gateway, unsigned lane)
{
	reclaim_offline(&gateway->gateway->reclaim, lane);
}

/* Rounds until all of the host's frames are received; those that are not ours go to the front. */
static void
receive_given(struct lane *lane, struct rte_mbuf *frames[], uint16_t *frame_count)
{
	struct port *underlay = lane->settings.underlay;
	const uint16_t queue = (uint16_t)lane->settings.id;

	port_caller_give(underlay, queue, frames, *frame_count);
	lane->others = frames;
	lane->other_count = 0;
	do
		lane_round(lane);
	while (port_caller_left(underlay, queue) > 0);
	*frame_count = lane->other_count;
}

uint16_t
gl_lane_receive(struct gl_gateway *gateway, unsigned lane, struct rte_mbuf *frames[],
	uint16_t *frame_count, struct rte_mbuf *packets[], uint16_t count)
{
	struct lane *of = gateway->gateway->lanes[lane].lane;
	struct port *caller = gateway->gateway->caller;
	const bool given = frame_count != NULL && port_is_caller(of->settings.underlay);
	uint16_t ready = 0;

	if (caller != NULL)
		ready = port_caller_take(
			caller, (uint16_t)lane, packets, count, given ? *frame_count : 0);
	if (given) {
		receive_given(of, frames, frame_count);
	} else {
		of->burst = (uint16_t)RTE_MIN(count - ready, LANE_BURST);
		lane_round(of);
	}
	return caller != NULL ? port_caller_taken(caller, (uint16_t)lane) : 0;
}

uint16_t
gl_lane_transmit(struct gl_gateway *gateway, unsigned lane, unsigned tunnel,
	struct rte_mbuf *packets[], uint16_t count)
{
	struct gateway *inner = gateway->gateway;

	if (tunnel >= inner->tunnel_count || inner->tunnels[tunnel].inner != NULL)
		return 0;
	port_caller_give(inner->caller, (uint16_t)lane, packets, count);
	lane_send(inner->lanes[lane].lane, inner->tunnels[tunnel].tunnel);
	return count;
}

size_t
gl_origin_offset(const struct gl_gateway *gateway)
{
	return (size_t)gateway->gateway->lanes[0].lane->origin_offset;
}
