#!/usr/bin/python3
"""The same random events to several WireGuards: what is delivered must be the same.

Usage: differential.py play OPTIONS     plays rounds on one instance; see differential.sh
       differential.py compare A B      what two of its files say differently; exit status 1 if anything

A round is a sequence of events, drawn from seed and round alone: never from what the instance does.
After each event a packet is sent that must be accepted, and its echo awaited: a peer's packets keep
their order, so all that was sent before is then delivered or dropped. Recorded are: the numbers that
were delivered, of each peer and in order; the echoes; and, where it cannot depend on who is faster,
to which of the peer's addresses and by which session an echo went.
"""

import argparse
import json
import sys

from differential_world import (KIND_SHIFT, LAST, REJECTED_BY_ALL, WRITE, Instance, Lost, Peer,
                                chooser, key)

EVENTS = 40
WINDOW = 8128
NETWORKS = ["10.9.0.0/16", "10.9.1.0/24", "10.9.1.128/25", "10.9.2.7/32"]
SOURCES = ["10.9.0.5", "10.9.1.5", "10.9.1.130", "10.9.2.7", "10.9.2.8"]
PORTS = [4567, 4999, 5001]
WAYS = ["set", "sync", "files"]
SILENCE_MS = 300


class Round:
    def __init__(self, options, number):
        self.options = options
        self.draw = chooser(options.seed, number)
        self.peers = [Peer(index=index, program=options.puppet, **vars_of(peer))
                      for index, peer in enumerate(options.peer, 1)]
        self.instance = Instance(options, self.peers)
        self.numbers = 0
        self.events = []
        self.sent = {}  # number: (peer, what it was)
        self.steps = []  # (event, what came of it)

    def log(self, text):
        self.events.append(text)

    def step(self, text):
        self.steps.append((len(self.events), text))

    def other(self, peer):
        return self.peers[2 - peer.index]

    def number(self, peer, kind, text):
        self.numbers += 1
        number = kind << KIND_SHIFT | self.numbers
        self.sent[number] = (peer.name, f"event {len(self.events)}, {self.events[-1]}: {text}")
        return number

    # -- packets ------------------------------------------------------------------------------

    def good(self, peer, session, kind, what):
        """A packet that must be accepted, from a socket that is drawn; its number."""
        socket = self.draw.randrange(len(peer.sockets))
        counter = session.fresh()
        text = f"{what} on {session.label} counter {counter} from socket {socket}"
        number = self.number(peer, kind, text)
        datagram = peer.make(session, counter, peer.inside, self.options.inside, number)
        peer.ask(*peer.send_commands(datagram, socket, False))
        return number

    def fence(self, peer, session=None):
        """Returns when all that the peer has sent is done with."""
        session = session or peer.current
        number = self.good(peer, session, 0, "fence")
        self.step(f"fence to {peer.name}: {peer.await_number(number)}")

    def probe(self, peer):
        """Where the instance sends to the peer: by a packet of the other one that goes on to it."""
        number = self.good(self.other(peer), self.other(peer).current, peer.index, "probe")
        self.step(f"probe of {peer.name}: {peer.await_number(number)}")
        self.fence(self.other(peer))

    def counter(self, session):
        """Mostly the next one; else lost ones, late ones, and those at the edges."""
        newest, draw = session.newest, self.draw
        kind = draw.random()
        if kind < 0.55:
            counter = newest + 1
        elif kind < 0.68:
            counter = newest + draw.randint(2, 200)
        elif kind < 0.82:
            counter = newest - draw.randint(0, 300)
        elif kind < 0.92:
            counter = newest - draw.choice([0, 63, 64]) - draw.choice([WINDOW, 8192]) + draw.randint(-1, 1)
        elif kind < 0.97:
            counter = newest + draw.choice([64, 8191, 8192, 20000, 2**32, 2**48]) + draw.randint(-1, 1)
        elif kind < 0.98:
            counter = LAST - draw.randint(0, 70)
        else:
            counter = draw.choice([REJECTED_BY_ALL, 2**64 - 2, 2**64 - 64]) + draw.randint(0, 1)
        if LAST < counter < REJECTED_BY_ALL:  # rule "limit"
            counter = LAST
        return max(counter, 0)

    def session_of(self, peer):
        """Mostly one that the instance has."""
        live = [session for session in peer.sessions if session.is_live]
        return self.draw.choice(live if live and self.draw.random() < 0.85 else peer.sessions[-5:])

    def drawn_datagram(self, peer):
        """A new one, or one that was made before: a replay, or one that comes late."""
        draw = self.draw
        if peer.datagrams and draw.random() < 0.2:
            return draw.choice(peer.datagrams[-80:])
        session = self.session_of(peer)
        counter = self.counter(session)
        source = peer.inside if draw.random() < 0.7 else draw.choice(SOURCES + [self.other(peer).inside])
        text = f"on {session.label} counter {counter}, newest {session.newest}, source {source}"
        return peer.make(session, counter, source, self.options.inside, self.number(peer, 0, text))

    def send(self, peer, datagram, is_spoilt):
        socket = self.draw.randrange(len(peer.sockets)) if self.draw.random() < 0.2 else 0
        peer.ask(*peer.send_commands(datagram, socket, is_spoilt))

    def burst(self, peer, count):
        """Loses some and changes the order of others."""
        waiting = []
        for _ in range(count):
            waiting.append(self.drawn_datagram(peer))
            if self.draw.random() < 0.6:
                while waiting:
                    datagram = waiting.pop(self.draw.randrange(len(waiting)))
                    if self.draw.random() > 0.08:
                        self.send(peer, datagram, self.draw.random() < 0.08)

    def bad(self, peer, count):
        """Only what must be refused: spoilt packets, and replays."""
        spent = [datagram for datagram in peer.datagrams[-80:] if datagram.is_spent]
        for _ in range(count):
            replayed = self.draw.choice(spent)
            spoilt = self.draw.random() < 0.5
            peer.ask(*peer.send_commands(replayed, self.draw.randrange(len(peer.sockets)), spoilt))

    # -- events -------------------------------------------------------------------------------

    def traffic(self, peer):
        self.log(f"traffic of {peer.name}")
        self.burst(peer, self.draw.randint(5, 40))
        self.fence(peer)
        if self.draw.random() < 0.5:
            self.bad(peer, self.draw.randint(1, 6))
            self.probe(peer)
            self.fence(peer)

    def edge(self, peer):
        """Counters about as old as the window is long, some twice, after a leap to a new one."""
        session, draw = peer.current, self.draw
        newest = min(session.newest + 20000 + draw.randrange(64), LAST)
        self.log(f"edge of {peer.name}'s window, newest {newest}")
        ages = [0] + draw.sample([WINDOW + age for age in (-64, -1, 0, 1, 2, 8, 31, 63, 64)], 9)
        for age in ages + draw.sample(ages, 5):
            counter = max(newest - age, 0)
            number = self.number(peer, 0, f"on {session.label} counter {counter}")
            datagram = peer.make(session, counter, peer.inside, self.options.inside, number)
            peer.ask(*peer.send_commands(datagram, 0, False))
        self.fence(peer)

    def initiate(self, peer, confirms=0.7, expects=True, wait_ms=5000):
        """A handshake, that a packet confirms or not."""
        self.log(f"initiation of {peer.name}")
        done = peer.initiate(self.draw.randrange(len(peer.sockets)), wait_ms)
        self.step(f"initiation of {peer.name}: {'session' if done else 'silence'}")
        confirms = self.draw.random() < confirms
        if done != expects:
            raise Lost(f"{peer.name} {'has' if done else 'has not'} got a session")
        if not done:
            return
        session = peer.session_add()
        peer.responded(session)
        if confirms:
            self.fence(peer, session)

    def rekey(self, peer):
        self.initiate(peer)
        if peer.next and self.draw.random() < 0.7:
            self.probe(peer)
            self.fence(peer)

    def repeat(self, peer):
        self.log(f"the last initiation of {peer.name} once more")
        peer.repeat(self.draw.randrange(len(peer.sockets)))
        self.probe(peer)
        self.fence(peer)

    def answer(self, peer, number):
        """The instance initiates, as a packet waits for the peer; only when that has come may the peer send."""
        said = peer.ask("answer")[-1]
        self.step(f"answer of {peer.name}: {said.split()[0]}")
        if not said.startswith("session"):
            raise Lost(f"{peer.name} has got no initiation")
        peer.initiated(peer.session_add())
        self.step(f"what has waited for {peer.name}: {peer.await_number(number)}")
        self.fence(peer)

    def way(self):
        return self.draw.choice(WAYS)

    def set_networks(self, peer):
        network, way = self.draw.choice(NETWORKS), self.way()
        for other in self.peers:
            other.networks = [it for it in other.networks if it != network]
        owner = peer if self.draw.random() < 0.75 else None
        if owner:
            owner.networks.append(network)
        self.log(f"{network} goes to {owner.name if owner else 'nobody'} by {way}")
        words = []
        for each in self.peers:
            words += ["peer", each.public_key, "allowed-ips", ",".join(
                [each.inside + "/32"] + each.networks)]
        self.instance.change(way, words)
        for each in self.peers:
            self.burst(each, self.draw.randint(2, 8))
            self.fence(each)

    def set_preshared_key(self, peer):
        way = self.way()
        peer.preshared_key = key("genpsk")
        self.log(f"another preshared key for {peer.name} by {way}")
        self.instance.change(way, ["peer", peer.public_key, "preshared-key",
                                   self.instance.file(peer.preshared_key + "\n")])
        self.fence(peer)
        if self.draw.random() < 0.5:
            self.initiate(peer, expects=False, wait_ms=SILENCE_MS)
            peer.responded(None)
            self.burst(peer, 5)
            self.fence(peer)
        self.instance.aim(peer)
        self.initiate(peer)

    def set_private_key(self, _peer):
        way = self.way()
        self.instance.private_key = key("genkey")
        self.log(f"another private key by {way}")
        for peer in self.peers:
            peer.ask("forget")
        self.instance.change(way, ["private-key", self.instance.file(self.instance.private_key + "\n")])
        for peer in self.peers:
            for session in (peer.current, peer.next):
                if session:
                    session.is_sending = False
        for peer in self.peers:
            answers = self.draw.random() < 0.5
            self.instance.aim(peer)
            if answers:
                number = self.good(peer, peer.current, 0, "provokes")
            self.burst(peer, self.draw.randint(0, 5))
            if answers:
                self.answer(peer, number)
            else:
                self.initiate(peer, confirms=1)

    def set_port(self, _peer):
        self.instance.port, way = self.draw.choice(PORTS), self.way()
        self.log(f"port {self.instance.port} by {way}")
        self.instance.change(way, ["listen-port", str(self.instance.port)])
        for peer in self.peers:
            self.instance.aim(peer)
        for peer in self.peers:
            self.fence(peer)
            self.probe(peer)

    def set_endpoint(self, peer):
        # Rule "files": what files name is compared with what they named before, not with where the
        # peer is now, so that they do not undo roaming; wg(8) does.
        way, endpoint = self.draw.choice(["set", "sync"]), self.draw.choice(peer.sockets)
        self.log(f"endpoint {endpoint} for {peer.name} by {way}")
        self.instance.change(way, ["peer", peer.public_key, "endpoint", endpoint], {peer: endpoint})
        self.probe(peer)
        self.fence(peer)

    def set_keepalive(self, peer):
        way, peer.keepalive = self.way(), self.draw.choice([0, 25])
        self.log(f"keepalive {peer.keepalive} for {peer.name} by {way}")
        self.instance.change(way, ["peer", peer.public_key, "persistent-keepalive", str(peer.keepalive)])
        self.probe(peer)
        self.fence(peer)

    def set_nothing(self, peer):
        way = self.draw.choice(["sync", "files"])
        self.log(f"the same configuration by {way}")
        self.instance.change(way, [])
        self.probe(peer)
        self.traffic(peer)

    def remove(self, peer):
        """The peer goes, and comes back: nothing is left of what was."""
        way, endpoint = self.way(), self.draw.choice(peer.sockets + [None, None])
        self.log(f"{peer.name} is removed by {way}")
        self.instance.peers.remove(peer)
        self.instance.change(way, ["peer", peer.public_key, "remove"])
        peer.forget()
        self.burst(peer, 5)
        self.fence(self.other(peer))
        if self.draw.random() < 0.5:
            self.initiate(peer, expects=False, wait_ms=SILENCE_MS)
        way = self.way()
        self.log(f"{peer.name} is added by {way}, endpoint {endpoint}")
        self.instance.peers.append(peer)
        words = ["peer", peer.public_key, "allowed-ips", ",".join([peer.inside + "/32"] + peer.networks)]
        if peer.preshared_key:
            words += ["preshared-key", self.instance.file(peer.preshared_key + "\n")]
        words += ["persistent-keepalive", str(peer.keepalive)] + (["endpoint", endpoint] if endpoint else [])
        peer.ask("forget")
        self.instance.change(way, words, {peer: endpoint} if endpoint else {})
        self.burst(peer, 5)
        if endpoint and self.draw.random() < 0.6:
            number = self.good(self.other(peer), self.other(peer).current, peer.index, "provokes")
            self.answer(peer, number)
        else:
            self.initiate(peer, confirms=1)

    def play(self):
        """All events of the round; what came of them."""
        events = [(self.traffic, 12), (self.edge, 2), (self.rekey, 5), (self.repeat, 2), (self.set_networks, 3),
                  (self.set_preshared_key, 1), (self.set_private_key, 1), (self.set_port, 1),
                  (self.set_endpoint, 2), (self.set_keepalive, 1), (self.set_nothing, 1),
                  (self.remove, 2)]
        kinds, weights = zip(*events)
        try:
            self.instance.begin()
            for peer in self.peers:
                self.initiate(peer, confirms=1)
            for _ in range(EVENTS):
                self.draw.choices(kinds, weights)[0](self.draw.choice(self.peers))
        except Lost as lost:
            self.step(f"lost: {lost}")
        return self.end()

    def end(self):
        delivered = []
        self.log("the end")
        try:
            peer = next(peer for peer in self.peers if peer.current and peer.current.is_sending)
            peer.await_number(self.good(peer, peer.current, WRITE, "end"))
            with open(self.options.delivered, encoding="ascii") as file:
                delivered = [int(number) for number in file.readlines()[-1].split()]
        except (Lost, StopIteration):
            self.step("lost: what was delivered is not known")
        for peer in self.peers:
            peer.ask("listen 30")
            peer.end()
        sender = {number: peer for number, (peer, _) in self.sent.items()}
        return {"events": self.events, "sent": {str(number): text for number, (_, text) in self.sent.items()},
                "steps": self.steps,
                "delivered": {peer.name: [number for number in delivered if sender.get(number) == peer.name]
                              for peer in self.peers},
                "echoes": {peer.name: sorted(number for number, places in peer.echoes.items()
                                             for _ in places) for peer in self.peers}}


def vars_of(text):
    return dict(zip(("name", "namespace", "outside", "inside"), text.split(",")))


def play(options):
    rounds = [Round(options, number).play() for number in range(options.rounds)]
    with open(options.out, "w", encoding="ascii") as file:
        json.dump(rounds, file)
    return 0


# -- comparing ------------------------------------------------------------------------------------

def first_difference(one, other):
    """The first place where two lists are not the same, or None."""
    for at, (a, b) in enumerate(zip(one, other)):
        if a != b:
            return at
    return None if len(one) == len(other) else min(len(one), len(other))


def differences(one, other):
    """Lines that say what one round on two instances says differently."""
    at = first_difference(one["steps"], other["steps"])
    if at is not None:
        for round_, mark in ((one, "<"), (other, ">")):
            event, text = (round_["steps"] + [(len(round_["events"]), "nothing more")])[
                min(at, len(round_["steps"]))]
            yield f"{mark} event {event}, {round_['events'][event - 1]}: {text}"
    for what in ("delivered", "echoes"):
        for peer in one[what]:
            at = first_difference(one[what][peer], other[what][peer])
            if at is None:
                continue
            for round_, mark in ((one, "<"), (other, ">")):
                numbers = round_[what][peer]
                number = numbers[at] if at < len(numbers) else None
                yield (f"{mark} {what}, {peer}, the {at + 1}. of {len(numbers)}: {number}, "
                       f"{round_['sent'].get(str(number), 'nothing')}")


def compare(options):
    with open(options.one, encoding="ascii") as one, open(options.other, encoding="ascii") as other:
        rounds = list(zip(json.load(one), json.load(other)))
    status = 0
    sent = delivered = steps = events = 0
    for number, (a, b) in enumerate(rounds):
        if any(text.startswith("lost") for _, text in a["steps"]):
            status = 1
        for line in differences(a, b):
            print(f"round {number}: {line}")
            status = 1
        events += len(a["events"])
        sent += len(a["sent"])
        steps += len(a["steps"])
        delivered += sum(map(len, a["delivered"].values()))
    print(f"{len(rounds)} rounds: {events} events, {sent} packets, {delivered} of them delivered, "
          f"{steps} other observations")
    return status if 0 < delivered < sent else 1


def main():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(required=True)
    player = commands.add_parser("play")
    player.set_defaults(run=play)
    for name in ("out", "kind", "seed", "work", "device", "guardlane", "puppet", "outside", "inside",
                 "delivered"):
        player.add_argument("--" + name, required=True)
    player.add_argument("--rounds", type=int, required=True)
    player.add_argument("--peer", action="append", required=True)
    comparer = commands.add_parser("compare")
    comparer.set_defaults(run=compare)
    comparer.add_argument("one")
    comparer.add_argument("other")
    options = parser.parse_args()
    return options.run(options)


sys.exit(main())
