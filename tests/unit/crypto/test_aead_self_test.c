/*
 * Tests of crypto/aead's self test: no broken backend may ever get as far as a packet.
 * The stubs go wrong in one way each; the sound one, under the same wrapping, must pass.
 * Threads: none.
 */
#include "crypto/aead_backend.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* What the stub that runs now does wrong; beneath it is the sound backend of libsodium. */
struct fault {
	unsigned seals;
	unsigned opens;
	unsigned destroyed;
};

static struct fault fault;

static bool
stub_supported(void)
{
	return true;
}

static bool
stub_unsupported(void)
{
	return false;
}

static void *
stub_create(void)
{
	fault = (struct fault){0};
	return aead_backend_sodium.create();
}

static void *
stub_create_no_memory(void)
{
	errno = ENOMEM;
	return NULL;
}

static void
stub_destroy(void *context)
{
	fault.destroyed++;
	aead_backend_sodium.destroy(context);
}

static uint64_t
sound_seal(void *context, const struct aead_packet packets[], unsigned count)
{
	fault.seals++;
	return aead_backend_sodium.seal(context, packets, count);
}

static uint64_t
sound_open(void *context, const struct aead_packet packets[], unsigned count)
{
	fault.opens++;
	return aead_backend_sodium.open(context, packets, count);
}

/* Says yes and does nothing. */
static uint64_t
yes(void *context, const struct aead_packet packets[], unsigned count)
{
	(void)context;
	(void)packets;
	(void)count;
	return UINT64_MAX;
}

static uint64_t
no(void *context, const struct aead_packet packets[], unsigned count)
{
	(void)context;
	(void)packets;
	(void)count;
	return 0;
}

/* Seals well and says no. */
static uint64_t
seal_denied(void *context, const struct aead_packet packets[], unsigned count)
{
	(void)sound_seal(context, packets, count);
	return 0;
}

/* Leaves the last packet of a batch as it was, and says that it is sealed. */
static uint64_t
seal_all_but_last(void *context, const struct aead_packet packets[], unsigned count)
{
	(void)sound_seal(context, packets, count - 1);
	return UINT64_MAX;
}

/* A wrong bit in the last byte of a tag. */
static uint64_t
seal_wrong_tag(void *context, const struct aead_packet packets[], unsigned count)
{
	uint64_t sealed = sound_seal(context, packets, count);

	packets[0].data[packets[0].len + AEAD_TAG_LEN - 1] ^= 0x80;
	return sealed;
}

/* The counter in the wrong half of the nonce: consistent with itself, useless with others. */
static void
shift_counters(struct aead_packet shifted[], const struct aead_packet packets[], unsigned count)
{
	memcpy(shifted, packets, count * sizeof(*shifted));
	for (unsigned i = 0; i < count; i++)
		shifted[i].counter <<= 32;
}

static uint64_t
seal_shifted(void *context, const struct aead_packet packets[], unsigned count)
{
	struct aead_packet shifted[AEAD_BATCH_MAX];

	shift_counters(shifted, packets, count);
	return sound_seal(context, shifted, count);
}

static uint64_t
open_shifted(void *context, const struct aead_packet packets[], unsigned count)
{
	struct aead_packet shifted[AEAD_BATCH_MAX];

	shift_counters(shifted, packets, count);
	return sound_open(context, shifted, count);
}

/* Opens what is authentic, and calls the rest authentic too: what ipsec-mb does by itself. */
static uint64_t
open_unchecked(void *context, const struct aead_packet packets[], unsigned count)
{
	(void)sound_open(context, packets, count);
	return UINT64_MAX;
}

/* Makes a tag as sealing would, and looks only at the bytes from `from` to `to` of it. */
static uint64_t
open_part_of_tag(
	void *context, const struct aead_packet packets[], unsigned count, size_t from, size_t to)
{
	uint64_t authentic = 0;

	for (unsigned i = 0; i < count; i++) {
		const struct aead_packet *packet = &packets[i];
		uint8_t tag[AEAD_TAG_LEN];
		uint8_t text[AEAD_LEN_MAX];

		/* Sealing is an XOR, so it opens as well; sealing the text again makes the tag. */
		memcpy(tag, packet->data + packet->len, sizeof(tag));
		(void)aead_backend_sodium.seal(context, packet, 1);
		memcpy(text, packet->data, packet->len);
		(void)aead_backend_sodium.seal(context, packet, 1);
		if (memcmp(tag + from, packet->data + packet->len + from, to - from) == 0)
			authentic |= UINT64_C(1) << i;
		memcpy(packet->data, text, packet->len);
	}
	return authentic;
}

static uint64_t
open_whole_tag(void *context, const struct aead_packet packets[], unsigned count)
{
	return open_part_of_tag(context, packets, count, 0, 16);
}

static uint64_t
open_first_15(void *context, const struct aead_packet packets[], unsigned count)
{
	return open_part_of_tag(context, packets, count, 0, 15);
}

static uint64_t
open_last_15(void *context, const struct aead_packet packets[], unsigned count)
{
	return open_part_of_tag(context, packets, count, 1, 16);
}

/* One forged packet spoils its whole batch. */
static uint64_t
open_all_or_none(void *context, const struct aead_packet packets[], unsigned count)
{
	uint64_t authentic = sound_open(context, packets, count);

	return authentic == UINT64_MAX >> (64 - count) ? authentic : 0;
}

/* The right answers in the wrong places. */
static uint64_t
open_rotated(void *context, const struct aead_packet packets[], unsigned count)
{
	uint64_t authentic = sound_open(context, packets, count);

	return authentic >> 1 | (authentic & 1) << (count - 1);
}

/* Says yes to what is authentic without decrypting it. */
static uint64_t
open_no_text(void *context, const struct aead_packet packets[], unsigned count)
{
	uint8_t before[AEAD_LEN_MAX];
	uint64_t authentic;

	memcpy(before, packets[count - 1].data, packets[count - 1].len);
	authentic = sound_open(context, packets, count);
	memcpy(packets[count - 1].data, before, packets[count - 1].len);
	return authentic;
}

#define STUB(seal_function, open_function) \
	{ \
		.name = #seal_function " " #open_function, .supported = stub_supported, \
		.create = stub_create, .destroy = stub_destroy, .seal = (seal_function), \
		.open = (open_function) \
	}

static const struct aead_backend sound[] = {
	STUB(sound_seal, sound_open),
	STUB(sound_seal, open_whole_tag),
};

static const struct aead_backend broken[] = {
	STUB(yes, yes),
	STUB(no, no),
	STUB(yes, sound_open),
	STUB(no, sound_open),
	STUB(seal_denied, sound_open),
	STUB(seal_all_but_last, sound_open),
	STUB(seal_wrong_tag, sound_open),
	STUB(seal_shifted, open_shifted),
	STUB(sound_seal, yes),
	STUB(sound_seal, no),
	STUB(sound_seal, open_unchecked),
	STUB(sound_seal, open_shifted),
	STUB(sound_seal, open_first_15),
	STUB(sound_seal, open_last_15),
	STUB(sound_seal, open_all_or_none),
	STUB(sound_seal, open_rotated),
	STUB(sound_seal, open_no_text),
};

static void
test_sound(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(sound) / sizeof(sound[0]); i++) {
		struct aead *aead = aead_create_backend(&sound[i]);

		assert_non_null(aead);
		assert_ptr_equal(aead_name(aead), sound[i].name);
		assert_int_not_equal(fault.seals, 0);
		assert_int_equal(aead_self_test(aead), 0);
		assert_int_equal(fault.destroyed, 0);
		aead_destroy(aead);
		assert_int_equal(fault.destroyed, 1);
	}
}

static void
sec_1_defect_1_defect_13_broken(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		errno = 0;
		if (aead_create_backend(&broken[i]) != NULL)
			fail_msg("\"%s\" passed the self test", broken[i].name);
		assert_int_equal(errno, EILSEQ);
		assert_int_equal(fault.destroyed, 1);
	}
}

static void
test_not_created(void **state)
{
	struct aead_backend backend = sound[0];

	(void)state;
	backend.supported = stub_unsupported;
	errno = 0;
	assert_null(aead_create_backend(&backend));
	assert_int_equal(errno, ENOTSUP);
	backend.supported = stub_supported;
	backend.create = stub_create_no_memory;
	assert_null(aead_create_backend(&backend));
	assert_int_equal(errno, ENOMEM);
}

/* What a backend says about packets that it was not given is not passed on. */
static void
test_counts(void **state)
{
	uint8_t data[AEAD_TAG_LEN] = {0};
	const uint8_t key[AEAD_KEY_LEN] = {0};
	struct aead_packet packets[AEAD_BATCH_MAX + 1];
	struct aead_backend backend = sound[0];
	struct aead *aead = aead_create_backend(&backend);

	(void)state;
	assert_non_null(aead);
	for (size_t i = 0; i <= AEAD_BATCH_MAX; i++)
		packets[i] = (struct aead_packet){data, key, i, 0};
	backend.seal = yes;
	backend.open = yes;
	for (unsigned count = 1; count <= AEAD_BATCH_MAX; count++) {
		assert_true(aead_seal(aead, packets, count) == UINT64_MAX >> (64 - count));
		assert_true(aead_open(aead, packets, count) == UINT64_MAX >> (64 - count));
	}
	assert_true(aead_seal(aead, packets, 0) == 0);
	assert_true(aead_open(aead, packets, 0) == 0);
	assert_true(aead_seal(aead, packets, AEAD_BATCH_MAX + 1) == 0);
	assert_true(aead_open(aead, packets, AEAD_BATCH_MAX + 1) == 0);
	backend.seal = no;
	backend.open = no;
	assert_true(aead_seal(aead, packets, AEAD_BATCH_MAX) == 0);
	assert_true(aead_open(aead, packets, AEAD_BATCH_MAX) == 0);
	aead_destroy(aead);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sound),
		cmocka_unit_test(sec_1_defect_1_defect_13_broken),
		cmocka_unit_test(test_not_created),
		cmocka_unit_test(test_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
