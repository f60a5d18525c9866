#!/usr/bin/python3
"""Holds docs/conformance.md to the tests: each case that is named there has its test, or a reason.

Usage: tests/cases.py                   checks the tables, prints how many cases each group has
       tests/cases.py --write           fills in where the tests are, and the counts
       tests/cases.py --self-test       checks this script on fabricated files

A test carries the names of its cases: a C test function is called hs_5_hs_6_what_it_shows, a
script says "HS-5" somewhere in its text. Whoever adds a test runs --write. A row with a reason
instead of a test says "left out: why" in its last column.
"""

import os
import re
import sys
import tempfile

DOCUMENT = "docs/conformance.md"

# How many cases each group has; they are numbered from 1.
GROUPS = {
    "HS": 28, "TR": 23, "RP": 12, "CK": 13, "TM": 22, "RO": 11, "AI": 12, "CF": 20, "MF": 20,
    "LD": 8, "SEC": 9, "FI": 28, "P": 13, "DEFECT": 24,
}
# Where tests are: C test programs, and scripts.
FOLDERS = ("tests", "perf")

NAMES = "|".join(GROUPS)
IN_FUNCTION = re.compile(rf"(?:^|_)({NAMES.lower()})_(\d+)(?=_|$)")
IN_SCRIPT = re.compile(rf"\b({NAMES})-(\d+)\b")
FUNCTION = re.compile(r"^(\w+)\(void \*\*\w+\)", re.M)
ROW = re.compile(rf"^\| ({NAMES})-(\d+) \| (.*?) \| (.*?) ?\|$")
RANGE_ROW = re.compile(rf"^\| ({NAMES})-(\d+)…(\d+) \| (.*?) \| (.*?) ?\|$")
COUNT = re.compile(r"^\*\*\d+ of \d+\*\* .*$")


def cases_in(pattern, text):
    """The cases that a text names, in order, each once."""
    return list(dict.fromkeys((group.upper(), int(number))
                              for group, number in pattern.findall(text)))


def tests_in(path, text):
    """The tests of one file: (name, or None for a whole script) and the cases of each."""
    if not path.endswith(".c"):
        yield None, cases_in(IN_SCRIPT, text)
        return
    for name in FUNCTION.findall(text):
        # Defined, and registered: a test that nobody runs is none.
        if len(re.findall(rf"\b{name}\b", text)) > 1:
            yield name, cases_in(IN_FUNCTION, name)


def find_tests(root):
    """(group, number) -> [(file, name)], in the order of the files."""
    found = {}
    for folder in FOLDERS:
        for directory, _, names in sorted(os.walk(os.path.join(root, folder))):
            for name in sorted(names):
                path = os.path.relpath(os.path.join(directory, name), root)
                if not name.endswith((".c", ".sh", ".py")) or path == "tests/cases.py":
                    continue
                with open(os.path.join(root, path), encoding="utf-8") as file:
                    text = file.read()
                for test, cases in tests_in(path, text):
                    for case in cases:
                        found.setdefault(case, []).append((path, test))
    return found


def where(tests):
    """The last column: each file, and which of its tests."""
    files = {}
    for path, test in tests:
        files.setdefault(path, []).append(test)
    return "; ".join(
        f"`{path}`" + (f" {', '.join(names)}" if names[0] else "") for path, names in files.items())


class Document:
    """The tables, as they are and as they should be."""

    def __init__(self, text, tests):
        self.tests = tests
        self.rows = {}  # case -> whether it has a test
        self.errors = []
        self.lines = [self.line(number, line) for number, line in enumerate(text.split("\n"), 1)]
        for group, count in GROUPS.items():
            for number in range(1, count + 1):
                if (group, number) not in self.rows:
                    self.errors.append(f"{DOCUMENT}:1: {group}-{number} has no row; add one")
        for case, found in tests.items():
            if case not in self.rows:
                self.errors.append(f"{found[0][0]}:1: names {case[0]}-{case[1]}, which no row of "
                                   f"{DOCUMENT} has; correct the name")
        self.count_groups()

    def line(self, number, line):
        spread = RANGE_ROW.match(line)
        if spread:
            for n in range(int(spread[2]), int(spread[3]) + 1):
                self.enter(number, (spread[1], n), spread[5])
            return line
        row = ROW.match(line)
        if not row:
            return line
        case = (row[1], int(row[2]))
        self.enter(number, case, row[4])
        if case in self.tests:
            return f"| {row[1]}-{row[2]} | {row[3]} | {where(self.tests[case])} |"
        return line

    def enter(self, number, case, last):
        name = f"{case[0]}-{case[1]}"
        if case in self.rows:
            self.errors.append(f"{DOCUMENT}:{number}: {name} has two rows; remove one")
        self.rows[case] = case in self.tests
        if case not in self.tests and not last.startswith("left out: "):
            self.errors.append(f"{DOCUMENT}:{number}: no test carries the name of {name}; write "
                               'one, or say "left out: why"')

    def count(self, group):
        return sum(tested for (name, _), tested in self.rows.items() if name == group)

    def count_groups(self):
        """The line of counts belongs to the table that follows it."""
        for i, line in enumerate(self.lines):
            if not COUNT.match(line):
                continue
            group = next((row[1] for row in map(ROW.match, self.lines[i:]) if row), None)
            if group:
                self.lines[i] = f"**{self.count(group)} of {GROUPS[group]}** have a test."

    def text(self):
        return "\n".join(self.lines)


def check(root, write):
    path = os.path.join(root, DOCUMENT)
    with open(path, encoding="utf-8") as file:
        text = file.read()
    document = Document(text, find_tests(root))
    errors = document.errors
    if write:
        with open(path, "w", encoding="utf-8") as file:
            file.write(document.text())
    elif document.text() != text:
        now, then = document.text().split("\n"), text.split("\n")
        line = next(i for i, pair in enumerate(zip(now, then), 1) if pair[0] != pair[1])
        errors.append(f"{DOCUMENT}:{line}: is not what the tests say; run tests/cases.py --write")
    return errors, document


def main_check(root, write):
    errors, document = check(root, write)
    print("\n".join(errors + [f"{group}: {document.count(group)} of {count}"
                              for group, count in GROUPS.items()]))
    print(f"cases: {sum(document.rows.values())} of {sum(GROUPS.values())} have a test, "
          f"{len(errors)} errors")
    return 1 if errors else 0


def self_test():
    """One case with a test, one with a reason, and each way of being wrong."""
    global GROUPS
    GROUPS = {"HS": 3, "P": 2}
    source = ("static void\nhs_1_hs_2_both(void **state)\n{\n}\n"
              "static void\nhs_3_forgotten(void **state)\n{\n}\n"
              "int main(void) { cmocka_unit_test(hs_1_hs_2_both); }\n")
    good = ("**0 of 0** x\n\n| HS-1 | a | |\n| HS-2 | b | |\n| HS-3 | c | left out: later |\n"
            "| P-1…2 | d | left out: later |\n")
    failures = []

    def run(document, write=False):
        with tempfile.TemporaryDirectory(prefix="guardlane-cases-") as root:
            for path, text in {"tests/test_x.c": source, DOCUMENT: document,
                               "tests/y.sh": "# P-3\n", "perf/z.sh": ""}.items():
                os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
                with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                    file.write(text)
            errors, made = check(root, write)
            return " ".join(errors), made.text()

    written = run(good, write=True)[1]
    for text, word, expected in (
            (written, "no row of", True), (written, "is not what", False),
            (written, "has no row", False), (good, "is not what", True),
            (written.replace("| HS-3 | c | left out: later |\n", ""), "HS-3 has no row", True),
            (written.replace("left out: later |\n| P", "|\n| P"), "carries the name of HS-3", True),
            (written + "| HS-3 | c | left out: x |\n", "two rows", True),
            (written.replace("both", "other"), "is not what", True),
            (written.replace("**2 of 3**", "**3 of 3**"), "is not what", True)):
        if (word in run(text)[0]) != expected:
            failures.append(f"{word!r} is {'not ' if expected else ''}reported for:\n{text}")
    print("\n".join(failures) or "cases: self-test ok")
    return 1 if failures else 0


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    if sys.argv[1:] not in ([], ["--write"]):
        sys.exit("usage: tests/cases.py [--write | --self-test]")
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return main_check(root, sys.argv[1:] == ["--write"])


sys.exit(main())
