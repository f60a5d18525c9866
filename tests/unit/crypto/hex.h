/*
 * What the tests of crypto share: published vectors as texts of hexadecimal digits.
 * For tests only.
 * Threads: none.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEX_MAX 256

/* The bytes that a text of hexadecimal digits names, as a value. */
struct hex {
	uint8_t bytes[HEX_MAX];
	size_t len;
};

static inline struct hex
hex_of(const char *text)
{
	struct hex hex = {.len = strlen(text) / 2};

	if (strlen(text) % 2 != 0 || hex.len > HEX_MAX)
		abort();
	for (size_t i = 0; i < hex.len; i++) {
		unsigned byte;

		if (sscanf(text + 2 * i, "%2x", &byte) != 1)
			abort();
		hex.bytes[i] = (uint8_t)byte;
	}
	return hex;
}

/* Needs <cmocka.h>. */
#define assert_hex(data, text) \
	do { \
		struct hex hex_expected = hex_of(text); \
		assert_memory_equal(data, hex_expected.bytes, hex_expected.len); \
	} while (0)
