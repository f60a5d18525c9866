/*
 * P-6: the timer machine, driven as lanes and control drive it, against a model that has the five
 * timers as alarms that events set and clear, word by word as docs/protocol.md states them.
 * On the packet's way: nowhere.
 * Threads: one.
 *
 * Both are told the same random trace; each decides by itself what is sent and when. Events and
 * jitter are multiples of the grain of stamps, so that the two must agree exactly.
 */
#include "proto/timers.h"
#include "seed.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#define S NS_IN_S
#define START (1000 * S)
#define TRIALS 1500
#define EVENTS 400
#define SENDS_MAX 65536

enum event {
	EVENT_PACKET, /* a packet for the peer comes out of the tunnel */
	EVENT_REKEY, /* a data packet was sent or received on a key that is due */
	EVENT_DATA, /* authentic data comes */
	EVENT_EMPTY, /* a keepalive comes */
	EVENT_INITIATION, /* an initiation comes that is accepted */
	EVENT_RESPONSE, /* the response comes, if we wait for one */
	EVENT_CONFIRM, /* first data on the session that we answered */
	EVENT_EXPIRE, /* the session becomes too old */
	EVENT_INTERVAL,
	EVENT_STOP,
	EVENT_COUNT,
};

enum send {
	SEND_INITIATION,
	SEND_RESPONSE,
	SEND_DATA,
	SEND_KEEPALIVE,
	SEND_GIVE_UP, /* not sent, but seen: staged packets dropped */
	SEND_ERASE, /* likewise: keys erased */
};

struct trace {
	unsigned count;
	struct {
		uint64_t at_ns;
		enum send what;
	} sends[SENDS_MAX];
};

/* What both need to know of the rest of the gateway; each has its own. */
struct world {
	struct trace *trace;
	uint32_t random;
	bool key; /* there is a session to send on */
	bool waiting; /* an initiation of ours is out */
};

static void
record(struct world *world, uint64_t at_ns, enum send what)
{
	struct trace *trace = world->trace;

	assert_true(trace->count < SENDS_MAX);
	trace->sends[trace->count].at_ns = at_ns;
	trace->sends[trace->count].what = what;
	trace->count++;
}

/* The model */

struct model {
	struct world world;
	uint64_t t1, t2, t3, t4, t5; /* alarms; 0: off */
	uint64_t interval_ns;
	uint64_t last_sent_ns;
	unsigned attempts;
	bool need_another;
	bool t2_due; /* at this very instant, with other alarms */
};

static void
model_traversal(struct model *model, uint64_t now_ns)
{
	if (model->interval_ns != 0)
		model->t5 = now_ns + model->interval_ns;
}

static void
model_sent(struct model *model, uint64_t now_ns)
{
	model_traversal(model, now_ns);
	model->t2 = 0;
}

static void
model_received(struct model *model, uint64_t now_ns)
{
	model->t3 = 0;
	model_traversal(model, now_ns);
}

static void
model_initiate(struct model *model, uint64_t now_ns, bool is_retry)
{
	if (!is_retry)
		model->attempts = 0;
	if (model->last_sent_ns != 0 && model->last_sent_ns + 5 * S > now_ns)
		return;
	model->last_sent_ns = now_ns;
	model->world.waiting = true;
	model_sent(model, now_ns);
	record(&model->world, now_ns, SEND_INITIATION);
	model->t1 = now_ns + 5 * S + model->world.random;
}

static void
model_send_keepalive(struct model *model, uint64_t now_ns)
{
	if (!model->world.key) {
		model_initiate(model, now_ns, false);
		return;
	}
	model_sent(model, now_ns);
	record(&model->world, now_ns, SEND_KEEPALIVE);
}

static void
model_derive(struct model *model, uint64_t now_ns)
{
	model->t4 = now_ns + 540 * S;
}

static void
model_t1(struct model *model, uint64_t now_ns)
{
	if (model->attempts > 18) {
		model->t2 = 0;
		model->t2_due = false;
		record(&model->world, now_ns, SEND_GIVE_UP);
		if (model->t4 == 0)
			model->t4 = now_ns + 540 * S;
	} else {
		model->attempts++;
		model_initiate(model, now_ns, true);
	}
}

static void
model_t2(struct model *model, uint64_t now_ns)
{
	model_send_keepalive(model, now_ns);
	if (model->need_another) {
		model->need_another = false;
		model->t2 = now_ns + 10 * S;
	}
}

static void
model_t3(struct model *model, uint64_t now_ns)
{
	model_initiate(model, now_ns, false);
}

static void
model_t4(struct model *model, uint64_t now_ns)
{
	model->world.key = false;
	model->world.waiting = false;
	record(&model->world, now_ns, SEND_ERASE);
}

/* Beyond the words: it starts itself anew, should the keepalive not go out. */
static void
model_t5(struct model *model, uint64_t now_ns, bool keepalive_sent)
{
	model_traversal(model, now_ns);
	if (!keepalive_sent)
		model_send_keepalive(model, now_ns);
}

static bool
take(uint64_t *alarm_ns, uint64_t now_ns)
{
	if (*alarm_ns != now_ns)
		return false;
	*alarm_ns = 0;
	return true;
}

/* The alarms of one instant go off together, whatever the first of them does to the others. */
static void
model_instant(struct model *model, uint64_t now_ns)
{
	const bool t4 = take(&model->t4, now_ns);
	const bool t1 = take(&model->t1, now_ns);
	const bool t3 = take(&model->t3, now_ns);
	const bool t5 = take(&model->t5, now_ns);

	model->t2_due = take(&model->t2, now_ns);
	if (t4)
		model_t4(model, now_ns);
	if (t1)
		model_t1(model, now_ns);
	if (t3)
		model_t3(model, now_ns);
	if (model->t2_due)
		model_t2(model, now_ns);
	if (t5)
		model_t5(model, now_ns, model->t2_due);
}

/* Lets every alarm go off up to and at `now_ns`, in the order of their times. */
static void
model_advance(struct model *model, uint64_t now_ns)
{
	const uint64_t *const alarms[] = {
		&model->t1, &model->t2, &model->t3, &model->t4, &model->t5};

	for (;;) {
		uint64_t first_ns = UINT64_MAX;

		for (unsigned i = 0; i < 5; i++) {
			if (*alarms[i] != 0 && *alarms[i] < first_ns)
				first_ns = *alarms[i];
		}
		if (first_ns > now_ns)
			return;
		model_instant(model, first_ns);
	}
}

static void
model_data_received(struct model *model, uint64_t now_ns)
{
	model_received(model, now_ns);
	if (model->t2 == 0)
		model->t2 = now_ns + 10 * S;
	else
		model->need_another = true;
}

static void
model_complete(struct model *model)
{
	model->t1 = 0;
	model->attempts = 0;
}

static void
model_event(struct model *model, enum event event, uint64_t now_ns, uint16_t interval_s)
{
	struct world *world = &model->world;

	switch (event) {
	case EVENT_PACKET:
		if (!world->key) {
			model_initiate(model, now_ns, false);
			break;
		}
		model_sent(model, now_ns);
		record(world, now_ns, SEND_DATA);
		if (model->t3 == 0)
			model->t3 = now_ns + 15 * S + world->random;
		break;
	case EVENT_REKEY:
		model_initiate(model, now_ns, false);
		break;
	case EVENT_DATA:
		model_data_received(model, now_ns);
		break;
	case EVENT_EMPTY:
		model_received(model, now_ns);
		break;
	case EVENT_INITIATION:
		world->waiting = false;
		model->last_sent_ns = now_ns;
		model_derive(model, now_ns);
		model_sent(model, now_ns);
		record(world, now_ns, SEND_RESPONSE);
		model_received(model, now_ns);
		break;
	case EVENT_RESPONSE:
		if (!world->waiting)
			break;
		world->waiting = false;
		world->key = true;
		model_derive(model, now_ns);
		model_complete(model);
		model_send_keepalive(model, now_ns);
		model_received(model, now_ns);
		break;
	case EVENT_CONFIRM:
		world->key = true;
		model_complete(model);
		model_data_received(model, now_ns);
		break;
	case EVENT_EXPIRE:
		world->key = false;
		break;
	case EVENT_INTERVAL:
		if (interval_s == 0)
			model->t5 = 0;
		else if (model->interval_ns == 0)
			model->t5 = now_ns;
		model->interval_ns = interval_s * S;
		break;
	default:
		model->t1 = model->t2 = model->t3 = model->t4 = model->t5 = 0;
		model->last_sent_ns = 0;
		model->attempts = 0;
		model->need_another = false;
		world->key = false;
		world->waiting = false;
	}
}

/* The gateway: lanes tell stamps, control asks the machine when it said it wants to be asked. */

struct gateway {
	struct world world;
	struct timers timers;
	struct timer_stamps stamps;
	uint64_t next_ns;
};

static void
gateway_initiate(struct gateway *gateway, uint64_t now_ns)
{
	if (!timers_may_initiate(&gateway->timers, now_ns))
		return;
	gateway->world.waiting = true;
	record(&gateway->world, now_ns, SEND_INITIATION);
	timers_initiation_sent(&gateway->timers, &gateway->stamps, now_ns, gateway->world.random);
}

/* A lane wants a session; only if the stamps say so does control hear of it. */
static void
gateway_want(struct gateway *gateway, uint64_t now_ns)
{
	if (!stamps_wanted(&gateway->stamps, now_ns))
		return;
	timers_initiation_wanted(&gateway->timers);
	gateway_initiate(gateway, now_ns);
	gateway->next_ns = timers_next_ns(&gateway->timers, &gateway->stamps, now_ns);
}

static void
gateway_send_keepalive(struct gateway *gateway, uint64_t now_ns)
{
	if (!gateway->world.key) {
		gateway_want(gateway, now_ns);
		return;
	}
	stamps_sent(&gateway->stamps, now_ns);
	record(&gateway->world, now_ns, SEND_KEEPALIVE);
}

static void
gateway_due(struct gateway *gateway, uint64_t now_ns)
{
	const unsigned actions =
		timers_due(&gateway->timers, &gateway->stamps, now_ns, gateway->world.random);

	if (actions & TIMERS_ERASE) {
		gateway->world.key = false;
		gateway->world.waiting = false;
		record(&gateway->world, now_ns, SEND_ERASE);
	}
	if (actions & TIMERS_GIVE_UP)
		record(&gateway->world, now_ns, SEND_GIVE_UP);
	if (actions & TIMERS_INITIATE)
		gateway_initiate(gateway, now_ns);
	if (actions & TIMERS_KEEPALIVE)
		gateway_send_keepalive(gateway, now_ns);
	if (actions & TIMERS_KEEPALIVE_AGAIN)
		stamps_owe_keepalive(&gateway->stamps, now_ns);
	assert_int_equal(
		timers_due(&gateway->timers, &gateway->stamps, now_ns, gateway->world.random), 0);
}

static void
gateway_advance(struct gateway *gateway, uint64_t now_ns)
{
	while (gateway->next_ns <= now_ns) {
		const uint64_t at_ns = gateway->next_ns;

		gateway_due(gateway, at_ns);
		gateway->next_ns = timers_next_ns(&gateway->timers, &gateway->stamps, at_ns);
		assert_true(gateway->next_ns > at_ns);
	}
}

static void
gateway_data_received(struct gateway *gateway, uint64_t now_ns)
{
	stamps_received(&gateway->stamps, now_ns);
	stamps_data_received(&gateway->stamps, now_ns);
}

/* What lanes do; true if it was the lanes' affair. */
static bool
gateway_lane_event(struct gateway *gateway, enum event event, uint64_t now_ns)
{
	switch (event) {
	case EVENT_PACKET:
		if (!gateway->world.key) {
			gateway_want(gateway, now_ns);
			return true;
		}
		stamps_sent(&gateway->stamps, now_ns);
		record(&gateway->world, now_ns, SEND_DATA);
		stamps_data_sent(&gateway->stamps, now_ns);
		return true;
	case EVENT_REKEY:
		gateway_want(gateway, now_ns);
		return true;
	case EVENT_DATA:
		gateway_data_received(gateway, now_ns);
		return true;
	case EVENT_EMPTY:
		stamps_received(&gateway->stamps, now_ns);
		return true;
	case EVENT_EXPIRE:
		gateway->world.key = false;
		return true;
	default:
		return false;
	}
}

static void
gateway_event(struct gateway *gateway, enum event event, uint64_t now_ns, uint16_t interval_s)
{
	struct timers *timers = &gateway->timers;
	struct timer_stamps *stamps = &gateway->stamps;
	struct world *world = &gateway->world;

	if (gateway_lane_event(gateway, event, now_ns))
		return;
	switch (event) {
	case EVENT_INITIATION:
		world->waiting = false;
		timers_session_derived(timers, now_ns);
		timers_response_sent(timers, stamps, now_ns);
		record(world, now_ns, SEND_RESPONSE);
		timers_initiation_received(timers, stamps, now_ns);
		break;
	case EVENT_RESPONSE:
		if (!world->waiting)
			return;
		world->waiting = false;
		world->key = true;
		timers_session_derived(timers, now_ns);
		timers_handshake_complete(timers);
		gateway_send_keepalive(gateway, now_ns);
		timers_response_received(timers, stamps, now_ns);
		break;
	case EVENT_CONFIRM:
		world->key = true;
		timers_handshake_complete(timers);
		gateway_data_received(gateway, now_ns);
		break;
	case EVENT_INTERVAL:
		timers_interval(timers, stamps, interval_s, now_ns);
		break;
	default:
		timers_stop(timers, stamps);
		world->key = false;
		world->waiting = false;
	}
	gateway->next_ns = timers_next_ns(timers, stamps, now_ns);
}

/* One trial */

static void
compare(const struct trace *expected, const struct trace *seen, uint64_t trial)
{
	for (unsigned i = 0; i < expected->count || i < seen->count; i++) {
		if (i < expected->count && i < seen->count &&
			expected->sends[i].at_ns == seen->sends[i].at_ns &&
			expected->sends[i].what == seen->sends[i].what)
			continue;
		if (i < expected->count)
			print_message("model: %d at %f\n", (int)expected->sends[i].what,
				(double)expected->sends[i].at_ns / (double)S);
		if (i < seen->count)
			print_message("machine: %d at %f\n", (int)seen->sends[i].what,
				(double)seen->sends[i].at_ns / (double)S);
		fail_msg("trial %#llx, send %u", (unsigned long long)trial, i);
	}
}

/* From 1 ms to some minutes, every order of magnitude alike. */
static uint64_t
random_pause_ns(uint64_t *random, unsigned magnitudes)
{
	uint64_t pause_ms = 1 + seed_below(random, 9);

	for (uint64_t i = seed_below(random, magnitudes); i > 0; i--)
		pause_ms = pause_ms * 10 + seed_below(random, 10);
	return pause_ms * NS_IN_MS;
}

static void
run_trial(uint64_t trial, unsigned seen[])
{
	static struct trace traces[2];
	uint64_t random = trial;
	uint64_t now_ns = START;
	const struct world world = {.random = (uint32_t)(seed_below(&random, 334) * NS_IN_MS)};
	struct model model = {.world = world};
	struct gateway gateway = {.world = world, .next_ns = START};
	const unsigned magnitudes = 3 + (unsigned)seed_below(&random, 3);
	uint32_t likely = (uint32_t)seed_next(&random); /* events that come in this trial */

	model.world.trace = &traces[0];
	gateway.world.trace = &traces[1];
	traces[0].count = traces[1].count = 0;
	for (unsigned i = 0; i < EVENTS; i++) {
		const enum event event = (enum event)seed_below(&random, EVENT_COUNT);
		const uint16_t interval_s =
			(uint16_t)(seed_below(&random, 2) * (1 + seed_below(&random, 30)));

		now_ns += random_pause_ns(&random, magnitudes);
		model_advance(&model, now_ns);
		gateway_advance(&gateway, now_ns);
		if (!(likely >> event & 1) ||
			((event == EVENT_STOP || event == EVENT_INTERVAL) &&
				seed_below(&random, 20) != 0))
			continue;
		model_event(&model, event, now_ns, interval_s);
		gateway_event(&gateway, event, now_ns, interval_s);
	}
	compare(&traces[0], &traces[1], trial);
	for (unsigned i = 0; i < traces[0].count; i++)
		seen[traces[0].sends[i].what]++;
}

static void
p_6_same_sends_as_the_model(void **context)
{
	uint64_t random = seed_new();
	unsigned seen[6] = {0};

	for (unsigned i = 0; i < TRIALS; i++)
		run_trial(seed_next(&random), seen);
	/* The traces went everywhere. */
	for (unsigned i = 0; i < 6; i++)
		assert_true(seen[i] > 100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(p_6_same_sends_as_the_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
