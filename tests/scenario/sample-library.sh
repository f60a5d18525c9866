#!/bin/bash
# The sample pipeline with the tunnel in its own process: counts, mirrors and forwards.
# Arguments: none
#
#   b (wireguard-go) ──── lan ──── a (sample-library) ──── lan ──── c (wireguard-go)
. "$(dirname "$0")/lib.sh"
. "$scenario_dir/sample.sh"

sample_library() {
	spawn "$work/sample.log" ip netns exec "$(host_ns a)" "$root/build/app/sample-library" \
		--no-huge -m 128 --no-pci --no-telemetry --no-shconf --file-prefix "$run" \
		--log-level '*:error' --lcores '0@(0,1),1@(0,1)' -- af_packet:eth0 \
		"$(config_dir a)/vpn-private.conf" "$(config_dir a)/vpn-public.conf" "$(inside a)"
	pid["sample"]=$!
}

cluster a b c
instance_start b wireguard-go
instance_start c wireguard-go
host_address a
remember_traces a
sample_library
sample_facts
fact "nothing is left behind" within 5 same_traces a
