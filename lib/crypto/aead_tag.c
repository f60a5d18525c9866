/*
 * The comparison of computed tags with those behind the packets.
 * On the packet's way: at the end of aead_open, in backends whose library does not compare itself.
 * Threads: any; no state.
 */
#include "crypto/aead_backend.h"

#include "base/bytes.h"

uint64_t
aead_tags_equal(const uint8_t tags[][AEAD_TAG_LEN], const struct aead_packet packets[],
	const uint8_t order[], unsigned count)
{
	uint64_t equal = 0;

	for (unsigned i = 0; i < count; i++) {
		const unsigned number = order[i];
		const uint8_t *is = packets[number].data + packets[number].len;
		const uint8_t *should = tags[number];
		const uint64_t differ = (load_le64(is) ^ load_le64(should)) |
			(load_le64(is + 8) ^ load_le64(should + 8));

		/* The upper bit of x | -x is set unless x is 0. */
		equal |= (~(differ | (0 - differ)) >> 63) << number;
	}
	return equal;
}
