#!/usr/bin/env python3
"""
Looks through the code that AVX-512 runs for a way from data to a branch or an address.

valgrind does not run AVX-512, so secrets cannot be marked undefined there. Instead the
disassembly is searched: in these objects all secrets are in vector registers from load to store,
so no jump can depend on them unless an instruction carries vector data to flags or to a general
register, and no address unless it gathers or scatters. Where lengths, which are no secret, take
that way, the function is named below. What works on secrets in general registers, the compare of
tags, may have no jumps but those of its loop. Divisions take a time that depends on data.

usage: secret_flow.py LIBRARY | secret_flow.py --self-test COMPILER...
"""

import os
import re
import subprocess
import sys
import tempfile

# Data as an address, as a time, or to flags.
FORBIDDEN = re.compile(r"v?p?(gather|scatter)|vp(compress|expand)|v(compress|expand)|"
                       r"v?ptest|vtest|v?u?comis|kortest|ktest|i?div$|div[lqwb]")
# From vector and mask registers to general ones: the last operand, in this syntax, is one of those.
TO_GENERAL = re.compile(r"(kmov|v?mov(d|q|msk)|v?pmovmskb|v?pextr|v?extractps|v?cvtt?s[sd]2u?si)")
GENERAL = re.compile(r"%(r|e)?(ax|bx|cx|dx|si|di|bp|sp|8|9|1[0-5])[dwb]?$|%r\d+[dwb]?$")

# Functions in which that is lengths of packets, or the answer that the caller gets.
PUBLIC = {"order_by_length", "unit_direct", "unit_next", "shape_init", "compare_tags"}

# Functions that have at most so many conditional jumps: those of loops of a known count.
JUMPS = {"chacha20_avx512_x32": 1, "chacha20_avx512_x16": 1, "avx512_clear": 1,
         "chacha20_avx512_lanes": 0, "chacha20_avx512_pick": 0, "chacha20_avx512_xor": 1,
         "xor_full": 0, "xor_part": 0, "compare_tags": 2}


def functions(objects):
    """Yields each function's name and its instructions as (mnemonic, operands)."""
    text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", *objects], check=True,
                          capture_output=True, text=True).stdout
    name, body = None, []
    for line in text.splitlines():
        head = re.match(r"[0-9a-f]+ <(.+)>:$", line)
        if head:
            if name:
                yield name, body
            name, body = head.group(1).split(".")[0], []
            continue
        code = re.match(r"\s+[0-9a-f]+:\s+(?:notrack |bnd |rep\w* )*(\S+)\s*([^#<]*)", line)
        if code:
            body.append((code.group(1), code.group(2).strip()))
    if name:
        yield name, body


def faults(name, body):
    """Yields what is wrong in one function."""
    jumps = 0
    for mnemonic, operands in body:
        what = f"{name}: {mnemonic} {operands}"
        if FORBIDDEN.match(mnemonic):
            yield what
        if TO_GENERAL.match(mnemonic) and GENERAL.search(operands) and name not in PUBLIC \
                and re.search(r"%([xyz]mm|k)\d", operands.rsplit(",", 1)[0]):
            yield what
        if re.match(r"j(?!mp)", mnemonic):
            jumps += 1
        if mnemonic in ("jmp", "call") and operands.startswith("*"):
            yield what
    if jumps > JUMPS.get(name, jumps):
        yield f"{name}: {jumps} conditional jumps, {JUMPS[name]} expected"


def check(objects, required):
    """Prints faults; returns their number."""
    found, seen = 0, set()
    for name, body in functions(objects):
        seen.add(name)
        for fault in faults(name, body):
            print(fault)
            found += 1
    for name in sorted(set(required) - seen):
        print(f"{name}: not found, so not checked")
        found += 1
    return found


SELF_TEST = """
#include <immintrin.h>
int good(int n) { int s = 0; for (int i = 0; i < n; i++) s += i ^ n; return s; }
int bad_branch(const void *p)
{ return _mm512_cmpeq_epi32_mask(_mm512_loadu_si512(p), _mm512_setzero_si512()) ? 3 : 8; }
__m512i bad_address(__m512i i, const int *p) { return _mm512_i32gather_epi32(i, p, 4); }
int bad_extract(const int *table, __m128i v) { return table[_mm_cvtsi128_si32(v)]; }
int bad_time(int a, int b) { return a / b; }
int compare_tags(const char *a, const char *b)
{ if (a[0] != b[0]) return 0; if (a[1] != b[1]) return 1; if (a[2] != b[2]) return 2;
  return __builtin_strlen(a) != 9; }
"""


def self_test(compiler):
    """Every bad function is found, and the good one is not. Returns 0 or 1."""
    with tempfile.TemporaryDirectory() as folder:
        source, made = os.path.join(folder, "t.c"), os.path.join(folder, "t.o")
        with open(source, "w", encoding="ascii") as file:
            file.write(SELF_TEST)
        subprocess.run([*compiler, "-O2", "-mavx512f", "-fno-if-conversion", "-c", source, "-o",
                        made], check=True)
        wrong = 0
        for name, body in functions([made]):
            if bool(list(faults(name, body))) != (name != "good"):
                print(f"self test: {name}: {body}")
                wrong = 1
        return wrong


def main():
    if len(sys.argv) > 2 and sys.argv[1] == "--self-test":
        return self_test(sys.argv[2:])
    return 1 if check(sys.argv[1:], JUMPS) else 0


if __name__ == "__main__":
    sys.exit(main())
