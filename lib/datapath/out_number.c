/*
 * Gives every packet of a run its counter, pads it, and writes the data header.
 * On the packet's way: out, 3 of 6. Inner packet in, message with its text still plain out.
 * Threads: the lane that owns the batch. Source: WireGuard paper 5.4.6.
 */
#include "datapath/stages.h"

#include "base/bytes.h"
#include "wire/message.h"

#include <string.h>

static void
number(struct packet *packet, uint32_t receiver_index, uint64_t counter, uint32_t mtu)
{
	const size_t pad_len = message_pad_len(packet->len, mtu);
	struct message_data *message;

	memset(packet->data + packet->len, 0, pad_len);
	packet->data -= MESSAGE_DATA_HEADER_LEN;
	packet->len += (uint32_t)pad_len + MESSAGE_DATA_OVERHEAD;
	packet->message_len = packet->len;
	packet->counter = counter;
	message = (struct message_data *)packet->data;
	store_le32(message->type_le32, MESSAGE_DATA);
	store_le32(message->receiver_index_le32, receiver_index);
	store_le64(message->counter_le64, counter);
}

/*
 * The counters are taken when every packet of the run is known to be good and to have room. Those
 * of packets that are lost further on are burnt: nothing is ever sealed twice.
 */
void
out_number(struct lane *lane, struct batch *batch)
{
	for (unsigned r = 0; r < batch->run_count; r++) {
		const struct run *run = &batch->runs[r];
		const uint64_t mask = run->mask & batch->live;
		const uint32_t mtu =
			atomic_load_explicit(&run->peer->tunnel->mtu, memory_order_relaxed);
		uint64_t counter;

		if (mask == 0)
			continue;
		if (!session_reserve(
			    run->session, (unsigned)__builtin_popcountll(mask), &counter)) {
			lane_want_session(lane, run->peer, batch->now_ns);
			MASK_FOREACH (i, mask)
				out_stage(lane, batch, (unsigned)i, run->peer);
			continue;
		}
		MASK_FOREACH (i, mask)
			number(&batch->packets[i], run->session->remote_index, counter++, mtu);
	}
}
