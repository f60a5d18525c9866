#!/bin/bash
# Each AEAD backend, forced, against another make of WireGuard; one that the CPU lacks is refused.
# Arguments: PEER
#
#   a (gateway) ──── lan ──── b (peer)
. "$(dirname "$0")/lib.sh"
peer=$1
[ "$peer" != kernel ] || export IPERF_SECONDS=1       # ten runs, of a machine that is slow in between

cluster a b
instance_start b "$peer"
for backend in avx512 avx2 ipsec-mb sodium auto; do
	if [ "$backend" = avx512 ] && ! grep -qw avx512ifma /proc/cpuinfo; then
		guardlane_spawn a --aead avx512
		fact "avx512 is refused on this CPU, with words" refused a 'AEAD "avx512" cannot be used'
		continue
	fi
	instance_start a "$gateway" --aead "$backend"
	fact "$backend: a reaches b" reaches a b
	fact "$backend: large packets, a to b" \
		instance_run a ping -q -c 30 -i 0.02 -W 2 -s 1392 "$(inside b)"
	fact "$backend: iperf3 TCP a to b" iperf "$backend, TCP a to b" a b
	fact "$backend: iperf3 TCP b to a" iperf "$backend, TCP b to a" b a
	fact "$backend: a ends" instance_stop a
done
info_rates
