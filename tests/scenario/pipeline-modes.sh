#!/bin/bash
# testpmd as the pipeline, that sends every frame back: as it is (io), or with its MACs exchanged.
# Arguments: none
#
#   testpmd ──── memif ──── a (gateway) ──── lan ──── b and c (wireguard-go)
#
# What b and c send to each other goes to a, into testpmd, back, and from a to whom it is for.
. "$(dirname "$0")/lib.sh"
. "$scenario_dir/memif.sh"
. "$scenario_dir/sample.sh"
. "$scenario_dir/testpmd.sh"

# Nothing but testpmd takes packets from one peer to the other.
all_through() {
	status_has '.pipeline.lanes | map(.tx.packets) | add >= 2000' &&
		status_has '.pipeline.lanes | map(.rx.packets) | add >= 2000'
}

cluster a b c
instance_start b wireguard-go
instance_start c wireguard-go
through_a
for mode in io macswap; do
	gateway_start --pipeline "memif:$socket"
	fact "without testpmd b does not reach c" no pings b c
	testpmd_start "$mode" "$mode" "role=client,socket-abstract=no,socket=$socket"
	fact "$mode: b reaches c" reaches b c
	fact "$mode: c reaches b" reaches c b
	fact "$mode: 1,000 pings from b to c, all answered" many b c
	fact "$mode: all of them went through testpmd" all_through
	testpmd_kill "$mode"
	instance_stop a
done
