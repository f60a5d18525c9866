/*
 * Keys as text: base64 in the files, hexadecimal in UAPI, abbreviated in logs.
 * On the packet's way: nowhere.
 * Threads: any; no state. Decoding takes time that depends on the length only.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define KEY_LEN 32
#define KEY_BASE64_LEN 44 /* without the terminating zero */
#define KEY_HEX_LEN 64
#define KEY_ABBREVIATED_MAX 16

/*
 * key_from_base64 decodes exactly 44 characters, the last '=', unused bits zero. Returns whether it
 * was that; if not, `key` is zeroed. key_from_hex: exactly 64 characters.
 */
bool key_from_base64(uint8_t key[KEY_LEN], const char *text) __attribute__((warn_unused_result));
bool key_from_hex(uint8_t key[KEY_LEN], const char *text) __attribute__((warn_unused_result));

/* The reverse; with the terminating zero. They return `text`. */
const char *key_to_base64(const uint8_t key[KEY_LEN], char text[static KEY_BASE64_LEN + 1]);
const char *key_to_hex(const uint8_t key[KEY_LEN], char text[static KEY_HEX_LEN + 1]);

/*
 * key_is_low_order tells whether every X25519 with this public key gives zero (RFC 7748, section
 * 6.1): no handshake with it can succeed.
 */
bool key_is_low_order(const uint8_t key[KEY_LEN]);

/* key_abbreviate writes the form for logs, "acfz…xiEc": for public keys only. Returns `text`. */
const char *key_abbreviate(const uint8_t key[KEY_LEN], char text[static KEY_ABBREVIATED_MAX]);
