#!/usr/bin/python3
"""Holds what hosts see of the library: the same functions in header, version script and libraries.

Usage: tests/library.py HEADER MAP SHARED STATIC

Every function that the header declares is one of the map's and has a comment that names it; the
shared library exports those, versioned, and nothing else, and the static one shows nothing else to
a linker. The header compiles alone, as C11 and as C++17, with every warning an error.
"""

import os
import re
import subprocess
import sys
import tempfile

COMMENT = re.compile(r"/\*.*?\*/", re.S)
INLINE = re.compile(r"^static inline.*?^}", re.S | re.M)
NAME = re.compile(r"\bgl_\w+")
LANGUAGES = {"c": ["gcc", "-std=c11"], "c++": ["g++", "-std=c++17"]}


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def declared(text):
    """Functions that are in the library: neither structs and enums, nor what is inline."""
    return set(re.findall(r"\b(gl_\w+)\(", INLINE.sub("", COMMENT.sub("", text))))


def symbols(path, *options):
    output = subprocess.run(["nm", "--defined-only", *options, path], check=True, text=True,
                            stdout=subprocess.PIPE).stdout
    found = set()
    for line in output.splitlines():
        fields = line.split()
        if len(fields) == 3 and fields[1] != "A":
            found.add(fields[2])
    return found


def compare(what, found, wanted):
    lines = [f"{what}: {name} is missing" for name in sorted(wanted - found)]
    return lines + [f"{what}: {name} has no place there" for name in sorted(found - wanted)]


def compiles(header):
    """Alone: included by an otherwise empty file from a folder that has nothing else."""
    lines = []
    for language, compiler in LANGUAGES.items():
        with tempfile.TemporaryDirectory(prefix="guardlane-header-") as folder:
            source = os.path.join(folder, "alone")
            with open(source, "w", encoding="utf-8") as file:
                file.write(f'#include "{os.path.abspath(header)}"\nint alone(void);\n'
                           "int alone(void) { return gl_version() != 0; }\n")
            done = subprocess.run([*compiler, "-Wall", "-Wextra", "-pedantic", "-Werror", "-x",
                                   language, "-c", source, "-o", os.devnull], text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            lines.append(f"{header} as {language}: {done.stdout.strip()}")
    return lines


def main():
    header, version_script, shared, static = sys.argv[1:]
    text = read(header)
    names = declared(text)
    comments = set(NAME.findall(" ".join(COMMENT.findall(text))))
    versioned = symbols(shared, "-D", "--with-symbol-versions")
    lines = compare(version_script, set(NAME.findall(read(version_script))), names)
    lines += compare(shared, {name.split("@@")[0] for name in versioned}, names)
    lines += [f"{shared}: {name} has no version" for name in versioned if "@@GUARDLANE_" not in name]
    lines += compare(static, symbols(static, "-g"), names)
    lines += [f"{header}: no comment names {name}" for name in sorted(names - comments)]
    lines += compiles(header)
    print("\n".join(lines) or f"library: {len(names)} functions")
    return 1 if lines or not names else 0


sys.exit(main())
