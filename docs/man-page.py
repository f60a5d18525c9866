#!/usr/bin/python3
"""Makes the man page's source: puts the options, as the program itself says them, into the template.

Usage: docs/man-page.py TEMPLATE PROGRAM >guardlane.8.scd
"""

import re
import subprocess
import sys


def escape(text):
    return re.sub(r"([\\_*~`<])", r"\\\1", text)


def options(usage):
    """Turns the lines of --help, "  --name ARGUMENT" and indented text, into scdoc's."""
    page = []
    for line in usage.splitlines():
        option = re.match(r"  (--\S+) ?(.*)$", line)
        if option:
            argument = " _" + escape(option[2]) + "_" if option[2] else ""
            page += ["", f"*{option[1]}*{argument}"]
        elif line.startswith("        ") and page:
            page.append("\t" + escape(line.strip()))
    return "\n".join(page[1:])


def main():
    template, program = sys.argv[1:]
    usage = subprocess.run([program, "run", "--help"], check=True, text=True,
                           stdout=subprocess.PIPE).stdout
    with open(template, encoding="utf-8") as file:
        text = file.read()
    found = options(usage)
    if found.count("\n*--") < 3 or "@OPTIONS@" not in text:
        sys.exit("man-page.py: no options found in --help, or no place for them in the template")
    sys.stdout.write(text.replace("@OPTIONS@", found))


main()
