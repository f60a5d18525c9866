/*
 * The instructions of the ingress program, written by hand: no compiler, no loader, no object file.
 * On the packet's way: beside it; the kernel runs them.
 * Threads: management only.
 */
#include "net/ingress_program.h"

#include <endian.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <stddef.h>

/* Verdicts, the same for tcx and for cls_bpf with direct action. */
#define VERDICT_NEXT (-1) /* whatever else hangs on the hook, then the stack */
#define VERDICT_DROP 2

static void
emit(struct ingress_program *program, int code, int to, int from, int offset, int32_t immediate)
{
	program->jumps[program->count] = -1;
	program->code[program->count++] = (struct bpf_insn){
		.code = (uint8_t)code,
		.dst_reg = (uint8_t)(to & 0xf),
		.src_reg = (uint8_t)(from & 0xf),
		.off = (int16_t)offset,
		.imm = immediate,
	};
}

/* Jumps to `label` if `reg` compares with `immediate` as `comparison` (BPF_JEQ ...) says. */
static void
emit_jump(struct ingress_program *program, int comparison, int reg, int32_t immediate,
	enum ingress_label label)
{
	emit(program, BPF_JMP | comparison | BPF_K, reg, 0, 0, immediate);
	program->jumps[program->count - 1] = (int)label;
}

static void
emit_label(struct ingress_program *program, enum ingress_label label)
{
	program->labels[label] = program->count;
}

static void
emit_set(struct ingress_program *program, int reg, int32_t immediate)
{
	emit(program, BPF_ALU64 | BPF_MOV | BPF_K, reg, 0, 0, immediate);
}

static void
emit_copy(struct ingress_program *program, int to, int from)
{
	emit(program, BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0);
}

/* reg = address of the stack at `place` (negative). */
static void
emit_stack_address(struct ingress_program *program, int reg, int place)
{
	emit_copy(program, reg, BPF_REG_10);
	emit(program, BPF_ALU64 | BPF_ADD | BPF_K, reg, 0, 0, place);
}

/* Copies `len` bytes of the packet from the offset in r2 to the stack; gives up if there are none.
 */
static void
emit_load_packet(struct ingress_program *program, int place, int len)
{
	emit_copy(program, BPF_REG_1, BPF_REG_6);
	emit_stack_address(program, BPF_REG_3, place);
	emit_set(program, BPF_REG_4, len);
	emit(program, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_skb_load_bytes);
	emit_jump(program, BPF_JNE, BPF_REG_0, 0, INGRESS_NEXT);
}

/* Gives up unless the key on the stack at `place` is in the map. */
static void
emit_lookup(struct ingress_program *program, int map_fd, int place)
{
	emit(program, BPF_LD | BPF_DW | BPF_IMM, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0, map_fd);
	emit(program, 0, 0, 0, 0, 0); /* the upper half of the 64-bit immediate */
	emit_stack_address(program, BPF_REG_2, place);
	emit(program, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem);
	emit_jump(program, BPF_JEQ, BPF_REG_0, 0, INGRESS_NEXT);
}

/* The stack: the IP header from HEADER on; an IPv6 header ends with the destination, at KEY. */
#define STACK_HEADER (-(int)sizeof(struct ip6_hdr))
#define STACK_KEY (-(int)sizeof(struct ingress_key))
#define STACK_PORT (STACK_HEADER - 8)

#define UDP_PORT_OFFSET ((int)offsetof(struct udphdr, dest))

_Static_assert(
	offsetof(struct ip6_hdr, ip6_dst) - sizeof(struct ip6_hdr) == -sizeof(struct ingress_key),
	"the destination of an IPv6 header is where the key is looked for");

/* Reads the IPv6 header; leaves the offset of the destination port in r8 and the key in place. */
static void
program_ipv6(struct ingress_program *program)
{
	const int next_header = STACK_HEADER + (int)offsetof(struct ip6_hdr, ip6_nxt);

	emit_set(program, BPF_REG_2, ETH_HLEN);
	emit_load_packet(program, STACK_HEADER, sizeof(struct ip6_hdr));
	/* Extension headers, of which fragments have one, are left to the kernel. */
	emit(program, BPF_LDX | BPF_MEM | BPF_B, BPF_REG_1, BPF_REG_10, next_header, 0);
	emit_jump(program, BPF_JNE, BPF_REG_1, IPPROTO_UDP, INGRESS_NEXT);
	emit_set(program, BPF_REG_8, ETH_HLEN + (int)sizeof(struct ip6_hdr) + UDP_PORT_OFFSET);
	emit(program, BPF_JMP | BPF_JA, 0, 0, 0, 0);
	program->jumps[program->count - 1] = INGRESS_LOOKUP;
}

/* The same for IPv4; the key is the address mapped to IPv6 (RFC 4291, 2.5.5.2). */
static void
program_ipv4(struct ingress_program *program)
{
	const int fragment = STACK_HEADER + (int)offsetof(struct iphdr, frag_off);
	const int protocol = STACK_HEADER + (int)offsetof(struct iphdr, protocol);
	const int destination = STACK_HEADER + (int)offsetof(struct iphdr, daddr);

	emit_set(program, BPF_REG_2, ETH_HLEN);
	emit_load_packet(program, STACK_HEADER, sizeof(struct iphdr));
	emit(program, BPF_LDX | BPF_MEM | BPF_H, BPF_REG_1, BPF_REG_10, fragment, 0);
	emit(program, BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_1, 0, 0, htobe16(IP_MF | IP_OFFMASK));
	emit_jump(program, BPF_JNE, BPF_REG_1, 0, INGRESS_NEXT);
	emit(program, BPF_LDX | BPF_MEM | BPF_B, BPF_REG_1, BPF_REG_10, protocol, 0);
	emit_jump(program, BPF_JNE, BPF_REG_1, IPPROTO_UDP, INGRESS_NEXT);
	/* r8 = Ethernet + IHL * 4 + place of the port */
	emit(program, BPF_LDX | BPF_MEM | BPF_B, BPF_REG_8, BPF_REG_10, STACK_HEADER, 0);
	emit(program, BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_8, 0, 0, 0x0f);
	emit(program, BPF_ALU64 | BPF_LSH | BPF_K, BPF_REG_8, 0, 0, 2);
	emit(program, BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_8, 0, 0, ETH_HLEN + UDP_PORT_OFFSET);
	emit(program, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_1, BPF_REG_10, destination, 0);
	emit(program, BPF_ST | BPF_MEM | BPF_DW, BPF_REG_10, 0, STACK_KEY, 0);
	emit(program, BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, STACK_KEY + 8, htobe32(0xffff));
	emit(program, BPF_STX | BPF_MEM | BPF_W, BPF_REG_10, BPF_REG_1, STACK_KEY + 12, 0);
}

void
ingress_program_build(struct ingress_program *program, int ports_fd, int addresses_fd)
{
	/* Our packet of the VLAN below this interface is not the one of a VLAN above it. */
	emit_copy(program, BPF_REG_6, BPF_REG_1);
	emit(program, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_1, BPF_REG_6,
		offsetof(struct __sk_buff, vlan_present), 0);
	emit_jump(program, BPF_JNE, BPF_REG_1, 0, INGRESS_NEXT);
	emit(program, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_7, BPF_REG_6,
		offsetof(struct __sk_buff, protocol), 0);
	emit_jump(program, BPF_JEQ, BPF_REG_7, htobe16(ETH_P_IP), INGRESS_IPV4);
	emit_jump(program, BPF_JNE, BPF_REG_7, htobe16(ETH_P_IPV6), INGRESS_NEXT);
	program_ipv6(program);
	emit_label(program, INGRESS_IPV4);
	program_ipv4(program);

	emit_label(program, INGRESS_LOOKUP);
	emit_copy(program, BPF_REG_2, BPF_REG_8);
	emit_load_packet(program, STACK_PORT, sizeof(uint16_t));
	emit_lookup(program, ports_fd, STACK_PORT);
	emit_lookup(program, addresses_fd, STACK_KEY);
	emit_set(program, BPF_REG_0, VERDICT_DROP);
	emit(program, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	emit_label(program, INGRESS_NEXT);
	emit_set(program, BPF_REG_0, VERDICT_NEXT);
	emit(program, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);

	for (int i = 0; i < program->count; i++)
		if (program->jumps[i] >= 0)
			program->code[i].off =
				(int16_t)(program->labels[program->jumps[i]] - i - 1);
}
