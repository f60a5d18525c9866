# DPDK's testpmd as the packet pipeline, over memif: start, command, count, kill.
# It polls, and so has a low priority. Sourced by the scenarios that need it, behind lib.sh.
# shellcheck shell=bash

declare -A testpmd_pid=()
testpmd_memory=128                      # MiB
testpmd_ns=                             # the network namespace it runs in; empty: ours
testpmd_eal=()                          # further arguments of EAL, such as a second --vdev

# testpmd_start NAME FORWARD-MODE DEVICE-ARGUMENTS [TESTPMD-ARGUMENT...]: returns when it forwards.
testpmd_start() {
	testpmd_spawn "$@"
	within 90 grep -q 'testpmd>' "$work/$1.testpmd.log"
}

testpmd_spawn() {
	local name=$1 mode=$2 device=$3 fifo
	shift 3
	fifo=$work/$name.commands
	[ -p "$fifo" ] || mkfifo "$fifo"
	: >"$work/$name.testpmd.log"
	spawn "$work/$name.testpmd.log" testpmd_exec "$name" "$mode" "$device" "$@"
	testpmd_pid[$name]=$!
}

# It holds its stdin open for writing too, so it never sees an end of file.
testpmd_exec() {
	local name=$1 mode=$2 device=$3
	shift 3
	exec nice -n 5 ${testpmd_ns:+ip netns exec "$testpmd_ns"} stdbuf -oL \
		dpdk-testpmd --no-huge -m "$testpmd_memory" --no-pci --no-telemetry \
		--file-prefix "$run-$name" --lcores '0@(0,1),1@(0,1)' --log-level '*:error' \
		--vdev "net_memif0,$device" "${testpmd_eal[@]}" -- -i --auto-start --forward-mode="$mode" \
		--total-num-mbufs=8192 --no-lsc-interrupt "$@" <>"$work/$name.commands"
}

testpmd_tell() {
	echo "$2" >"$work/$1.commands"
}

# testpmd_count NAME RX|TX: packets of its port so far.
testpmd_count() {
	local before
	before=$(grep -c "$2-packets" "$work/$1.testpmd.log" || true)
	testpmd_tell "$1" "show port stats 0"
	within 10 eval '[ "$(grep -c '"$2-packets $work/$1.testpmd.log"' || true)" -gt '"$before"' ]' \
		>/dev/null
	grep "$2-packets" "$work/$1.testpmd.log" | tail -n 1 | sed "s/.*$2-packets: *\([0-9]*\).*/\1/"
}

testpmd_kill() {
	kill -KILL "${testpmd_pid[$1]}"
	wait "${testpmd_pid[$1]}" 2>/dev/null || true
	rm -rf "/run/dpdk/$run-$1"
}
