/*
 * Deterministic vectors of the handshake, made with an independent model: docs/protocol.md,
 * appendix A. Hexadecimal.
 * On the packet's way: nowhere.
 */
#pragma once

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define VECTOR_INITIATOR_INDEX 0x11223344
#define VECTOR_RESPONDER_INDEX 0xaabbccdd

#define VECTOR_INITIATOR_PRIVATE "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"
#define VECTOR_INITIATOR_PUBLIC "07a37cbc142093c8b755dc1b10e86cb426374ad16aa853ed0bdfc0b2b86d1c7c"
#define VECTOR_RESPONDER_PRIVATE "2122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f40"
#define VECTOR_RESPONDER_PUBLIC "5869aff450549732cbaaed5e5df9b30a6da31cb0e5742bad5ad4a1a768f1a67b"
#define VECTOR_INITIATOR_EPHEMERAL \
	"4142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f60"
#define VECTOR_RESPONDER_EPHEMERAL \
	"6162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f80"
#define VECTOR_STATIC_STATIC "a84dc7c3c8f058b1b2dc4cd1e9b5dc0a7987f88b6a9564cde3391fc421159e77"
#define VECTOR_TIMESTAMP "400000006553f10a07000000"
#define VECTOR_RESPONDER_MAC1_KEY "5c5cbbfd0c782a2539047315dc2b629f825570bc6a8686d245dd060463b85e1b"
#define VECTOR_INITIATOR_MAC1_KEY "6d0855ea6225516c9993e0bc4312a1703292766b0578e0ad25b2f9e05a1f0c57"
#define VECTOR_RESPONDER_COOKIE_KEY \
	"17728e626505a9a7054fda9a980a5209fb72714de5d9e476848ec7214cc83713"
#define VECTOR_CK2 "6e73fad0dff3a2354e540b7978f9c1aa8a8e05b3be60f4d0d90de2769439e512"
#define VECTOR_H2 "5030445f2429153146c73759c21159531af069f1aae943f2e6a512459b971e9d"
#define VECTOR_CK3 "643693a7636a42b588f115bc0aae9a1db8432634b2e8d96ed67d308e74e132f5"
#define VECTOR_H3 "353febbefe8c2cae0679c83d17454fd3e9376c67a1e075c774a33b1aa1ce1576"
#define VECTOR_INITIATION \
	"010000004433221164b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d48466" \
	"158a0e4ca242d151ca97ab90159a98b67e616625e68b4065d357376b6598e644ad7d678c0295d22d" \
	"e4cb43d5135581ed36346bfa7cf42a122639f89315e67f2b43de40f99f8e6be9135e1632d45237be" \
	"41c55cffa3e7b390a525fe6500000000000000000000000000000000"
#define VECTOR_COOKIE_SECRET "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define VECTOR_COOKIE_IPV4 "94365838d59c965c485216f6c7c125ee"
#define VECTOR_COOKIE_IPV6 "cdf8cff53110c47c12bf8773c66a2227"
#define VECTOR_COOKIE_REPLY \
	"0300000044332211c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7b32d435f3c9c6562" \
	"a710fde5cc4fefef570498f03760ab7b83b1af34820f252f"
#define VECTOR_INITIATION_MACS "d45237be41c55cffa3e7b390a525fe65759ff0d788b053d4d6079641e1c55496"

/* What differs with the preshared key. */
struct vector_psk {
	const char *preshared_key;
	const char *ck7;
	const char *h6;
	const char *response;
	const char *initiator_sends; /* session key */
	const char *responder_sends;
	const char *keepalive_tag; /* of the initiator's first message, counter 0 */
};

static const struct vector_psk vector_psks[] = {
	{
		.preshared_key = "0000000000000000000000000000000000000000000000000000000000000000",
		.ck7 = "b798cb0d698b0fad7db1cbf5aea4f6d50c5fdecdba893d07d92a49b0fac83fce",
		.h6 = "1373946d6b5d0038e69ac1a72a59e42700e8b48e48144b78722e9336380578ab",
		.response =
			"02000000ddccbbaa44332211244fe3b963e899dd295baffce248d3530f3a9a7479ba063002680ebf"
			"e7adad496b48bcfdb2fa6808c058f0c9ef1c288f23194b608bdf186e3c94fba6444a668700000000"
			"000000000000000000000000",
		.initiator_sends =
			"c5f330b6dc92c8bd4124800733b33cd9d7e5dd2ac8c782e1b558f9b2b60804d8",
		.responder_sends =
			"df0e53eac779a4c1ab023907c8dda549efdbf8ca9a4ce931ba1d27a2a8be73f9",
		.keepalive_tag = "fd3ffdf38f1bfad20a6fdb169d83d3d3",
	},
	{
		.preshared_key = "8182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0",
		.ck7 = "08f6c56ff80891c79f11a909e3951bee532a9bb89a26be63697e89e8ff7e6345",
		.h6 = "3537b74e02005e1531d2c00660730b21d3672f2dce5dfca875851ca01845c604",
		.response =
			"02000000ddccbbaa44332211244fe3b963e899dd295baffce248d3530f3a9a7479ba063002680ebf"
			"e7adad4927d9d0c10dbd892b072dfd62f2b6d42b932d9304e251246b3d1c8b975d84a85400000000"
			"000000000000000000000000",
		.initiator_sends =
			"248a29611829aaf7ee8bc8e87df805c1019f08f82d80eb79b7625821ba0a1317",
		.responder_sends =
			"848308e622b3e15e5ebc5312111efc31082e86c85e9ee93fe8c5aa7f972cc9c3",
		.keepalive_tag = "c7401bed732b18f3c0e395fc3f7435fa",
	},
};

/* vector_bytes reads `len` bytes of hexadecimal, which must be all that there is. */
static inline void
vector_bytes(uint8_t *to, size_t len, const char *text)
{
	static const char digits[] = "0123456789abcdef";

	assert(strlen(text) == 2 * len);
	for (size_t i = 0; i < len; i++) {
		const char *high = strchr(digits, text[2 * i]);
		const char *low = strchr(digits, text[2 * i + 1]);

		assert(high && low);
		to[i] = (uint8_t)((high - digits) << 4 | (low - digits));
	}
}
