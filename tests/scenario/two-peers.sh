#!/bin/bash
# Two peers of different makes at once.
# Arguments: none
#
#   b (wireguard-go) ──── lan ──── a (gateway) ──── lan ──── c (the kernel's WireGuard)
. "$(dirname "$0")/lib.sh"

both_at_once() {
	local other jobs=() job
	for other in b c; do
		"$@" "$other" &
		jobs+=($!)
	done
	for job in "${jobs[@]}"; do wait "$job" || return; done
}

from_a() { iperf "TCP a to $1, both at once" a "$1"; }
to_a() { instance_run "$1" ping -c 50 -i 0.05 -W 2 -q "$(inside a)"; }

cluster a b c
instance_start b wireguard-go
instance_start c kernel
instance_start a "$gateway"
for other in b c; do
	fact "a reaches $other" reaches a "$other"
	fact "$other pings a" pings "$other" a
	fact "a's list has the handshake with $other" handshake_done a "$other"
	fact "$other's list has it too" handshake_done "$other" a
done
fact "iperf3 TCP from a to both at once" both_at_once from_a
fact "pings from both at once, 50 each" both_at_once to_a
fact "b and c reach each other past a" reaches b c
info_rates
