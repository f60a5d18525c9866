/*
 * ChaCha20 blocks (RFC 8439, 2.3) in the 32-bit lanes of AVX-512, a block to a lane, 32 or 16 at
 * a time; and the clearing of what they leave behind. Contract: chacha20_avx512.h.
 * Threads: any; no state.
 *
 * A state is 16 registers, register w of it the word w of 16 blocks. One state alone waits: each
 * step of a quarter round needs the result of the step before, and four columns are too few to
 * fill the ports meanwhile. Two states, A and B, are exactly the 32 registers there are, so every
 * operation works in place, and no word is ever spilled while the rounds run:
 *
 *	zmm0  .. zmm15	words 0..15 of A
 *	zmm16 .. zmm31	words 0..15 of B
 *
 * What is added at the end is read from memory again: there is no room to keep it.
 *
 * Registers: all zmm (the caller's to save, in the System V ABI), rax, flags; arguments in rdi,
 * rsi, rdx, rcx. Stack: none but the return address. The only branch counts the double rounds.
 */
	.intel_syntax noprefix

/* One instruction on words d and s of A, and of A and B. */
#define ADD_A(d, s)	vpaddd zmm##d, zmm##d, zmm##s;
#define XOR_A(d, s)	vpxord zmm##d, zmm##d, zmm##s;
#define ROL_A(d, n)	vprold zmm##d, zmm##d, n;

/* The register of word w of B. */
#define B0	zmm16
#define B1	zmm17
#define B2	zmm18
#define B3	zmm19
#define B4	zmm20
#define B5	zmm21
#define B6	zmm22
#define B7	zmm23
#define B8	zmm24
#define B9	zmm25
#define B10	zmm26
#define B11	zmm27
#define B12	zmm28
#define B13	zmm29
#define B14	zmm30
#define B15	zmm31

#define ADD_B(d, s)	vpaddd B##d, B##d, B##s;
#define XOR_B(d, s)	vpxord B##d, B##d, B##s;
#define ROL_B(d, n)	vprold B##d, B##d, n;

/*
 * A third of a quarter round, "x += y; z = (z ^ x) <<< n", on four columns (or diagonals) of one
 * state, and of both. With both, B follows one operation behind A: rotations, for which there
 * are fewer ports than for the rest, then come mixed with XORs, and eight operations that need
 * nothing of each other stand between a result and its use.
 */
#define THIRD_1(x0, x1, x2, x3, y0, y1, y2, y3, z0, z1, z2, z3, n) \
	ADD_A(x0, y0) ADD_A(x1, y1) ADD_A(x2, y2) ADD_A(x3, y3) \
	XOR_A(z0, x0) XOR_A(z1, x1) XOR_A(z2, x2) XOR_A(z3, x3) \
	ROL_A(z0, n) ROL_A(z1, n) ROL_A(z2, n) ROL_A(z3, n)

#define THIRD_2(x0, x1, x2, x3, y0, y1, y2, y3, z0, z1, z2, z3, n) \
	ADD_A(x0, y0) ADD_A(x1, y1) ADD_A(x2, y2) ADD_A(x3, y3) \
	ADD_B(x0, y0) XOR_A(z0, x0) ADD_B(x1, y1) XOR_A(z1, x1) \
	ADD_B(x2, y2) XOR_A(z2, x2) ADD_B(x3, y3) XOR_A(z3, x3) \
	XOR_B(z0, x0) ROL_A(z0, n) XOR_B(z1, x1) ROL_A(z1, n) \
	XOR_B(z2, x2) ROL_A(z2, n) XOR_B(z3, x3) ROL_A(z3, n) \
	ROL_B(z0, n) ROL_B(z1, n) ROL_B(z2, n) ROL_B(z3, n)

#define QUARTERS(THIRD, a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3) \
	THIRD(a0, a1, a2, a3, b0, b1, b2, b3, d0, d1, d2, d3, 16) \
	THIRD(c0, c1, c2, c3, d0, d1, d2, d3, b0, b1, b2, b3, 12) \
	THIRD(a0, a1, a2, a3, b0, b1, b2, b3, d0, d1, d2, d3, 8) \
	THIRD(c0, c1, c2, c3, d0, d1, d2, d3, b0, b1, b2, b3, 7)

/* A column round, and a round on the diagonals: in this form the same with other words named. */
#define DOUBLE_ROUND(THIRD) \
	QUARTERS(THIRD, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15) \
	QUARTERS(THIRD, 0, 1, 2, 3, 5, 6, 7, 4, 10, 11, 8, 9, 15, 12, 13, 14)

/*
 * The initial state from memory: "expa" "nd 3" "2-by" "te k", the keys of the blocks, their
 * counters, and the nonces, whose first word is always zero. `lanes` and `counters` are registers
 * that point to a struct chacha20_lanes and to 16 words.
 */
	.macro LOAD lanes, counters, w0, w1, w2, w3, w4, w5, w6, w7, \
		w8, w9, w10, w11, w12, w13, w14, w15
	vpbroadcastd \w0, dword ptr [rip + constants]
	vpbroadcastd \w1, dword ptr [rip + constants + 4]
	vpbroadcastd \w2, dword ptr [rip + constants + 8]
	vpbroadcastd \w3, dword ptr [rip + constants + 12]
	vmovdqa32 \w4, [\lanes]
	vmovdqa32 \w5, [\lanes + 64]
	vmovdqa32 \w6, [\lanes + 128]
	vmovdqa32 \w7, [\lanes + 192]
	vmovdqa32 \w8, [\lanes + 256]
	vmovdqa32 \w9, [\lanes + 320]
	vmovdqa32 \w10, [\lanes + 384]
	vmovdqa32 \w11, [\lanes + 448]
	vmovdqa32 \w12, [\counters]
	vpxord \w13, \w13, \w13
	vmovdqa32 \w14, [\lanes + 512]
	vmovdqa32 \w15, [\lanes + 576]
	.endm

/* Adds the initial state, and writes the 16 columns to `out`. */
	.macro FINISH lanes, counters, out, w0, w1, w2, w3, w4, w5, w6, w7, \
		w8, w9, w10, w11, w12, w13, w14, w15
	vpaddd \w0, \w0, dword ptr [rip + constants]{1to16}
	vpaddd \w1, \w1, dword ptr [rip + constants + 4]{1to16}
	vpaddd \w2, \w2, dword ptr [rip + constants + 8]{1to16}
	vpaddd \w3, \w3, dword ptr [rip + constants + 12]{1to16}
	vpaddd \w4, \w4, [\lanes]
	vpaddd \w5, \w5, [\lanes + 64]
	vpaddd \w6, \w6, [\lanes + 128]
	vpaddd \w7, \w7, [\lanes + 192]
	vpaddd \w8, \w8, [\lanes + 256]
	vpaddd \w9, \w9, [\lanes + 320]
	vpaddd \w10, \w10, [\lanes + 384]
	vpaddd \w11, \w11, [\lanes + 448]
	vpaddd \w12, \w12, [\counters]
	vpaddd \w14, \w14, [\lanes + 512]
	vpaddd \w15, \w15, [\lanes + 576]
	vmovdqa32 [\out], \w0
	vmovdqa32 [\out + 64], \w1
	vmovdqa32 [\out + 128], \w2
	vmovdqa32 [\out + 192], \w3
	vmovdqa32 [\out + 256], \w4
	vmovdqa32 [\out + 320], \w5
	vmovdqa32 [\out + 384], \w6
	vmovdqa32 [\out + 448], \w7
	vmovdqa32 [\out + 512], \w8
	vmovdqa32 [\out + 576], \w9
	vmovdqa32 [\out + 640], \w10
	vmovdqa32 [\out + 704], \w11
	vmovdqa32 [\out + 768], \w12
	vmovdqa32 [\out + 832], \w13
	vmovdqa32 [\out + 896], \w14
	vmovdqa32 [\out + 960], \w15
	.endm

#define WORDS_A	zmm0, zmm1, zmm2, zmm3, zmm4, zmm5, zmm6, zmm7, \
		zmm8, zmm9, zmm10, zmm11, zmm12, zmm13, zmm14, zmm15
#define WORDS_B	zmm16, zmm17, zmm18, zmm19, zmm20, zmm21, zmm22, zmm23, \
		zmm24, zmm25, zmm26, zmm27, zmm28, zmm29, zmm30, zmm31

	.macro FUNCTION name
	.globl \name
	.hidden \name
	.type \name, @function
	.p2align 6
\name:
	.cfi_startproc
	endbr64
	.endm

	.macro END name
	ret
	.cfi_endproc
	.size \name, . - \name
	.endm

	.text

/* rdi, rsi: lanes of A and of B; rdx: counters of A, then of B; rcx: columns of A, then of B. */
	FUNCTION chacha20_avx512_x32
	LOAD rdi, rdx, WORDS_A
	LOAD rsi, rdx + 64, WORDS_B
	mov eax, 10
	.p2align 6
0:
	DOUBLE_ROUND(THIRD_2)
	dec eax
	jnz 0b
	FINISH rdi, rdx, rcx, WORDS_A
	FINISH rsi, rdx + 64, rcx + 1024, WORDS_B
	END chacha20_avx512_x32

/* rdi: lanes; rsi: counters; rdx: columns. */
	FUNCTION chacha20_avx512_x16
	LOAD rdi, rsi, WORDS_A
	mov eax, 10
	.p2align 6
0:
	DOUBLE_ROUND(THIRD_1)
	dec eax
	jnz 0b
	FINISH rdi, rsi, rdx, WORDS_A
	END chacha20_avx512_x16

/*
 * Zeros all vector and mask registers, and 64 * AVX512_STACK_LINES bytes of dead stack below the
 * return address: the callers have spilled there, and the red zone is a part of it. rsp does not
 * move; a signal that came meanwhile would only write what it may.
 */
	FUNCTION avx512_clear
	vzeroall
	.irp n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	vpxord xmm\n, xmm\n, xmm\n
	.endr
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7
	kxorw k\n, k\n, k\n
	.endr
	lea rax, [rsp - 64 * AVX512_STACK_LINES]
0:
	vmovdqu32 [rax], zmm16
	add rax, 64
	cmp rax, rsp
	jne 0b
	END avx512_clear

	.section .rodata.cst16, "aM", @progbits, 16
	.p2align 4
constants:
	.ascii "expand 32-byte k"

/* Indirect branch tracking and shadow stacks: every entry has its endbr64, no return is altered. */
	.section .note.gnu.property, "a"
	.p2align 3
	.long 4, 16, 5
	.asciz "GNU"
	.long 0xc0000002, 4, 3, 0

	.section .note.GNU-stack, "", @progbits
