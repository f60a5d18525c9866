#!/usr/bin/python3
"""Holds the order of the layers: what may include what, and which words a folder must not use.

Usage: tests/layers.py [ROOT]           checks lib/ and app/ of the tree (default: this one)
       tests/layers.py --self-test      checks this script on a fabricated tree full of violations

Each violation is one line, "file:line: what is wrong; what to do"; the exit status is 1 if there is
any. The drawing that this follows is in README.md. Whoever changes LAYERS changes the drawing too.
"""

import os
import re
import sys
import tempfile

# Lowest first. A layer may include its own headers, those of the layers named here, and the single
# headers named here ("net/port.h"). Only layers further up in this table may be named.
LAYERS = {
    "base": "",
    "wire": "base",
    "crypto": "base",
    "proto": "base wire crypto",
    "table": "base",
    "config": "base crypto/blake2s.h crypto/x25519.h",
    "net": "base wire",
    "tunnel": "base wire proto table config/key.h net/port.h",
    "datapath": "base wire crypto/aead.h net/port.h table/known_sources.h tunnel",
    "control": "base wire proto table config net tunnel",
    "gateway": "base crypto config net tunnel datapath control guardlane.h",
}

# What app/ may include of lib/.
APP = "guardlane.h"

# Headers of other projects: prefix of the name -> the layers that may include it.
FOREIGN = {
    "rte_": "net tunnel datapath control gateway",
    "sodium": "base crypto table",
    "blake2": "crypto",
    "intel-ipsec-mb": "crypto",
    "libmnl/": "net",
    "linux/": "net",
    "ev.h": "control",
}

# Functions that must not be called: where (a folder and all below), the names as regular
# expressions, what to do instead, and the files that are excepted.
FORBIDDEN = [
    ("lib/datapath", r"\w*printf|puts|fputs|putchar|perror|log_\w+",
     "lanes write no text: count it (batch_drop, lane_count_drop)", []),
    ("lib/datapath", r"malloc|calloc|realloc|free|aligned_alloc|posix_memalign|strdup|"
     r"rte_\w*alloc\w*(?<!rte_pktmbuf_alloc)|rte_free|rte_ring_create|rte_mempool_create|"
     r"secret_take|secret_give|mmap|munmap",
     "lanes allocate nothing but packet buffers", []),
    ("lib/datapath", r"pthread_\w+|mtx_\w+|cnd_\w+|sem_\w+|rte_spinlock_\w+|rte_rwlock_\w+|"
     r"control_lock",
     "lanes take no lock that can wait: use a ring, a level or RCU", []),
    ("lib/datapath", r"syscall|ioctl|read|readv|write|writev|open|close|send|sendto|sendmsg|recv|"
     r"recvfrom|recvmsg|socket|p?poll|select|epoll_\w+|futex|fcntl|getrandom|random_fill|"
     r"clock_gettime|gettimeofday",
     "lanes do not enter the kernel: leave the work to a thread of control", []),
    ("lib/datapath", r"sleep|usleep|nanosleep|clock_nanosleep|sched_yield|bell_sleep|"
     r"rte_delay_\w+",
     "stages do not wait; only the nap of an idle lane does", ["lib/datapath/lane.c"]),
    ("lib/crypto", r"memcmp|bcmp",
     "compare in constant time: secret_equal() of base/secret.h",
     ["lib/crypto/aead_self_test.c"]),  # compares with published vectors
    ("lib/proto", r"memcmp|bcmp",
     "compare in constant time: secret_equal() of base/secret.h",
     ["lib/proto/tai64n.c"]),  # orders time stamps, which are no secrets once authentic
    ("lib", r"rte_eal_init|rte_eal_cleanup|rte_exit|rte_panic|exit|_exit|fork|vfork|exec\w+|"
     r"system|popen|signal|sigaction|sched_setaffinity|pthread_setaffinity_np|"
     r"rte_thread_set_affinity|setenv|putenv|chdir|umask",
     "the process belongs to the host application, see guardlane.h", []),
    ("lib", r"strcpy|strcat|sprintf|vsprintf|gets|strtok|rand|srand|random|srandom|drand48|alloca|"
     r"gethostbyname|inet_ntoa|inet_addr|localtime|strerror_r",
     "use the bounded or thread-safe form; random numbers come from base/random.h", []),
]

COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
STRING = re.compile(r'"(?:\\.|[^"\\\n])*"|' r"'(?:\\.|[^'\\\n])*'")
# Strings first, so that "//" in one starts no comment.
STRING_OR_COMMENT = re.compile(STRING.pattern + "|" + COMMENT.pattern, re.S)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.M)


def blank(text):
    return re.sub(r"[^\n]", " ", text)


def without_comments(text):
    return STRING_OR_COMMENT.sub(
        lambda found: blank(found[0]) if found[0].startswith("/") else found[0], text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def sources(root, folder):
    for directory, _, names in sorted(os.walk(os.path.join(root, folder))):
        for name in sorted(names):
            if name.endswith((".c", ".h")):
                yield os.path.relpath(os.path.join(directory, name), root)


class Tree:
    """The sources of one tree, and what is wrong with them."""

    def __init__(self, root):
        self.root = root
        self.checked = 0
        self.violations = []

    def add(self, path, line, text):
        self.violations.append(f"{path}:{line}: {text}")

    def check(self):
        for path in sources(self.root, "lib"):
            self.check_file(path, self.check_lib_include)
        for path in sources(self.root, "app"):
            self.check_file(path, self.check_app_include)
        for name in sorted(os.listdir(os.path.join(self.root, "lib"))):
            if os.path.isdir(os.path.join(self.root, "lib", name)) and name not in LAYERS:
                self.add(f"lib/{name}", 1, "is no layer; give it a place in LAYERS of "
                         "tests/layers.py and in the drawing of README.md")
        if self.checked == 0:
            self.add(self.root, 1, "has no sources; name the root of the tree")

    def check_file(self, path, check_include):
        with open(os.path.join(self.root, path), encoding="utf-8") as file:
            text = without_comments(file.read())
        self.checked += 1
        for found in INCLUDE.finditer(text):
            check_include(path, line_of(text, found.start(2)), found[1], found[2])
        self.check_words(path, STRING.sub(lambda found: blank(found[0]), text))

    def check_lib_include(self, path, line, quote, header):
        layer = path.split("/")[1]
        if layer not in LAYERS:
            if path != "lib/guardlane.h" or quote == '"':
                self.check_public(path, line, quote, header)
            return
        if quote == "<":
            self.check_foreign(path, line, layer, header)
            return
        allowed = LAYERS[layer].split()
        other = header.split("/")[0]
        if header in allowed or other == layer or other in allowed:
            self.check_exists(path, line, header)
        elif other in LAYERS and "/" in header:
            part = [name for name in allowed if name.startswith(other + "/")]
            self.add(path, line, f'{layer} must not include "{header}"; it may include: '
                     f'{LAYERS[layer] or "nothing but itself"}. Move what you need down, or pass '
                     f'it in from above{" (of " + other + " only " + part[0] + ")" if part else ""}')
        else:
            self.add(path, line, f'"{header}" is not written "layer/file.h"; name the layer')

    def check_public(self, path, line, quote, header):
        """Files right in lib/: the public header, which stands on the C library alone."""
        if quote == '"':
            self.add(path, line, f'a public header must not include "{header}"; hosts do not have '
                     "our layers: declare what is needed in it")

    def check_exists(self, path, line, header):
        if not os.path.exists(os.path.join(self.root, "lib", header)):
            self.add(path, line, f'"{header}" is not in lib/; correct the name')

    def check_foreign(self, path, line, layer, header):
        for prefix, layers in FOREIGN.items():
            if header.startswith(prefix) and layer not in layers.split():
                self.add(path, line, f"{layer} must not include <{header}>, only {layers} may; it "
                         "is to be built and tested without it")

    def check_app_include(self, path, line, quote, header):
        if quote == '"' and "/" in header or header.startswith("../"):
            self.add(path, line, f'app must not include "{header}", of lib only {APP}; a host '
                     "application has no more: extend the public header")
        elif quote == '"' and header != APP and not os.path.exists(
                os.path.join(self.root, "app", header)):
            self.add(path, line, f'"{header}" is neither in app/ nor {APP}; correct the name')

    def check_words(self, path, text):
        for folder, names, advice, excepted in FORBIDDEN:
            if not path.startswith(folder + "/") or path in excepted:
                continue
            # A call of that very name: no member, and no longer name that ends like it.
            for found in re.finditer(rf"(?<![\w.])(?<!->)({names})\s*\(", text):
                self.add(path, line_of(text, found.start(1)),
                         f"{found[1]}() has no place in {folder}; {advice}")


def check_table():
    """The table itself goes only downwards, or it would hold nothing."""
    above = set(LAYERS)
    for layer in reversed(list(LAYERS)):
        above.discard(layer)
        for name in LAYERS[layer].split():
            if name != "guardlane.h" and name.split("/")[0] not in above:
                sys.exit(f"tests/layers.py: LAYERS lets {layer} include {name}, which is not below")


# The fabricated tree: file -> text, and which lines of it must be reported with which word.
GOOD = {
    "lib/guardlane.h": "#include <stdint.h>\n",
    "lib/base/bytes.h": "#include <stdint.h>\n",
    "lib/net/port.h": '#include "base/bytes.h"\n#include <rte_mbuf.h>\n',
    "lib/tunnel/peer.h": '#include "net/port.h"\n/* #include "control/x.h" */\n',
    "lib/tunnel/peer.c": '#include "tunnel/peer.h"\nvoid f(void) { free(0); memcmp(0, 0, 0); }\n',
    "lib/datapath/lane.c": '#include "tunnel/peer.h"\nvoid g(void) { bell_sleep(0, 0, 0, 0); }\n',
    "lib/datapath/in_open.c": 'void h(void) { rte_pktmbuf_free(0); a->free(b); rte_pktmbuf_alloc(p); '
                              'x = "malloc( // "; /* printf( */ }\n',
    "app/main.c": '#include "guardlane.h"\n#include "run.h"\nvoid e(void) { exit(1); }\n',
    "app/run.h": "#include <rte_eal.h>\n",
}
BAD = {
    "lib/wire/up.c": ('#include "base/bytes.h"\n#include "proto/noise.h"\n', {2: "proto/noise.h"}),
    "lib/config/eal.h": ("\n#include <rte_mbuf.h>\n", {2: "rte_mbuf.h"}),
    "lib/table/plain.c": ('#include "bytes.h"\n#include "../base/bytes.h"\n',
                          {1: "layer/file.h", 2: "layer/file.h"}),
    "lib/net/gone.c": ('#include "base/gone.h"\n', {1: "not in lib/"}),
    "lib/net/up.c": ('#include "tunnel/peer.h"\n', {1: "tunnel/peer.h"}),
    "lib/tunnel/part.c": ('#include "net/port.h"\n#include "net/tun.h"\n', {2: "only net/port.h"}),
    "lib/datapath/across.c": ('#include "control/control.h"\n', {1: "control/control.h"}),
    "lib/control/across.c": ('#include "datapath/lane.h"\n', {1: "datapath/lane.h"}),
    "lib/control/public.c": ('#include "guardlane.h"\n', {1: "layer/file.h"}),
    "lib/datapath/words.c": (
        "/*\n*/ void f(void) {\n\tmalloc(1);\n\tx = free (y);\n\tlog_error(0);\n\tsnprintf(0);\n"
        "\tpthread_mutex_lock(0);\n\tbell_sleep(0);\n\tpoll(0);\n\trte_zmalloc(0);\n}\n",
        {3: "malloc", 4: "free", 5: "log_error", 6: "snprintf", 7: "pthread_mutex_lock",
         8: "bell_sleep", 9: "poll", 10: "rte_zmalloc"}),
    "lib/crypto/leak.c": ("int f(void) { return memcmp(a, b, 16); }\n", {1: "memcmp"}),
    "lib/proto/leak.c": ("\nint f(void) { return memcmp(a, b, 16); }\n", {2: "memcmp"}),
    "lib/gateway/host.c": ("\n\nvoid f(void) { rte_eal_init(0, 0); exit(1); }\n",
                           {3: "rte_eal_init"}),
    "lib/utils/x.c": ("\n", {}),
    "lib/public.h": ('#include "base/bytes.h"\n', {1: "public header"}),
    "app/deep.c": ('#include "gateway/gateway.h"\n#include "missing.h"\n',
                   {1: "gateway/gateway.h", 2: "missing.h"}),
}


def fabricate(files):
    root = tempfile.TemporaryDirectory(prefix="guardlane-layers-")
    for path, text in files.items():
        os.makedirs(os.path.join(root.name, os.path.dirname(path)), exist_ok=True)
        with open(os.path.join(root.name, path), "w", encoding="utf-8") as file:
            file.write(text)
    return root


def violations_of(files):
    with fabricate(files) as root:
        tree = Tree(root)
        tree.check()
    return tree.violations


def self_test():
    failures = [f"reported without cause: {line}" for line in violations_of(GOOD)]
    bad = violations_of({**GOOD, **{path: text for path, (text, _) in BAD.items()}})
    for path, (_, lines) in BAD.items():
        for line, word in lines.items():
            if not any(got.startswith(f"{path}:{line}: ") and word in got for got in bad):
                failures.append(f"not reported: {path}:{line} ({word})")
        failures += [f"reported without cause: {got}" for got in bad
                     if got.startswith(path + ":") and int(got.split(":")[1]) not in lines]
    if not any(got.startswith("lib/utils:") for got in bad):
        failures.append("not reported: the folder lib/utils, which is no layer")
    print("\n".join(failures) or f"layers: self-test ok, {len(bad)} violations found")
    return 1 if failures else 0


def main():
    check_table()
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    tree = Tree(sys.argv[1] if len(sys.argv) > 1 else here)
    tree.check()
    for line in tree.violations:
        print(line)
    print(f"layers: {tree.checked} files, {len(tree.violations)} violations")
    return 1 if tree.violations else 0


sys.exit(main())
