#!/usr/bin/python3
"""Receives the numbered packets of puppets (tests/puppet), answers them, and says which have come.

Usage: deliveries.py ADDRESS FILE [ADDRESS ...]

The number's upper four bits say whom the answer, the same packet, goes to: 0 to who has sent it, 1 and
up to these addresses; 15 is for the sender too, after all numbers since the last such packet have gone
into a line of FILE, in the order in which they came. When it is ready FILE's first line is there, its
process id.
"""

import os
import socket
import sys

PORT = 7777
WRITE = 15


def main(address, path, *others):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((address, PORT))
    numbers = []
    with open(path, "w", encoding="ascii") as file:
        print(os.getpid(), file=file, flush=True)
        os.fsync(file.fileno())
        while True:
            data, sender = sock.recvfrom(2048)
            number = int.from_bytes(data[:4], "little")
            kind = number >> 28
            if kind == WRITE:
                print(*numbers, file=file, flush=True)
                os.fsync(file.fileno())
                numbers = []
            else:
                numbers.append(number)
            try:
                sock.sendto(data, (others[kind - 1], PORT) if 0 < kind < WRITE else sender)
            except OSError:  # no route, no key: as good as lost
                pass


main(*sys.argv[1:])
