#!/usr/bin/python3
"""Numbered UDP packets at a steady rate, and which of them arrive.

Usage: numbered.py send ADDRESS PORT RATE SECONDS     says how many it has sent
       numbered.py receive ADDRESS PORT               until the sender's last word; says what is missing

The receiver's exit status is 1 if any packet is missing or came twice. Neither end may lose any
itself: the receiver's buffer holds seconds of traffic, and the sender waits where there is no room.
"""

import array
import socket
import struct
import sys
import time

HEADER = struct.Struct("!QQ")  # number, count: 0 until the end is announced
LEN = 200
BUFFER = 64 << 20
SLICE_S = 0.001
SO_RCVBUFFORCE = 33
# The announcement of the end may be lost, as any packet.
ENDS = 20
# How long the receiver waits for a first packet, and for stragglers.
PATIENCE_S = 20


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def send(address, port, rate, seconds):
    sock = socket.socket(family(address), socket.SOCK_DGRAM)
    sock.connect((address, port))
    padding = bytes(LEN - HEADER.size)
    start = time.monotonic()
    total = rate * seconds
    sent = 0
    refused = 0
    latest = 0.0
    while sent < total:
        due = min(total, int((time.monotonic() - start) * rate))
        latest = max(latest, (due - sent) / rate)
        while sent < due:
            try:
                sock.send(HEADER.pack(sent, 0) + padding)
            except OSError:  # no route, nobody there: as good as lost
                refused += 1
            sent += 1
        time.sleep(SLICE_S)
    try:
        for _ in range(ENDS):
            sock.send(HEADER.pack(sent, sent) + padding)
            time.sleep(0.02)
    except OSError:
        pass  # heard: the receiver has ended
    print(f"sent {sent} packets, {refused} of them refused, at the most {latest * 1000:.0f} ms late")
    return 0


def ranges(numbers):
    """[1, 2, 3, 7] as "1-3 7", no more than ten of them."""
    found = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return " ".join(f"{a}-{b}" if a != b else str(a) for a, b in found[:10])


def receive(address, port):
    sock = socket.socket(family(address), socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
    sock.bind((address, port))
    sock.settimeout(PATIENCE_S)
    seen = array.array("B")
    total = 0
    late = 0
    last = -1
    try:
        while not total:
            number, total = HEADER.unpack_from(sock.recv(LEN))
            if total:
                break
            if number >= len(seen):
                seen.extend(bytes(number + 1 - len(seen)))
            seen[number] = min(seen[number] + 1, 255)
            late += number < last
            last = max(last, number)
    except TimeoutError:
        print(f"no end was announced within {PATIENCE_S} s")
        return 1
    seen.extend(bytes(max(0, total - len(seen))))
    missing = [number for number, times in enumerate(seen) if times == 0]
    twice = sum(times > 1 for times in seen)
    print(f"received {total - len(missing)} of {total}: {len(missing)} missing, {twice} twice, "
          f"{late} out of order; missing: {ranges(missing) or 'none'}")
    return 1 if missing or twice else 0


def main():
    if len(sys.argv) == 6 and sys.argv[1] == "send":
        return send(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
    if len(sys.argv) == 4 and sys.argv[1] == "receive":
        return receive(sys.argv[2], int(sys.argv[3]))
    print(__doc__, file=sys.stderr)
    return 2


sys.exit(main())
