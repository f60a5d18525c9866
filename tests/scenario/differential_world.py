"""What the differential test plays with: one instance, its configuration, and two puppets as peers.

The puppets know what each session's state at the instance must be by the rules (previous, current,
next), but only so that there is always a packet whose echo can be waited for.
"""

import os
import random
import subprocess
import time

INITIATIONS_APART_S = 0.06
WAIT_MS = 15000
PORT = 4567

# Rule "limit": the last counters. The paper, wireguard-go and guardlane refuse from REJECT on, the
# Linux driver from some later one; and the one before it ends the session for guardlane, as the Linux
# driver's own last one does, and not for wireguard-go. So nothing from LAST + 1 to REJECTED_BY_ALL - 1.
REJECT = 2**64 - 2**13 - 1
LAST = REJECT - 2
REJECTED_BY_ALL = 2**64 - 2**12

# Numbers of inner packets: see deliveries.py.
KIND_SHIFT = 28
WRITE = 15


class Lost(Exception):
    """A packet did not come that must."""


class Session:
    """One that a puppet has: what was sent on it."""

    def __init__(self, number, label):
        self.number = number  # the puppet's
        self.label = label
        self.is_live = True  # at the instance
        self.is_sending = True  # the instance may send on it
        self.counters = set()  # sent, and authentic
        self.newest = -1

    def used(self, counter):
        self.counters.add(counter)
        self.newest = max(self.newest, counter)

    def fresh(self):
        """A counter that must be accepted."""
        counter = self.newest + 1
        while counter > LAST or counter in self.counters:
            counter -= 1
        return counter


class Datagram:
    def __init__(self, number, session, counter):
        self.number = number  # the puppet's
        self.session = session
        self.counter = counter
        self.is_spent = False  # was sent once, unspoilt


class Peer:
    """A puppet, and what the instance is to know of it."""

    def __init__(self, name, index, namespace, program, outside, inside):
        self.name, self.index, self.inside = name, index, inside
        self.private_key = key("genkey")
        self.public_key = key("pubkey", self.private_key)
        self.preshared_key = None
        self.keepalive = 0
        self.networks = []
        self.sessions = []
        self.datagrams = []
        self.previous = self.current = self.next = None
        self.echoes = {}  # number: [(socket, session's label)]
        self.initiated_s = 0.0
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", namespace, program], text=True, bufsize=1,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.ask(f"self {self.private_key}")
        low, high = outside, outside.rsplit(".", 1)[0] + "." + str(100 + int(outside.rsplit(".", 1)[1]))
        self.sockets = [f"{low}:{PORT}", f"{low}:5001", f"{high}:{PORT}", f"{high}:5999"]
        for address in self.sockets:
            self.ask(f"socket {address}")

    def ask(self, *commands):
        """What the puppet says to each of the commands, all lines in one list."""
        self.process.stdin.write("".join(command + "\n" for command in commands))
        self.process.stdin.flush()
        said = []
        for command in commands:
            while (line := self.process.stdout.readline().strip()) != ".":
                words = line.split()
                if not words or words[0] == "error:":
                    raise RuntimeError(f"puppet {self.name}: {command}: {line or 'has ended'}")
                if words[0] == "packet":
                    self.echoes.setdefault(int(words[2]), []).append(
                        (int(words[1]), self.sessions[int(words[3])].label))
                else:
                    said.append(line)
        return said

    def await_number(self, number):
        """Where its echo came to, and by which session."""
        self.ask(f"await {number} {WAIT_MS}")
        if number not in self.echoes:
            raise Lost(f"{self.name} has not got {number}")
        return "socket %d session %s" % self.echoes[number][0]

    def end(self):
        self.process.stdin.close()
        self.process.wait()

    # -- sessions: what the rules say of the instance's three slots --------------------------

    def session_add(self):
        self.sessions.append(Session(len(self.sessions), f"{self.name}{len(self.sessions)}"))
        return self.sessions[-1]

    def slots(self, previous, current, next_one):
        self.previous, self.current, self.next = previous, current, next_one
        for session in self.sessions:
            session.is_live = session in (previous, current, next_one)

    def responded(self, session):
        """The instance has answered an initiation; None: by a session that nobody can use."""
        self.slots(None, self.current, session)

    def initiated(self, session):
        self.slots(self.next or self.current, session, None)

    def received(self, session):
        if session is self.next:
            self.slots(self.current, session, None)

    def forget(self):
        self.slots(None, None, None)

    # -- messages -----------------------------------------------------------------------------

    def make(self, session, counter, source, destination, number):
        said = self.ask(f"make {session.number} {counter} {source} {destination} {number}")
        datagram = Datagram(int(said[0].split()[1]), session, counter)
        self.datagrams.append(datagram)
        return datagram

    def send_commands(self, datagram, socket, is_spoilt):
        """The commands that send it, and what follows from it for the slots."""
        if not is_spoilt:
            datagram.is_spent = True
            if datagram.counter <= LAST:
                datagram.session.used(datagram.counter)
                self.received(datagram.session)
        return [f"from {socket}", f"send {datagram.number}{' spoilt' if is_spoilt else ''}"]

    def initiate(self, socket, wait_ms):
        """True if there is a new session."""
        self.pace()
        said = self.ask(f"from {socket}", f"initiate {wait_ms}")
        self.initiated_s = time.monotonic()
        return said[-1].startswith("session")

    def repeat(self, socket):
        self.pace()
        self.ask(f"from {socket}", "repeat", "listen 30")
        self.initiated_s = time.monotonic()

    def pace(self):
        time.sleep(max(0.0, self.initiated_s + INITIATIONS_APART_S - time.monotonic()))


def key(command, text=None):
    return subprocess.run(["wg", command], input=text, capture_output=True, text=True,
                          check=True).stdout.strip()


class Instance:
    """The instance's configuration, and the three ways of changing it."""

    def __init__(self, options, peers):
        self.options = options
        self.peers = list(peers)  # those that it knows
        self.private_key = key("genkey")
        self.port = PORT
        self.files = 0

    def run(self, *words):
        """A command there, which the scenario runs."""
        print("run", *words, flush=True)
        status = input()
        if status != "0":
            raise RuntimeError(f"{' '.join(words)}: exit status {status}")

    def file(self, text):
        """A new file each time: the kernel's machine may have read an old one."""
        self.files += 1
        path = os.path.join(self.options.work, f"differential.{os.getpid()}.{self.files}")
        with open(path, "w", encoding="ascii", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(text)
        return path

    def interface_section(self):
        return f"[Interface]\nPrivateKey = {self.private_key}\nListenPort = {self.port}\n"

    def peer_sections(self, endpoints):
        """`endpoints`: {peer: endpoint} of those that are to get one; others keep what they have."""
        text = ""
        for peer in self.peers:
            text += f"\n[Peer]\nPublicKey = {peer.public_key}\n"
            text += f"AllowedIPs = {', '.join(allowed_ips(peer))}\n"
            if peer.preshared_key:
                text += f"PresharedKey = {peer.preshared_key}\n"
            if peer.keepalive:
                text += f"PersistentKeepalive = {peer.keepalive}\n"
            if peer in endpoints:
                text += f"Endpoint = {endpoints[peer]}\n"
        return text

    def begin(self):
        """All anew: nothing is left of sessions and stamps of rounds before."""
        self.run("wg", "setconf", self.options.device,
                 self.file(self.interface_section() + self.peer_sections({})))
        for peer in self.peers:
            self.aim(peer)

    def change(self, way, words, endpoints=None):
        """`words` are wg set's; the other ways take the whole configuration, as it is now here."""
        if way == "set":
            self.run("wg", "set", self.options.device, *words)
            return
        interface, sections = self.interface_section(), self.peer_sections(endpoints or {})
        if way == "files" and self.options.kind == "guardlane":
            for name, text in (("vpn-private.conf", interface), ("vpn-public.conf", sections)):
                os.replace(self.file(text), os.path.join(self.options.work, "a", name))
            self.run(self.options.guardlane, "reconfigure", self.options.device)
        else:
            self.run("wg", "syncconf", self.options.device, self.file(interface + sections))

    def aim(self, peer):
        """The puppet takes over what the instance's configuration says now."""
        psk = f" {peer.preshared_key}" if peer.preshared_key else ""
        peer.ask(f"target {self.options.outside}:{self.port} {key('pubkey', self.private_key)}{psk}")


def allowed_ips(peer):
    return [peer.inside + "/32"] + peer.networks


def chooser(*words):
    """The same draws for each instance, whatever it does."""
    return random.Random(" ".join(str(word) for word in words))
