/*
 * Sixteen rows of 16 words become sixteen columns: how blocks get into 32-bit lanes and out.
 * On the packet's way: inside what uses AVX-512. Private to crypto.
 * Threads: any; no state.
 */
#pragma once

#include <immintrin.h>

/* transpose_16 makes word i of out[k] word k of in[i]. */
static inline void
transpose_16(__m512i out[16], const __m512i in[16])
{
	__m512i quad[4][4]; /* quad[g][k]: rows 4g..4g+3 of the columns k, 4 + k, 8 + k, 12 + k */

	for (unsigned group = 0; group < 4; group++) {
		const __m512i *row = &in[4 * group];
		__m512i low01 = _mm512_unpacklo_epi32(row[0], row[1]);
		__m512i high01 = _mm512_unpackhi_epi32(row[0], row[1]);
		__m512i low23 = _mm512_unpacklo_epi32(row[2], row[3]);
		__m512i high23 = _mm512_unpackhi_epi32(row[2], row[3]);

		quad[group][0] = _mm512_unpacklo_epi64(low01, low23);
		quad[group][1] = _mm512_unpackhi_epi64(low01, low23);
		quad[group][2] = _mm512_unpacklo_epi64(high01, high23);
		quad[group][3] = _mm512_unpackhi_epi64(high01, high23);
	}
	for (unsigned k = 0; k < 4; k++) {
		__m512i even01 = _mm512_shuffle_i64x2(quad[0][k], quad[1][k], 0x88);
		__m512i odd01 = _mm512_shuffle_i64x2(quad[0][k], quad[1][k], 0xdd);
		__m512i even23 = _mm512_shuffle_i64x2(quad[2][k], quad[3][k], 0x88);
		__m512i odd23 = _mm512_shuffle_i64x2(quad[2][k], quad[3][k], 0xdd);

		out[k] = _mm512_shuffle_i64x2(even01, even23, 0x88);
		out[4 + k] = _mm512_shuffle_i64x2(odd01, odd23, 0x88);
		out[8 + k] = _mm512_shuffle_i64x2(even01, even23, 0xdd);
		out[12 + k] = _mm512_shuffle_i64x2(odd01, odd23, 0xdd);
	}
}
