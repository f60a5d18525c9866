#!/bin/bash
# A DPDK primary process on hugepages beside the gateway notices nothing of it, from start to stop.
# Arguments: none
#
#   a: testpmd (ring port, default prefix, hugetlbfs) and gateway ──── lan ──── b (wireguard-go)
[ -n "${GL_OWN_MOUNTS:-}" ] || GL_OWN_MOUNTS=yes exec unshare --mount "$0" "$@"
. "$(dirname "$0")/lib.sh"

# It has /run/dpdk and its hugetlbfs to itself: there may be other DPDK processes on this machine.
testpmd_start() {
	mkdir -p /run/dpdk "$work/huge"
	mount -t tmpfs tmpfs /run/dpdk
	mount -t hugetlbfs -o pagesize=2M hugetlbfs "$work/huge"
	mkfifo "$work/commands"
	spawn "$work/testpmd.log" testpmd
	testpmd=$!
	exec 8>"$work/commands"
	within 20 grep -q 'testpmd>' "$work/testpmd.log"
	echo "start tx_first" >&8
}

testpmd() {
	exec stdbuf -oL dpdk-testpmd --huge-dir "$work/huge" -m 64 --no-pci --vdev net_ring0 \
		--lcores '0@1,1@0' -- -i --total-num-mbufs=4096 --no-lsc-interrupt <"$work/commands"
}

testpmd_answers() {
	grep -c 'RX-packets' "$work/testpmd.log" || true
}

# How many packets it has received so far.
testpmd_packets() {
	local before
	before=$(testpmd_answers)
	echo "show port stats 0" >&8
	within 5 eval '[ "$(testpmd_answers)" -gt '"$before"' ]'
	grep 'RX-packets' "$work/testpmd.log" | tail -n 1 | awk '{ print $2 }'
}

testpmd_forwards() {
	local one two
	one=$(testpmd_packets)
	sleep 0.5
	two=$(testpmd_packets)
	echo "$one, then $two packets"
	! gone "$testpmd" && [ "$two" -gt "$one" ]
}

# What is the neighbour's: its files, its hugepages, its maps of them.
neighbour() {
	find /run/dpdk/rte "$work/huge" -printf '%p %i %s\n' | sort
	grep "$work/huge" "/proc/$testpmd/maps" | awk '{ print $1, $6 }'
	grep HugetlbPages "/proc/$testpmd/status"
}

undisturbed() {
	testpmd_forwards && neighbour | diff "$work/neighbour" - &&
		no grep -Ei 'EAL: .*(error|fail|cannot)' "$work/testpmd.log"
}

testpmd_ends() {
	echo quit >&8
	within 10 gone "$testpmd" && wait "$testpmd"
}

cluster a b
instance_start b wireguard-go
hugepages_take 256
testpmd_start
neighbour >"$work/neighbour"
host_address a
remember_traces a
fact "testpmd forwards" testpmd_forwards
instance_start a "$gateway"
fact "a gateway starts beside it, and reaches b" reaches a b
fact "testpmd is undisturbed by the start" undisturbed
fact "iperf3 TCP a to b" iperf "TCP a to b, testpmd polling on one of the CPUs" a b
fact "testpmd is undisturbed by the traffic" undisturbed
fact "the gateway ends" instance_stop a
fact "the gateway has left nothing" within 5 same_traces a
fact "testpmd is undisturbed by the end" undisturbed
instance_start a "$gateway"
instance_kill a
fact "testpmd is undisturbed by a gateway that is killed" undisturbed
fact "testpmd ends with status 0" testpmd_ends
info_rates
