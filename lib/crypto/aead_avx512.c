/*
 * ChaCha20-Poly1305 across packets by AVX-512: which block of which packet goes to which lane.
 * On the packet's way: behind aead_seal and aead_open.
 * Threads: one context per thread.
 *
 * A batch is sorted, longest first, and done in halves of up to 32 packets, each in two groups of
 * 16, one packet to a lane:
 *  1. Block 0 of all of them, which is their Poly1305 keys, at once.
 *  2. Key stream in units of 16 blocks, two units to a call of the 32-lane kernel. As long as
 *     most packets of a group have a block j, their blocks j are a unit as the lanes stand; what
 *     is left over, of any packets and blocks, fills mixed units.
 *  3. Poly1305 in sets of 8 packets.
 * Sealing is 1, 2, 3; opening 1, 3, 2, so that nothing is decrypted that is not authentic. Where
 * there are fewer packets than lanes in step 1, the rest makes the first key stream already; when
 * opening, it waits for the tags.
 */
#include "crypto/aead_avx512.h"

#include "crypto/chacha20_avx512.h"
#include "crypto/poly1305_avx512.h"

#include "base/bytes.h"

#include <immintrin.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define HALF_MAX (2 * CHACHA20_LANES)
#define GROUPS_MAX 2
#define BLOCK_LEN 16 /* of Poly1305 */
/* With fewer lanes of 16 in use, a mixed unit is cheaper, though lanes have to be picked. */
#define DIRECT_MIN 13
/* Texts of fewer bytes are not worth being split. */
#define SPLIT_MIN 512
/* So many packets leave enough lanes of 16 for key stream. */
#define FEW_MAX 8
/* Lines of a text that are asked for before its key is made; what follows asks for the others. */
#define SEAL_PREFETCH 1
#define OPEN_PREFETCH POLY1305_PREFETCH

/* Sixteen blocks of key stream to come, and what they are for. */
struct unit {
	const struct chacha20_lanes *lanes;
	struct chacha20_lanes *mixed; /* where `lanes` points, if they had to be picked */
	unsigned first; /* the packet of lane 0, if the lanes are as in `half` */
	_Alignas(64) uint32_t packet[CHACHA20_LANES]; /* of each lane, if they had to be picked */
	struct chacha20_targets targets;
};

/* Where the making of units stands: direct units of one group after the other, then mixed ones. */
struct stream {
	unsigned group;
	uint32_t block; /* of the next direct unit */
	uint32_t direct_end[GROUPS_MAX]; /* the first block that is left to mixed units */
	unsigned packet; /* of the next block in a mixed unit */
	uint32_t packet_block;
	bool mixed; /* there were mixed units */
};

/* Lanes of Poly1305 some of which have parts of texts; for struct poly1305_set. */
struct split {
	uint8_t *data[POLY1305_LANES];
	uint32_t len[POLY1305_LANES];
	uint32_t total[POLY1305_LANES];
	uint32_t packet[POLY1305_LANES];
	uint64_t low[POLY1305_LANES];
	uint64_t high[POLY1305_LANES];
};

/*
 * Up to 32 packets at work, longest first. Those beyond `count`, up to a multiple of 16, have no
 * text and some key; as a set of Poly1305 may begin anywhere, 8 more have a length of 0.
 */
struct half {
	unsigned count;
	unsigned groups;
	uint32_t all; /* mask of the packets */
	uint8_t index[HALF_MAX]; /* in the caller's array */
	_Alignas(64) uint8_t *data[HALF_MAX + POLY1305_LANES];
	_Alignas(64) uint32_t len[HALF_MAX + POLY1305_LANES];
	uint32_t number[HALF_MAX + POLY1305_LANES]; /* 0, 1, 2 ... */
	struct stream stream;
	/*
	 * Never written: where lanes without text point to. Each has a line of its own, because
	 * even a store of no bytes holds up a load from the same place.
	 */
	_Alignas(64) uint8_t idle[CHACHA20_LANES][CHACHA20_BLOCK_LEN];
	/* From here to the end is secret. */
	_Alignas(64) struct split split;
	uint64_t tag_low[HALF_MAX + POLY1305_LANES];
	uint64_t tag_high[HALF_MAX + POLY1305_LANES];
	struct chacha20_lanes lanes[GROUPS_MAX];
	/* Block 0 of both groups, and what make_keys had lanes left for. */
	struct chacha20_columns keys[GROUPS_MAX];
};

_Static_assert(offsetof(struct half, split) % 64 == 0 && sizeof(struct half) % 64 == 0,
	"what is wiped is whole lines");

struct aead_avx512 {
	struct unit units[2];
	struct chacha20_counters counters[2];
	struct half half;
	bool crypted; /* crypt() had anything to do */
	/* Secret as well, but not used by every call. */
	struct chacha20_columns columns[2];
	struct chacha20_lanes mixed[2];
};

struct aead_avx512 *
aead_avx512_create(void)
{
	struct aead_avx512 *avx512 = aligned_alloc(64, sizeof(*avx512));

	if (avx512 == NULL)
		return NULL;
	memset(avx512, 0, sizeof(*avx512));
	avx512->units[0].mixed = &avx512->mixed[0];
	avx512->units[1].mixed = &avx512->mixed[1];
	for (unsigned i = 0; i < HALF_MAX + POLY1305_LANES; i++)
		avx512->half.number[i] = i;
	return avx512;
}

void
aead_avx512_destroy(struct aead_avx512 *avx512)
{
	/* Every call has wiped what was secret. */
	free(avx512);
}

/* Writes the numbers of the packets by length, longest first. */
static void
order_by_length(uint8_t order[AEAD_BATCH_MAX], const struct aead_packet packets[], unsigned count)
{
	_Alignas(64) uint32_t key[AEAD_BATCH_MAX];
	__m512i keys[AEAD_BATCH_MAX / 16];
	uint32_t differ = 0;

	memset(key, 0xff, sizeof(key));
	for (unsigned i = 0; i < count; i++) {
		key[i] = (AEAD_LEN_MAX - packets[i].len) * AEAD_BATCH_MAX + i;
		differ |= packets[i].len ^ packets[0].len;
		order[i] = (uint8_t)i;
	}
	if (differ == 0)
		return;
	for (unsigned i = 0; i < AEAD_BATCH_MAX / 16; i++)
		keys[i] = _mm512_load_si512(&key[16 * i]);
	/* No two keys are equal: the place of one is the number of the lesser ones. */
	for (unsigned i = 0; i < count; i++) {
		__m512i one = _mm512_set1_epi32((int)key[i]);
		unsigned place = 0;

		for (unsigned k = 0; k < AEAD_BATCH_MAX / 16; k++)
			place +=
				(unsigned)__builtin_popcount(_mm512_cmplt_epu32_mask(keys[k], one));
		order[place] = (uint8_t)i;
	}
}

/* Asks for up to `lines` lines of a text, of which the first one begins in front of it. */
static inline void
text_prefetch(const struct aead_packet *packet, unsigned lines)
{
	const uint32_t end = packet->len + AEAD_TAG_LEN;

	for (uint32_t at = 0; lines-- > 0 && at < end; at += CHACHA20_BLOCK_LEN)
		__builtin_prefetch(packet->data + at + CHACHA20_BLOCK_LEN - 1, 1);
}

/* A function of its own, so that its arrays do not lengthen the frames that are never wiped. */
static __attribute__((noinline)) void
half_init(struct half *half, const struct aead_packet packets[], const uint8_t order[],
	unsigned count, unsigned prefetched)
{
	const uint8_t *keys[HALF_MAX];
	uint64_t counters[HALF_MAX];

	half->count = count;
	half->groups = (count + CHACHA20_LANES - 1) / CHACHA20_LANES;
	half->all = 0;
	half->stream = (struct stream){.block = 1};
	for (unsigned i = 0; i < count; i++) {
		const struct aead_packet *packet = &packets[order[i]];

		text_prefetch(packet, prefetched);
		half->all |= UINT32_C(1) << i;
		half->index[i] = order[i];
		half->data[i] = packet->data;
		half->len[i] = packet->len;
		keys[i] = packet->key;
		counters[i] = packet->counter;
	}
	for (unsigned i = count; i < half->groups * CHACHA20_LANES; i++) {
		keys[i] = keys[0];
		counters[i] = 0;
	}
	for (unsigned i = count; i < half->groups * CHACHA20_LANES; i++) {
		half->data[i] = half->idle[0];
		half->len[i] = 0;
	}
	_mm256_store_si256(
		(__m256i *)&half->len[half->groups * CHACHA20_LANES], _mm256_setzero_si256());
	for (unsigned i = 0; i < half->groups; i++)
		chacha20_avx512_lanes(
			&half->lanes[i], &keys[i * CHACHA20_LANES], &counters[i * CHACHA20_LANES]);
}

/* The targets of a direct unit whose packets do not all have 64 bytes there. */
static void
targets_part(struct chacha20_targets *targets, struct half *half, unsigned first, uint32_t offset)
{
	const __m512i block_len = _mm512_set1_epi64(CHACHA20_BLOCK_LEN);

	for (unsigned i = 0; i < CHACHA20_LANES; i += 8) {
		__m512i data = _mm512_load_si512(&half->data[first + i]);
		__m512i len = _mm512_cvtepu32_epi64(
			_mm256_load_si256((const __m256i *)&half->len[first + i]));
		__mmask8 active = _mm512_cmpgt_epi64_mask(len, _mm512_set1_epi64(offset));
		__m512i left = _mm512_maskz_sub_epi64(active, len, _mm512_set1_epi64(offset));
		__m512i lack = _mm512_sub_epi64(block_len, _mm512_min_epu64(left, block_len));

		__m512i idle = _mm512_add_epi64(
			_mm512_set1_epi64((long long)(uintptr_t)half->idle[i]),
			_mm512_set_epi64(7 * 64, 6 * 64, 5 * 64, 4 * 64, 3 * 64, 2 * 64, 64, 0));

		_mm512_store_si512(&targets->at[i],
			_mm512_mask_add_epi64(idle, active, data, _mm512_set1_epi64(offset)));
		/* A shift by 64 leaves nothing, as it should be. */
		_mm512_store_si512(
			&targets->bytes[i], _mm512_srlv_epi64(_mm512_set1_epi64(-1), lack));
	}
}

static inline void
targets_full(
	struct chacha20_targets *targets, const struct half *half, unsigned first, uint32_t offset)
{
	for (unsigned i = 0; i < CHACHA20_LANES; i += 8)
		_mm512_store_si512(&targets->at[i],
			_mm512_add_epi64(_mm512_load_si512(&half->data[first + i]),
				_mm512_set1_epi64(offset)));
}

/* Makes the unit of block `number` (1...) of a group's packets, if enough of them have one. */
static inline bool
unit_direct(struct unit *unit, struct chacha20_counters *counters, struct half *half,
	unsigned group, uint32_t number)
{
	const uint32_t first = group * CHACHA20_LANES;
	const uint32_t offset = (number - 1) * CHACHA20_BLOCK_LEN;
	__m512i len = _mm512_load_si512(&half->len[first]);
	__mmask16 active = _mm512_cmpgt_epu32_mask(len, _mm512_set1_epi32((int)offset));
	__mmask16 full =
		_mm512_cmpge_epu32_mask(len, _mm512_set1_epi32((int)(offset + CHACHA20_BLOCK_LEN)));

	if (__builtin_popcount(active) < DIRECT_MIN)
		return false;
	unit->lanes = &half->lanes[group];
	unit->first = first;
	unit->targets.full = full == UINT16_MAX;
	if (unit->targets.full)
		targets_full(&unit->targets, half, first, offset);
	else
		targets_part(&unit->targets, half, first, offset);
	_mm512_store_si512(counters->lane, _mm512_set1_epi32((int)number));
	return true;
}

/* Has a lane make block 0 of a packet, and applies it to nothing. */
static inline void
unit_idle(struct unit *unit, struct chacha20_counters *counters, struct half *half, unsigned lane,
	unsigned packet)
{
	unit->packet[lane] = packet;
	counters->lane[lane] = 0;
	unit->targets.at[lane] = half->idle[lane];
	unit->targets.bytes[lane] = 0;
}

/*
 * Makes a unit of blocks that direct units have left, as many as there are, behind `keys` lanes
 * that have block 0 of the first packets.
 */
static bool
unit_mixed(struct unit *unit, struct chacha20_counters *counters, struct half *half, unsigned keys)
{
	struct stream *stream = &half->stream;
	struct chacha20_targets *targets = &unit->targets;
	unsigned lane;

	for (lane = 0; lane < keys; lane++)
		unit_idle(unit, counters, half, lane, lane);
	while (lane < CHACHA20_LANES && stream->packet < half->count) {
		unsigned packet = stream->packet;
		uint32_t offset = (stream->packet_block - 1) * CHACHA20_BLOCK_LEN;
		uint32_t left = half->len[packet] - offset;

		if (offset >= half->len[packet]) {
			stream->packet++;
			stream->packet_block =
				stream->direct_end[stream->packet / CHACHA20_LANES % GROUPS_MAX];
			continue;
		}
		unit->packet[lane] = packet;
		counters->lane[lane] = stream->packet_block++;
		targets->at[lane] = half->data[packet] + offset;
		targets->bytes[lane] = left >= CHACHA20_BLOCK_LEN
			? UINT64_MAX
			: UINT64_MAX >> (CHACHA20_BLOCK_LEN - left);
		lane++;
	}
	if (lane == 0)
		return false;
	for (; lane < CHACHA20_LANES; lane++)
		unit_idle(unit, counters, half, lane, 0);
	targets->full = false;
	chacha20_avx512_pick(unit->mixed, half->lanes, unit->packet);
	unit->lanes = unit->mixed;
	stream->mixed = true;
	return true;
}

static bool
unit_next(struct unit *unit, struct chacha20_counters *counters, struct half *half)
{
	struct stream *stream = &half->stream;

	while (stream->group < half->groups) {
		if (unit_direct(unit, counters, half, stream->group, stream->block)) {
			stream->block++;
			return true;
		}
		stream->direct_end[stream->group++] = stream->block;
		stream->block = 1;
		if (stream->group == half->groups)
			stream->packet_block = stream->direct_end[0];
	}
	return unit_mixed(unit, counters, half, 0);
}

/*
 * Asks for the text of a unit before its key stream is made, which takes as long as a line takes
 * from the third cache. The first line of a block was the last one of the block before it.
 */
static inline void
unit_prefetch(const struct unit *unit)
{
	for (unsigned i = 0; i < CHACHA20_LANES; i++)
		__builtin_prefetch(unit->targets.at[i] + CHACHA20_BLOCK_LEN - 1, 1);
}

/* Takes away what is for packets that are not authentic. */
static void
unit_restrict(struct unit *unit, uint32_t authentic)
{
	struct chacha20_targets *targets = &unit->targets;

	if (targets->full)
		memset(targets->bytes, 0xff, sizeof(targets->bytes));
	targets->full = false;
	for (unsigned i = 0; i < CHACHA20_LANES; i++) {
		unsigned packet = unit->lanes == unit->mixed ? unit->packet[i] : unit->first + i;

		if (!(authentic >> packet & 1))
			targets->bytes[i] = 0;
	}
}

/*
 * Makes the Poly1305 keys. Lanes that this leaves make key stream: returns a mask of those of
 * `units` that are on the way so; the stream of unit i is in keys[i].
 */
static unsigned
make_keys(struct aead_avx512 *avx512)
{
	struct half *half = &avx512->half;
	struct unit *units = avx512->units;
	struct chacha20_counters *counters = avx512->counters;
	unsigned ahead = 0;

	if (half->count <= FEW_MAX) {
		/* No direct units then. */
		half->stream = (struct stream){
			.group = half->groups, .direct_end = {1}, .packet_block = 1};
		(void)unit_mixed(&units[0], &counters[0], half, half->count);
		unit_prefetch(&units[0]);
		ahead = 1;
	} else {
		units[0].lanes = &half->lanes[0];
		memset(&counters[0], 0, sizeof(counters[0]));
	}
	if (half->groups == 2) {
		memset(&counters[1], 0, sizeof(counters[1]));
		chacha20_avx512_x32(units[0].lanes, &half->lanes[1], counters, half->keys);
	} else if (unit_next(&units[1], &counters[1], half)) {
		ahead |= 2;
		unit_prefetch(&units[1]);
		chacha20_avx512_x32(units[0].lanes, units[1].lanes, counters, half->keys);
	} else {
		chacha20_avx512_x16(units[0].lanes, &counters[0], &half->keys[0]);
	}
	return ahead;
}

/* Applies the units that make_keys made, but not to packets that are not in `live`. */
static void
apply_ahead(struct aead_avx512 *avx512, unsigned ahead, uint32_t live)
{
	const struct half *half = &avx512->half;

	for (unsigned i = 0; i < 2; i++) {
		if (!(ahead >> i & 1))
			continue;
		if (live != half->all)
			unit_restrict(&avx512->units[i], live);
		chacha20_avx512_xor(&half->keys[i], &avx512->units[i].targets);
	}
}

/* Encrypts or decrypts all that is still to come from the stream. */
static void
crypt(struct aead_avx512 *avx512)
{
	struct half *half = &avx512->half;
	struct unit *units = avx512->units;

	avx512->crypted = false;
	while (unit_next(&units[0], &avx512->counters[0], half)) {
		avx512->crypted = true;
		unit_prefetch(&units[0]);
		if (!unit_next(&units[1], &avx512->counters[1], half)) {
			chacha20_avx512_x16(
				units[0].lanes, &avx512->counters[0], &avx512->columns[0]);
			chacha20_avx512_xor(&avx512->columns[0], &units[0].targets);
			break;
		}
		unit_prefetch(&units[1]);
		chacha20_avx512_x32(
			units[0].lanes, units[1].lanes, avx512->counters, avx512->columns);
		chacha20_avx512_xor(&avx512->columns[0], &units[0].targets);
		chacha20_avx512_xor(&avx512->columns[1], &units[1].targets);
	}
}

/*
 * How many packets from `first` on are to have two lanes each, because they are so long that the
 * others would wait for them, or the only ones.
 */
static unsigned
split_count(const struct half *half, unsigned first)
{
	uint32_t longest = half->len[first];
	unsigned count = 0;

	if (longest < SPLIT_MIN)
		return 0;
	while (first + count < half->count && half->len[first + count] > longest / 2)
		if (++count > POLY1305_LANES / 2)
			return 0;
	return count;
}

/* Has a lane take a packet, or none. */
static void
lane_set(struct split *split, unsigned lane, const struct half *half, unsigned packet)
{
	packet = packet < half->count ? packet : half->count;
	split->packet[lane] = packet;
	split->data[lane] = half->data[packet];
	split->len[lane] = half->len[packet];
	split->total[lane] = half->len[packet];
}

/*
 * The tags of `count` packets from `first` on, each in two lanes, and of more in the lanes that
 * are left. Returns the first packet that has no tag yet.
 */
static unsigned
make_tags_split(struct half *half, unsigned first, unsigned count)
{
	struct split *split = &half->split;
	unsigned next = first + count;
	uint32_t end_blocks = (half->len[first] / 2 + 63) / 64 * 4;
	struct poly1305_set set = {
		.data = split->data,
		.len = split->len,
		.total = split->total,
		.packet = split->packet,
		.keys = half->keys,
		.low = split->low,
		.high = split->high,
		.split = count,
		.end_blocks = end_blocks,
	};

	for (unsigned i = 0; i < POLY1305_LANES / 2; i++) {
		uint32_t blocks = (half->len[first + i] + BLOCK_LEN - 1) / BLOCK_LEN;
		uint32_t before = blocks > end_blocks ? (blocks - end_blocks) * BLOCK_LEN : 0;

		if (i < count) {
			lane_set(split, i, half, first + i);
			lane_set(split, 4 + i, half, first + i);
			split->len[4 + i] = before;
			split->data[i] += before;
			split->len[i] -= before;
		} else {
			lane_set(split, i, half, next++);
			lane_set(split, 4 + i, half, next++);
		}
	}
	poly1305_avx512(&set);
	for (unsigned i = 0; i < POLY1305_LANES; i++) {
		/* The tag of what was split is with its end. */
		if (i >= 4 && i < 4 + count)
			continue;
		half->tag_low[split->packet[i]] = split->low[i];
		half->tag_high[split->packet[i]] = split->high[i];
	}
	return next;
}

/* Makes the tags of what lies in the buffers now. */
static void
make_tags(struct half *half)
{
	unsigned first = 0;

	while (first < half->count) {
		unsigned count = split_count(half, first);
		struct poly1305_set set = {
			.data = &half->data[first],
			.len = &half->len[first],
			.total = &half->len[first],
			.packet = first % POLY1305_LANES == 0 ? NULL : &half->number[first],
			.first = first,
			.keys = half->keys,
			.low = &half->tag_low[first],
			.high = &half->tag_high[first],
		};

		if (count > 0) {
			first = make_tags_split(half, first, count);
			continue;
		}
		poly1305_avx512(&set);
		first += POLY1305_LANES;
	}
}

/*
 * The mask of the half's packets whose tags are as computed, in time that says nothing of them. A
 * function of its own, so that tests/secret_flow.py can see that it has no jumps but its loop's.
 */
static __attribute__((noinline)) uint32_t
compare_tags(const struct half *half)
{
	uint32_t authentic = 0;

	for (unsigned i = 0; i < half->count; i++) {
		const uint8_t *tag = half->data[i] + half->len[i];
		uint64_t differ = (load_le64(tag) ^ half->tag_low[i]) |
			(load_le64(tag + 8) ^ half->tag_high[i]);

		/* The top bit of x | -x is set for all x but 0. */
		authentic |= (uint32_t)(~(differ | -differ) >> 63) << i;
	}
	return authentic;
}

static void
half_seal(struct aead_avx512 *avx512)
{
	struct half *half = &avx512->half;

	apply_ahead(avx512, make_keys(avx512), half->all);
	crypt(avx512);
	make_tags(half);
	for (unsigned i = 0; i < half->count; i++) {
		store_le64(half->data[i] + half->len[i], half->tag_low[i]);
		store_le64(half->data[i] + half->len[i] + 8, half->tag_high[i]);
	}
}

static uint64_t
half_open(struct aead_avx512 *avx512)
{
	struct half *half = &avx512->half;
	unsigned ahead = make_keys(avx512);
	uint64_t result = 0;
	uint32_t authentic;

	make_tags(half);
	authentic = compare_tags(half);
	for (unsigned i = 0; i < half->count; i++) {
		if (authentic >> i & 1)
			result |= UINT64_C(1) << half->index[i];
		else
			half->len[i] = 0;
	}
	apply_ahead(avx512, ahead, authentic);
	crypt(avx512);
	return result;
}

/* Zeros whole lines; the compiler cannot know that nobody looks. */
static inline void
zero(void *secret, size_t len)
{
	const __m512i nothing = _mm512_setzero_si512();
	uint8_t(*line)[64] = secret;

	for (size_t i = 0; i < len / 64; i++)
		__asm__ volatile("vmovdqa64 %1, %0" : "=m"(line[i]) : "v"(nothing));
}

/* Zeros what half_seal or half_open has left in the context. */
static inline void
half_wipe(struct aead_avx512 *avx512)
{
	struct half *half = &avx512->half;

	zero(&half->split, sizeof(*half) - offsetof(struct half, split));
	if (avx512->crypted)
		zero(avx512->columns, sizeof(avx512->columns));
	if (half->stream.mixed)
		zero(avx512->mixed, sizeof(avx512->mixed));
}

uint64_t
aead_avx512_seal(struct aead_avx512 *avx512, const struct aead_packet packets[], unsigned count)
{
	uint8_t order[AEAD_BATCH_MAX];

	order_by_length(order, packets, count);
	for (unsigned first = 0; first < count; first += HALF_MAX) {
		unsigned rest = count - first;

		half_init(&avx512->half, packets, order + first, rest < HALF_MAX ? rest : HALF_MAX,
			SEAL_PREFETCH);
		half_seal(avx512);
		half_wipe(avx512);
	}
	avx512_clear();
	return UINT64_MAX;
}

uint64_t
aead_avx512_open(struct aead_avx512 *avx512, const struct aead_packet packets[], unsigned count)
{
	uint8_t order[AEAD_BATCH_MAX];
	uint64_t authentic = 0;

	order_by_length(order, packets, count);
	for (unsigned first = 0; first < count; first += HALF_MAX) {
		unsigned rest = count - first;

		half_init(&avx512->half, packets, order + first, rest < HALF_MAX ? rest : HALF_MAX,
			OPEN_PREFETCH);
		authentic |= half_open(avx512);
		half_wipe(avx512);
	}
	avx512_clear();
	return authentic;
}
