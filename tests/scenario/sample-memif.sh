#!/bin/bash
# The sample pipeline as a process of its own, by DPDK's memif driver: counts, mirrors and forwards.
# Arguments: none
#
#   sample-memif ──── memif ──── a (gateway) ──── lan ──── b and c (wireguard-go)
. "$(dirname "$0")/lib.sh"
. "$scenario_dir/sample.sh"
socket=$work/pipe.sock

sample_memif() {
	spawn "$work/sample.log" "$root/build/app/sample-memif" \
		--no-huge -m 64 --no-pci --no-telemetry --no-shconf --file-prefix "$run-sample" \
		--log-level '*:error' --lcores '0@(0,1)' \
		--vdev "net_memif0,role=client,socket-abstract=no,socket=$socket" -- "$(inside a)"
	pid["sample"]=$!
}

cluster a b c
instance_start b wireguard-go
instance_start c wireguard-go
instance_start a "$gateway" --pipeline "memif:$socket"
sample_memif
sample_facts
fact "the gateway is told to end, and ends" instance_stop a
