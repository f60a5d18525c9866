#!/usr/bin/python3
"""Draws what bench_aead has written: cycles per packet against size, and against batch.

Usage: perf/plot_aead.py FILE.json [FOLDER]          drawings as FOLDER/aead-*.svg (default: .)
       perf/plot_aead.py --compare OLD.json NEW.json [--backend NAME]

One drawing per direction and number of keys against size (batches of 32), and one against batch for
64 and 1424 bytes. --compare prints a table of ratios, old to new: above 1 the new one is faster.
Needs python3-matplotlib, but for --compare.
"""

import json
import os
import sys

BATCH = 32
SIZES = (64, 1424)
COLOURS = {"avx512": "tab:red", "avx2": "tab:orange", "auto": "black", "ipsec-mb": "tab:blue",
           "openssl": "tab:green", "sodium": "tab:purple"}


def results_of(path):
    """The fastest of a backend's calls, by (backend, op, bytes, batch, keys)."""
    with open(path, encoding="utf-8") as file:
        data = json.load(file)
    best = {}
    for result in data["results"]:
        key = tuple(result[name] for name in ("backend", "op", "bytes", "batch", "keys"))
        best[key] = min(result["cycles_per_packet"], best.get(key, float("inf")))
    return best, data


def draw(path, title, label, lines):
    """lines: by backend, a list of pairs (place, cycles)."""
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot, ticker

    figure, axes = pyplot.subplots(figsize=(8, 5))
    places = sorted({place for points in lines.values() for place, _ in points})
    for backend in sorted(lines):
        points = sorted(lines[backend])
        axes.plot([point[0] for point in points], [point[1] for point in points], marker="o",
                  markersize=3, label=backend, color=COLOURS.get(backend),
                  linestyle="--" if backend == "auto" else "-")
    axes.set_xscale("symlog", base=2, linthresh=16)
    axes.set_yscale("log")
    axes.set_xticks(places, [str(place) for place in places], rotation=45)
    axes.yaxis.set_major_formatter(ticker.ScalarFormatter())
    axes.set_xlabel(label)
    axes.set_ylabel("TSC cycles per packet, minimum")
    axes.set_title(title)
    axes.grid(True, which="both", alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path)
    pyplot.close(figure)
    print(path)


def draw_all(results, machine, folder):
    cpu = machine["machine"]["cpu"]
    for op, keys in sorted({(key[1], key[4]) for key in results}):
        by_size, by_batch = {}, {size: {} for size in SIZES}
        for (backend, this_op, size, batch, this_keys), cycles in results.items():
            if (this_op, this_keys) != (op, keys) or size < 0:
                continue
            if batch == BATCH:
                by_size.setdefault(backend, []).append((size, cycles))
            if size in by_batch:
                by_batch[size].setdefault(backend, []).append((batch, cycles))
        what = f"{op}, {keys} {'key' if keys == 1 else 'keys'}"
        if by_size:
            draw(os.path.join(folder, f"aead-{op}-keys{keys}-size.svg"),
                 f"{what}, batches of {BATCH}: {cpu}", "bytes", by_size)
        for size, lines in by_batch.items():
            if lines:
                draw(os.path.join(folder, f"aead-{op}-keys{keys}-batch-{size}.svg"),
                     f"{what}, {size} bytes: {cpu}", "packets in a batch", lines)


def compare(old, new, backend):
    print(f"{'backend':10} {'op':5} {'bytes':>6} {'batch':>5} {'keys':>5} {'old':>9} {'new':>9} "
          f"{'ratio':>6}")
    for key in sorted(set(old) & set(new)):
        if backend in (None, key[0]):
            size = "imix" if key[2] < 0 else key[2]
            print(f"{key[0]:10} {key[1]:5} {size:>6} {key[3]:5} {key[4]:5} {old[key]:9.1f} "
                  f"{new[key]:9.1f} {old[key] / new[key]:6.2f}")


def main():
    arguments = sys.argv[1:]
    if arguments[:1] == ["--compare"] and len(arguments) in (3, 5):
        backend = arguments[4] if len(arguments) == 5 and arguments[3] == "--backend" else None
        compare(results_of(arguments[1])[0], results_of(arguments[2])[0], backend)
    elif len(arguments) in (1, 2) and not arguments[0].startswith("-"):
        folder = arguments[1] if len(arguments) == 2 else "."
        os.makedirs(folder, exist_ok=True)
        draw_all(*results_of(arguments[0]), folder)
    else:
        sys.exit(__doc__)


main()
