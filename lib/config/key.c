/*
 * Keys as text.
 * On the packet's way: nowhere.
 * Threads: any; no state.
 */
#include "config/key.h"

#include "base/secret.h"

#include <string.h>

#define BAD 0x100U /* a bit that no value of a character has */

/* All bits set if low <= c <= high, else 0: a difference below zero has its sign bit set. */
static unsigned
within(unsigned c, unsigned low, unsigned high)
{
	return (((c - low) | (high - c)) >> 31) - 1;
}

static unsigned
base64_value(unsigned char c)
{
	unsigned upper = within(c, 'A', 'Z'), lower = within(c, 'a', 'z');
	unsigned digit = within(c, '0', '9');
	unsigned plus = within(c, '+', '+'), slash = within(c, '/', '/');

	return (upper & (c - 'A')) | (lower & (c - 'a' + 26U)) | (digit & (c - '0' + 52U)) |
		(plus & 62U) | (slash & 63U) | (~(upper | lower | digit | plus | slash) & BAD);
}

static char
base64_character(unsigned value)
{
	return (char)((within(value, 0, 25) & (value + 'A')) |
		(within(value, 26, 51) & (value - 26 + 'a')) |
		(within(value, 52, 61) & (value - 52 + '0')) | (within(value, 62, 62) & '+') |
		(within(value, 63, 63) & '/'));
}

static unsigned
hex_value(unsigned char c)
{
	unsigned digit = within(c, '0', '9');
	unsigned lower = within(c, 'a', 'f'), upper = within(c, 'A', 'F');

	return (digit & (c - '0')) | (lower & (c - 'a' + 10U)) | (upper & (c - 'A' + 10U)) |
		(~(digit | lower | upper) & BAD);
}

static char
hex_character(unsigned value)
{
	return (char)((within(value, 0, 9) & (value + '0')) |
		(within(value, 10, 15) & (value - 10 + 'a')));
}

/* 32 bytes are ten groups of three bytes, and one of two: its third character has two bits over. */
bool
key_from_base64(uint8_t key[KEY_LEN], const char *text)
{
	unsigned bad = 0;

	memset(key, 0, KEY_LEN);
	if (strnlen(text, KEY_BASE64_LEN + 1) != KEY_BASE64_LEN)
		return false;
	for (size_t group = 0; group < 11; group++) {
		const unsigned char *in = (const unsigned char *)text + 4 * group;
		uint8_t *out = key + 3 * group;
		unsigned a = base64_value(in[0]), b = base64_value(in[1]);
		unsigned c = base64_value(in[2]);

		bad |= (a | b | c) & BAD;
		out[0] = (uint8_t)(a << 2 | (b & 0x3f) >> 4);
		out[1] = (uint8_t)(b << 4 | (c & 0x3f) >> 2);
		if (group < 10) {
			unsigned d = base64_value(in[3]);

			bad |= d & BAD;
			out[2] = (uint8_t)(c << 6 | (d & 0x3f));
		} else {
			bad |= (unsigned)(in[3] ^ '=') | (c & 3);
		}
	}
	if (bad)
		secret_wipe(key, KEY_LEN);
	return !bad;
}

bool
key_from_hex(uint8_t key[KEY_LEN], const char *text)
{
	unsigned bad = 0;

	memset(key, 0, KEY_LEN);
	if (strnlen(text, KEY_HEX_LEN + 1) != KEY_HEX_LEN)
		return false;
	for (size_t i = 0; i < KEY_LEN; i++) {
		unsigned high = hex_value((unsigned char)text[2 * i]);
		unsigned low = hex_value((unsigned char)text[2 * i + 1]);

		bad |= (high | low) & BAD;
		key[i] = (uint8_t)(high << 4 | (low & 0xf));
	}
	if (bad)
		secret_wipe(key, KEY_LEN);
	return !bad;
}

const char *
key_to_base64(const uint8_t key[KEY_LEN], char text[static KEY_BASE64_LEN + 1])
{
	for (size_t group = 0; group < 11; group++) {
		const uint8_t *in = key + 3 * group;
		char *out = text + 4 * group;
		unsigned third = group < 10 ? in[2] : 0;

		out[0] = base64_character(in[0] >> 2);
		out[1] = base64_character((in[0] & 3U) << 4 | in[1] >> 4);
		out[2] = base64_character((in[1] & 15U) << 2 | third >> 6);
		out[3] = base64_character(third & 63);
	}
	text[KEY_BASE64_LEN - 1] = '=';
	text[KEY_BASE64_LEN] = '\0';
	return text;
}

const char *
key_to_hex(const uint8_t key[KEY_LEN], char text[static KEY_HEX_LEN + 1])
{
	for (size_t i = 0; i < KEY_LEN; i++) {
		text[2 * i] = hex_character(key[i] >> 4);
		text[2 * i + 1] = hex_character(key[i] & 15);
	}
	text[KEY_HEX_LEN] = '\0';
	return text;
}

/* The u-coordinates of small order below 2^255, and p - 1, p, p + 1; the top bit is ignored. */
bool
key_is_low_order(const uint8_t key[KEY_LEN])
{
	static const uint8_t of_order_8[2][KEY_LEN] = {
		{0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f,
			0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62,
			0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00},
		{0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83,
			0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22,
			0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57},
	};
	uint8_t u[KEY_LEN], middle_or, middle_and;

	memcpy(u, key, KEY_LEN);
	u[31] &= 0x7f;
	middle_or = u[1];
	middle_and = u[1];
	for (unsigned i = 2; i < KEY_LEN - 1; i++) {
		middle_or |= u[i];
		middle_and &= u[i];
	}
	/* 0, 1; p is 2^255 - 19, whose bytes are ed ff ... ff 7f. */
	if (middle_or == 0 && u[31] == 0 && u[0] <= 1)
		return true;
	if (middle_and == 0xff && u[31] == 0x7f && u[0] >= 0xec && u[0] <= 0xee)
		return true;
	return memcmp(u, of_order_8[0], KEY_LEN) == 0 || memcmp(u, of_order_8[1], KEY_LEN) == 0;
}

const char *
key_abbreviate(const uint8_t key[KEY_LEN], char text[static KEY_ABBREVIATED_MAX])
{
	static const char ellipsis[] = "\xe2\x80\xa6";
	char base64[KEY_BASE64_LEN + 1];

	key_to_base64(key, base64);
	memcpy(text, base64, 4);
	memcpy(text + 4, ellipsis, 3);
	memcpy(text + 7, base64 + KEY_BASE64_LEN - 5, 4);
	text[11] = '\0';
	return text;
}
