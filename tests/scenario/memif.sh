# A gateway `a` with a pipeline by memif: how it stands, and memif-peer as the pipeline; sourced.
# shellcheck shell=bash

socket=$work/pipe.sock
memif_peer=$root/build/tests/scenario/memif-peer

gateway_start() {
	instance_start a "$gateway" --control "$work/a.sock" "$@"
}

status_json() {
	instance_run a "$guardlane" status --json --control "$work/a.sock"
}

# status_has EXPRESSION: of jq, on the tunnel; true of it.
status_has() {
	status_json | jq -e ".tunnels[0]$1"
}

status_says() {
	instance_run a "$guardlane" status --control "$work/a.sock" | grep -E -- "$1"
}

connected() {
	status_has '.pipeline.connected' | grep -q true
}

# dropped REASON: packets so far, over all lanes.
dropped() {
	status_json | jq ".drops.$1"
}

# memif_peer_start ROLE RINGS [rubbish|ip]: sends to b as fast as it can, and takes what comes.
memif_peer_start() {
	: >"$work/peer.log"
	spawn "$work/peer.log" nice -n 5 "$memif_peer" "$socket" "$1" "$2" \
		"$(inside a)" "$(inside b)" "${@:3}"
	peer_pid=$!
}

memif_peer_says() {
	grep -- "^$1" "$work/peer.log"
}

# It may have ended by itself.
memif_peer_kill() {
	kill -KILL "$peer_pid" 2>/dev/null || true
	wait "$peer_pid" 2>/dev/null || true
}

# maps_of NAME PATTERN: mappings of the instance that match. descriptors_of NAME: that it has open.
maps_of() {
	grep -c -- "$2" "/proc/${pid[$1]}/maps" || true
}

descriptors_of() {
	local open=("/proc/${pid[$1]}/fd"/*)
	echo "${#open[@]}"
}
