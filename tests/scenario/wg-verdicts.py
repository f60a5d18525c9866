#!/usr/bin/python3
"""Compares what `guardlane check` says of very many files with whether `wg setconf` takes them.

Usage: tests/scenario/wg-verdicts.py PROGRAM DEVICE COUNT [SEED]

The public file is the same on all instances, and some run the kernel's WireGuard: a file that wg(8)
refuses must have an error or a warning that says so here; one that it takes must have none, but for
what is refused here on purpose (STRICTER). Each deviation is printed with its file; the exit status
is 1 if there is any.
"""

import os
import random
import re
import subprocess
import sys
import tempfile

KEYS = [
    "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=",
    "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=",
    "gN65BkIKy1eCE9pP1wdc8ROUtkHLF2PfAqYdyYBz6EA=",
    "acfzxE6ZsiYE4jIqsBicOt7oT8ZuKhxBvuz0+6JxiEc=",
]
ALLOWED_IPS = """10.8.3.2 10.8.3.3/32 10.8.3.0/24 10.8.3.2/ 10.8.3.2/33 10.8.3.02 10.8.3 fd00::1
    fd00::1/128 fd00::1/129 FD00::0:1 ::ffff:1.2.3.4 10.8.3.4/032 10.8.3.4/+3 10.8.3.4/0x8
    +10.8.3.9/32 -10.8.3.9 10.8.3.5/32/4 0.0.0.0/0 ::/0 1.2.3.4%eth0 10.8.3.2, 10.8.3.6,10.8.3.7
    10.8.3.8,,10.8.3.9 10.8.3.300 a.b fe80::1%lo/128 off""".split() + ["", "10.8.3.6 , 10.8.3.7"]
ENDPOINTS = """198.51.100.2:4567 [2001:db8::1]:4567 2001:db8::1:4567 198.51.100.2 198.51.100.2:0
    198.51.100.2:65536 198.51.100.2:04567 198.51.100.2:4567x [2001:db8::1]4567 [198.51.100.2]:4567
    198.51.100:4567 127.1:4567 [fe80::1%1]:4567 :4567 198.51.100.2: localhost:4567
    localhost:domain [::1]:4567 [::ffff:1.2.3.4]:4567 1:2:3:4:5:6:7:8:4567 198.51.100.2:+4567
    198.51.100.2:-1 [2001:db8::1]: 2001:db8::1 off (none) [2001:db8::1%]:5 [2001:db8::1
    [fe80::1%nosuch]:4567     2001:db8::1]:5 198.51.100.2.:4567 198.51.100.2:99999999999""".split() + ["198.51.100.2 : 4567"]
KEEPALIVES = "25 off OFF 0 65535 65536 -1 +5 5s 0x10 025 on".split() + ["", "2 5"]
MARKS = "0 off Off 0x10 0X10 16 4294967295 4294967296 0x -1 010 0xFFFFFFFF 0x100000000 x".split()
PORTS = "4567 0 65535 65536 domain -1 +1 04567 0x10 off".split() + ["", "45 67"]
OTHER_LINES = ["Address = 10.8.3.1/24", "DNS = 192.0.2.1", "MTU = 1420", "Table = off",
               "SaveConfig = false", "PostUp = true", "foo = bar", "junk", "[Interface]", "[peer]",
               "[ PEER ]", "[Peers]", "[Peer", "ListenPort = 4567", "FwMark = 1", "# a comment",
               "; no comment"]

# What wg(8) takes and is an error here: it can mean nothing that anybody wants.
STRICTER = re.compile(
    r"is one of the few that no private key has|is also that of the peer|is also claimed by|"
    r"the port must be a number|ListenPort must be a number|is not ADDRESS or ADDRESS/LENGTH|"
    r"the host is neither an address nor a host name|PrivateKey is all zeros|"
    r"names an interface, and where there is none")


def spoilt_key(key):
    return random.choice([key[:-1], key + "=", key.replace("=", "A"), key[:42] + "B=", "A" * 43 + "=",
                          key[:20] + " " + key[20:], "", "0" * 64, key[:10]])


def spoilt_line(line):
    return random.choice(["  " + line, line.replace(" = ", "="), line + " # comment", line + "\r",
                          "\t" + line + "\v", line + ";", line.replace("=", "==", 1), "#" + line,
                          line.replace("=", "", 1), line + " x", line.upper(), line[1:],
                          line.replace("e", "", 1), line.swapcase().split("=")[0] + "= "])


def peer(key, number):
    return ["[Peer]", "PublicKey = " + key, f"AllowedIPs = 10.8.3.{number}/32",
            f"Endpoint = 198.51.100.{number}:4567"]


def mutate(lines):
    """Changes one thing, the way people and editors do."""
    at = random.randrange(len(lines) + 1)
    what = random.randrange(11)
    if what == 0:
        lines.insert(at, random.choice(OTHER_LINES))
    elif what == 1 and at < len(lines):
        del lines[at]
    elif what == 2 and at < len(lines):
        lines[at] = spoilt_line(lines[at])
    elif what == 3:
        lines.insert(at, "AllowedIPs = " + random.choice(ALLOWED_IPS))
    elif what == 4:
        lines.insert(at, "Endpoint = " + random.choice(ENDPOINTS))
    elif what == 5:
        lines.insert(at, "PersistentKeepalive = " + random.choice(KEEPALIVES))
    elif what == 6:
        lines[:0] = ["[Interface]", "FwMark = " + random.choice(MARKS)]
    elif what == 7:
        lines[:0] = ["[Interface]", "ListenPort = " + random.choice(PORTS)]
    elif what == 8:
        name = random.choice(["PublicKey", "PresharedKey"])
        lines.insert(at, f"{name} = {spoilt_key(KEYS[0]) if random.random() < 0.7 else KEYS[0]}")
    elif what == 9:
        lines[:] = [line for line in lines if not line.startswith("[")]
    else:
        lines[:1] = ["\ufeff" + lines[0]] if lines else []


def make_file():
    lines = []
    for number, key in enumerate(random.sample(KEYS, random.randint(1, 3)), 2):
        lines += peer(key, number)
    for _ in range(random.choice([0, 1, 1, 1, 2])):
        mutate(lines)
    return "\n".join(lines) + random.choice(["\n", "\n", ""])


def main():
    program, device, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else random.randrange(1 << 32)
    random.seed(seed)
    refused = deviations = 0
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "vpn-public.conf")
        for _ in range(count):
            text = make_file()
            with open(path, "w", newline="", encoding="utf-8") as file:
                file.write(text)
            wg = subprocess.run(["wg", "setconf", device, path], capture_output=True, text=True,
                                env=dict(os.environ, WG_ENDPOINT_RESOLUTION_RETRIES="0"))
            check = subprocess.run([program, "check", "--public-conf", path], capture_output=True,
                                   text=True)
            lines = check.stdout.splitlines()
            told = [line for line in lines if ": error: " in line or "wg(8) refuses" in line]
            refused += wg.returncode != 0
            if check.returncode not in (0, 1):
                problem = f"check ends with {check.returncode}: {check.stderr}"
            elif wg.returncode != 0 and not told:
                problem = "wg refuses it, and check does not say so: " + wg.stderr.strip()
            elif wg.returncode == 0 and any(not STRICTER.search(line) for line in told):
                problem = "wg takes it, and check says: " + "; ".join(told)
            else:
                continue
            deviations += 1
            print(f"{problem}\n{text}\n---")
    print(f"seed {seed}: {count} files, {refused} of them refused by wg, {deviations} deviations")
    sys.exit(deviations > 0 or refused in (0, count))


main()
