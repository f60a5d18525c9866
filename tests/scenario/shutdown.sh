#!/bin/bash
# SIGTERM ends the gateway in less than 2 s, under traffic too, and leaves nothing on its host.
# Arguments: none
#
#   a (gateway, with and without hugepages) ──── lan ──── b (wireguard-go)
. "$(dirname "$0")/lib.sh"

ends_in_time() {
	local start=${EPOCHREALTIME/./}
	kill -TERM "${pid[a]}"
	within 10 gone "${pid[a]}" || return
	echo "it took $(((${EPOCHREALTIME/./} - start) / 1000)) ms"
	[ $((${EPOCHREALTIME/./} - start)) -lt 2000000 ]
}

start_and_end() {
	local with=$1
	instance_start a "$gateway"
	fact "$with: a reaches b" reaches a b
	instance_spawn b timeout 60 ping -f -q "$(inside a)"
	fact "$with: SIGTERM ends it in less than 2 s" ends_in_time
	fact "$with: the exit status is 0" ended a
	fact "$with: nothing is left" within 5 same_traces a
}

cluster a b
host_address a
instance_start b wireguard-go
remember_traces a
start_and_end "as the machine is"
hugepages_take 256
remember_traces a
start_and_end "with hugepages"
