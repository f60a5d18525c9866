#!/usr/bin/python3
"""Holds that lib/ has no mutable variables of file scope: a gateway is an object, and there may be two.

Usage: tests/globals.py ARCHIVE...           checks the objects of the layers' static libraries
       tests/globals.py --self-test CC       checks this script on an object made for it

Looks at the sections that the symbols of the object files are in. What is const and needs relocation
(.data.rel.ro) is fine; .data, .bss, common and thread-local symbols are not. One line for each, with
what to do; the exit status is 1 if there is any. Not for builds with sanitizers or coverage, which
put variables of their own into the objects.
"""

import os
import re
import subprocess
import sys
import tempfile

MUTABLE = re.compile(r"^(\.data(?!\.rel\.ro)|\.bss|\.tdata|\.tbss|\*COM\*)")


def symbols(archive):
    """Yields object file, symbol and section."""
    output = subprocess.run(["nm", "-A", "--format=sysv", archive], check=True, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    for line in output.splitlines():
        fields = [field.strip() for field in line.split("|")]
        if len(fields) == 7:
            place, name = fields[0].rsplit(":", 1)
            yield place, name, fields[6] if fields[2] != "C" else "*COM*"


def check(archives):
    violations = []
    seen = 0
    for archive in archives:
        before = seen
        for place, name, section in symbols(archive):
            seen += 1
            if MUTABLE.match(section):
                violations.append(f"{place}: {name} is in {section}; make it const, or a member of "
                                  "the object that it belongs to")
        if seen == before:
            violations.append(f"{archive}: has no symbols; is it a static library?")
    return violations, seen


def self_test(compiler):
    source = """
        static int hidden; int shown = 1; _Thread_local int own; int common __attribute__((common));
        static const char *const texts[] = {"a", "b"};
        int count(void) { static int inner; return inner++ + hidden++ + shown + own; }
        const char *text(int i) { return texts[i]; }"""
    with tempfile.TemporaryDirectory(prefix="guardlane-globals-") as folder:
        path = os.path.join(folder, "made.c")
        with open(path, "w", encoding="utf-8") as file:
            file.write(source)
        subprocess.run([*compiler, "-fPIC", "-c", path, "-o", path + ".o"], check=True)
        subprocess.run(["ar", "rc", path + ".a", path + ".o"], check=True)
        violations, _ = check([path + ".a"])
    found = {re.search(r": (\w+)[.\d]* is in", line)[1] for line in violations}
    wanted = {"hidden", "shown", "own", "common", "inner"}
    if found == wanted:
        print("globals: self-test ok")
        return 0
    print(f"globals: self-test found {sorted(found)} instead of {sorted(wanted)}")
    return 1


def main():
    if sys.argv[1:2] == ["--self-test"]:
        return self_test(sys.argv[2:] or ["cc"])
    violations, seen = check(sys.argv[1:])
    for line in violations:
        print(line)
    print(f"globals: {seen} symbols, {len(violations)} violations")
    return 1 if violations or seen == 0 else 0


sys.exit(main())
