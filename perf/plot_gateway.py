#!/usr/bin/python3
"""Draws what bench_gateway has written: what a packet costs by size, and how much of it is the AEAD.

Usage: perf/plot_gateway.py FILE.json OUT.svg

One panel for each way: bars with one peer, the AEAD's share below; marks for more peers in turns.
Jumbo packets are left out.
Needs python3-matplotlib.
"""

import json
import sys

BYTES_MAX = 2000  # jumbo packets would press the others flat


def panel(axes, results, way):
    names = list(dict.fromkeys(r["load"] for r in results))
    peers = sorted({r["peers"] for r in results})
    of = {(r["load"], r["peers"]): r for r in results if r["path"] == way}
    one = [of[name, peers[0]] for name in names]
    aead = [min(r["aead_cycles_per_packet"], r["cycles_per_packet"]) for r in one]
    rest = [r["cycles_per_packet"] - a for r, a in zip(one, aead)]
    axes.bar(names, aead, color="tab:blue", label="AEAD alone")
    axes.bar(names, rest, bottom=aead, color="tab:orange", label=f"the rest, {peers[0]} peer")
    for count, mark in zip(peers[1:], "_x+^"):
        axes.plot(names, [of[name, count]["cycles_per_packet"] for name in names], mark,
                  color="black", label=f"whole, {count:,} peers in turns")
    axes.set_title({"in": "from the underlay", "out": "to the underlay"}[way])
    axes.set_xlabel("bytes of the packet inside")
    axes.grid(True, axis="y", alpha=0.3)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot

    with open(sys.argv[1], encoding="utf-8") as file:
        results = [r for r in json.load(file)["results"] if r["bytes"] <= BYTES_MAX]
    matplotlib.rcParams.update({"svg.hashsalt": "guardlane", "svg.fonttype": "none"})
    figure, both = pyplot.subplots(1, 2, figsize=(11, 4.5), sharey=True)
    for axes, way in zip(both, ("in", "out")):
        panel(axes, results, way)
    both[0].set_ylabel("TSC cycles per packet, one lane")
    both[0].legend()
    figure.tight_layout()
    figure.savefig(sys.argv[2], metadata={"Date": None})


main()
