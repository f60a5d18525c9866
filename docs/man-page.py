#!/usr/bin/python3
"""Makes a man page's source: fills the template with what the program's own tables say.

Usage: docs/man-page.py TEMPLATE PROGRAM >PAGE.scd

@COMMANDS@ becomes every command with its options, from --help; @KEYS@ every key of gateway.conf, from
`guardlane config --example`.
"""

import re
import subprocess
import sys


def output(program, *arguments):
    return subprocess.run([program, *arguments], check=True, text=True,
                          stdout=subprocess.PIPE).stdout


def escape(text):
    return re.sub(r"([\\_*~`<#@])", r"\\\1", text)


def argument(text):
    return f" _{escape(text)}_" if text else ""


class Command:
    """What `guardlane help NAME` says."""

    def __init__(self, program, name, summary):
        self.name = name
        self.summary = summary
        usage, *rest = output(program, "help", name).splitlines()
        self.usage = usage.removeprefix("usage: guardlane " + name).strip()
        self.about = []
        self.options = []  # (name or None for an operand, argument, lines of text)
        for line in rest:
            option = re.match(r"  (?:(--\S+) ?)?(.*)$", line)
            if line.startswith("        "):
                self.options[-1][2].append(line.strip())
            elif line.startswith("  "):
                self.options.append((option[1], option[2], []))
            elif not self.options:
                self.about.append(line)

    def names(self):
        return {name for name, _, _ in self.options}

    def page(self, base):
        """The section; options that `base` has too are not said twice."""
        usage = re.sub(r"[A-Z]+", lambda word: f"_{word[0]}_", self.usage)
        shared = base is not None and base.names() - {"--help", "--version"} <= self.names()
        text = "\n".join(self.about).strip()
        lines = [f"## guardlane {self.name}", "", f"*guardlane {self.name}* {usage}", "",
                 escape(text), ""]
        if shared:
            lines += [f"Its options are those of *{base.name}*, and:" if
                      self.names() - base.names() else
                      f"Its options are those of *{base.name}*.", ""]
        for name, value, words in self.options:
            if name in ("--help", "--version") or shared and name in base.names():
                continue
            lines += [f"*{name}*{argument(value)}" if name else argument(value).strip(),
                      *("\t" + escape(word) for word in words), ""]
        return lines


def commands(program):
    found = [Command(program, name, summary) for name, summary in
             re.findall(r"^  ([a-z-]+) +(.*)$", output(program, "--help"), re.M) if name != "help"]
    if len(found) < 3 or len(found[0].options) < 10:
        sys.exit("man-page.py: too few commands or options in --help")
    lines = found[0].page(None)
    for command in found[1:]:
        lines += command.page(found[0])
    return "\n".join(lines)


def keys(program):
    """Each key is a block: words about it, then "TYPE; WHOSE; WHEN", then "#KEY: DEFAULT"."""
    lines = []
    for block in output(program, "config", "--example").split("\n\n"):
        *about, kind, key = block.splitlines()
        found = re.fullmatch(r"#([a-z-]+): (.+)", key)
        if not found or kind.count("; ") != 2:
            continue
        what, whose, when = kind.removeprefix("# ").split("; ")
        lines += [f"*{found[1]}*:{argument(what)}", *("\t" + escape(line[2:]) for line in about), "",
                  f"\tDefault {escape(found[2])}; {whose}; {when}.", ""]
    if len(lines) < 30:
        sys.exit("man-page.py: too few keys in config --example")
    return "\n".join(lines)


def main():
    template, program = sys.argv[1:]
    with open(template, encoding="utf-8") as file:
        text = file.read()
    for place, make in ("@COMMANDS@", commands), ("@KEYS@", keys):
        if place in text:
            text = text.replace(place, make(program))
    sys.stdout.write(text)


main()
