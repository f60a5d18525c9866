#!/usr/bin/python3
"""Looks for keys in all memory of a process, or in a file such as a core.

Usage: memory.py KEYS PID|FILE     says where which key is; exit status 0 if none is anywhere
       memory.py --any KEYS PID    the reverse: 0 if each of them is somewhere, to prove the search

KEYS has a line "NAME HEX" for each key. What counts is either half of one, as bytes, in base64 or
in hexadecimal: who has 16 bytes has a piece of a copy.
"""

import base64
import re
import sys

HALF = 16
STEP = 1 << 20
OVERLAP = 64
ZEROS = bytes(STEP + OVERLAP)


def needles(path):
    """(pattern, name) of all forms of all keys."""
    found = []
    with open(path, encoding="ascii") as file:
        for line in file:
            name, text = line.split()
            key = bytes.fromhex(text)
            found += [(key[:HALF], name), (key[HALF:], name)]
            # Whole groups of three bytes, so that the text does not depend on what follows.
            found.append((base64.b64encode(key[:15]), name + " (base64)"))
            found.append((base64.b64encode(key[15:30]), name + " (base64)"))
            for half in (key[:HALF], key[HALF:]):
                found.append((half.hex().encode(), name + " (hex)"))
    return found


def pieces_of_process(pid):
    """(address, mapping, bytes) of what can be read."""
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            match = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+\s*(.*)", line)
            if "r" not in match[3] or match[4] in ("[vvar]", "[vsyscall]", "[vvar_vclock]"):
                continue
            start, end = int(match[1], 16), int(match[2], 16)
            for address in range(start, end, STEP):
                try:
                    mem.seek(address)
                    data = mem.read(min(STEP + OVERLAP, end - address))
                except OSError:
                    continue
                yield address, match[4] or "anonymous " + match[3], data


def pieces_of_file(path):
    with open(path, "rb") as file:
        data = file.read()
    yield 0, path, data


def main(arguments):
    wanted = arguments[:1] == ["--any"]
    keys, where = arguments[1:] if wanted else arguments
    searched = needles(keys)
    pieces = pieces_of_process(int(where)) if where.isdigit() else pieces_of_file(where)
    found = set()
    total = 0
    for address, mapping, data in pieces:
        total += len(data)
        if data == ZEROS[:len(data)]:
            continue
        for pattern, name in searched:
            at = data.find(pattern)
            while at >= 0:
                found.add(name)
                print(f"{name} at {address + at:#x} in {mapping}")
                at = data.find(pattern, at + 1)
    names = {name for _, name in searched if "(" not in name}
    print(f"{len(found & names)} of {len(names)} keys in {total >> 20} MiB")
    if total == 0:
        return 2
    return 0 if (names <= found if wanted else not found) else 1


sys.exit(main(sys.argv[1:]))
