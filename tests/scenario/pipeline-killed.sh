#!/bin/bash
# The pipeline is killed, stopped, and writes rubbish, at full load; it comes back, and nothing leaks.
# Arguments: none
#
#   memif-peer ──── memif ──── a (gateway, two lanes) ──── lan ──── b (wireguard-go)
. "$(dirname "$0")/lib.sh"
. "$scenario_dir/memif.sh"

# b sends to the pipeline all the while; memif-peer sends to b.
flood() {
	instance_spawn b nice -n 5 /usr/bin/python3 "$scenario_dir/numbered.py" \
		send "$(inside a)" 9000 30000 600
}

b_received() {
	instance_wg b show transfer | awk '{ print $2 }'
}

# One life of a pipeline: it connects, traffic goes both ways, it is killed.
life() {
	memif_peer_start "$@"
	within 20 memif_peer_says traffic >/dev/null || { cat "$work/peer.log"; return 1; }
	memif_peer_kill
}

# Rings are one and two in turn: fewer than lanes, and as many.
lives() {
	local i before
	before=$(b_received)
	for ((i = 0; i < kills; i++)); do
		life "$1" $((1 + i % 2)) || { echo "in its life $i"; return 1; }
	done
	within 5 no connected && [ "$(b_received)" -gt $((before + kills * 10000)) ]
}

# What a connection takes is given back, when lanes have left it alone.
as_before() {
	within 5 eval '[ "$(maps_of a memfd:)" = '"$maps"' ] &&
		[ "$(descriptors_of a)" = '"$descriptors"' ]' ||
		{ ls -l "/proc/${pid[a]}/fd"; grep memfd: "/proc/${pid[a]}/maps"; return 1; }
}

counted() {
	[ "$(dropped "$1")" -gt "${2:-0}" ]
}

alive() {
	! gone "${pid[a]}"
}

stopped() {
	local full before
	memif_peer_start "$1" 1
	fact "as $1 it has traffic both ways again" within 20 memif_peer_says traffic
	kill -STOP "$peer_pid"
	full=$(dropped in_pipeline_full)
	fact "as $1 it is stopped: what its ring has no room for is counted" \
		within 10 counted in_pipeline_full "$full"
	fact "it counts as connected" connected
	before=$(status_has '.pipeline.lanes | map(.tx.packets) | add')
	kill -CONT "$peer_pid"
	fact "it goes on, and so does traffic" within 10 status_has \
		".pipeline.lanes | map(.tx.packets) | add > $before"
	memif_peer_kill
}

rubbish() {
	local before
	before=$(status_has '.pipeline.violations')
	memif_peer_start "$1" 2 rubbish
	fact "as $1 it writes rubbish, and is disconnected for it" \
		within 30 memif_peer_says 'disconnected: it says: an index of its rings'
	fact "that is counted" status_has ".pipeline.violations == $before + 1"
	fact "rubbish was counted, too" \
		status_has '.pipeline.lanes | map(.rx.bad + .rx.too_long) | add > 0'
	memif_peer_kill
	fact "after it an honest one has traffic both ways" life "$1" 2
}

cluster a b
instance_start b wireguard-go
flood
for role in client server; do
	if [ "$role" = client ]; then other=server kills=50; else other=client kills=10; fi
	rm -f "$socket"
	gateway_start --lanes 0-1 --pipeline "memif:$socket,role=$other"
	maps=$(maps_of a memfd:)
	descriptors=$(descriptors_of a)
	fact "as $role it has traffic both ways" life "$role" 1
	fact "killed $kills times at full load, it comes back, and traffic with it, to b, too" lives "$role"
	fact "its memory and descriptors are given back" as_before
	fact "what came meanwhile is counted" counted in_no_pipeline
	fact "status has counted its lives" status_has ".pipeline.connects == $kills + 1"
	stopped "$role"
	rubbish "$role"
	fact "its memory and descriptors are given back" as_before
	fact "the gateway is the same process" alive
	fact "it had a buffer for every packet from it" status_has \
		'.pipeline.lanes | map(.rx.no_buffer) | add == 0'
	fact "it is told to end, and ends" instance_stop a
done

more_to_b() {
	[ "$(b_received)" -gt $(($1 + 1000000)) ]
}

rm -f "$socket"
gateway_start --pipeline "memif:$socket,mode=ip"
before=$(b_received)
fact "without Ethernet (mode=ip) there is traffic both ways" life client 1 ip
fact "and what it has sent comes to b" within 5 more_to_b "$before"
fact "one with Ethernet is refused" eval \
	'memif_peer_start client 1; within 5 memif_peer_says "memif-peer: agree: it says"'
fact "the gateway is told to end, and ends" instance_stop a
