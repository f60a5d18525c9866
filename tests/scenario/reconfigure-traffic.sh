#!/bin/bash
# A reconfiguration is not noticed by the traffic of peers that did not change: not one packet of
# 5,000 a second is missing, and no handshake is made.
# Case CF-1.
# Arguments: none
#
#   a (gateway) ──── lan ──── b (gateway)         252 more peers in their files, which do not exist
. "$(dirname "$0")/lib.sh"
numbered=$scenario_dir/numbered.py
rate=5000
seconds=5

# Of two cores, and whatever else runs on them: nobody is to lose packets by waiting for a CPU.
promptly() {
	nice -n -15 "$@"
}

prompt_guardlane() {
	printf '#!/bin/sh\nexec nice -n -15 %q "$@"\n' "$guardlane" >"$work/guardlane"
	chmod +x "$work/guardlane"
	guardlane=$work/guardlane
}

# 192.0.2.3 and up are nobody; GENERATION tells the endpoints of one file from those of another.
ghosts() {
	local generation=$1 host
	for host in $(seq 3 254); do
		printf '\n[Peer]\nPublicKey = %s\n' "${ghost_keys[$host]}"
		printf 'AllowedIPs = 10.8.3.%s/32\nEndpoint = 192.0.2.%s:%s\n' "$host" "$host" \
			"$((host == 77 ? 4567 + generation : 4567))"
	done
}

write_files() {
	local name
	files
	for name in a b; do ghosts "$1" >>"$(config_dir "$name")/vpn-public.conf"; done
}

# timed FILE COMMAND...: appends how many milliseconds it took.
timed() {
	local file=$1 start
	shift
	start=$(date +%s%N)
	"$@" || return
	echo $((($(date +%s%N) - start) / 1000000)) >>"$file"
}

one_changed() {
	timed "$work/applied" "$guardlane" reconfigure "$(device "$1")" >"$work/said" && cat "$work/said" &&
		grep -q '^~ .*endpoint 192.0.2.77:.* → 192.0.2.77:' "$work/said" &&
		[ "$(tail -n 1 "$work/said")" = "1 changed, 252 unchanged" ]
}

handshakes() {
	local name
	for name in a b; do instance_wg "$name" show latest-handshakes; done
}

# flow FROM TO: in the background; the receiver's last word is in $work/received.TO.
flow() {
	promptly ip netns exec "$(host_ns "$2")" "$numbered" receive "$(inside "$2")" "$port" \
		>"$work/received.$2" &
	receivers+=($!)
	within 5 bound "$2"
	promptly ip netns exec "$(host_ns "$1")" "$numbered" send "$(inside "$2")" "$port" "$rate" \
		"$seconds" >"$work/sent.$1" &
}

bound() {
	instance_run "$1" ss -Hlnu 'sport = :'"$port" | grep -q .
}

received_all() {
	local pid status=0
	for pid in "${receivers[@]}"; do wait "$pid" || status=1; done
	cat "$work"/sent.* "$work"/received.*
	return "$status"
}

same_handshakes() {
	handshakes | diff "$work/handshakes" -
}

# What waits for a gateway that is not on its CPU just now must find room.
deep_queues() {
	local name
	for name in a b; do ip -n "$(host_ns "$name")" link set "$(device "$name")" txqueuelen 20000; done
}

declare -A ghost_keys=()
for host in $(seq 3 254); do ghost_keys[$host]=$(head -c 32 /dev/urandom | base64); done
cluster a b
write_files 0
prompt_guardlane
instance_start b guardlane --poll adaptive
instance_start a guardlane --poll adaptive
deep_queues
fact "a reaches b" reaches a b
for round in 1 2 3 4 5; do
	handshakes >"$work/handshakes"
	receivers=()
	port=$((7000 + round))          # stragglers of the round before are not this one's
	flow a b
	flow b a
	sleep 1
	write_files "$round"
	fact "round $round: a takes over its changed file" one_changed a
	sleep 1
	fact "round $round: b does" one_changed b
	fact "round $round: no packet is missing, either way" received_all
	fact "round $round: no handshake was made" same_handshakes
	info "round $round: $(cat "$work"/received.a)"
done
for round in 1 2 3; do timed "$work/started" "$guardlane" --version >/dev/null; done
info "milliseconds of reconfigure: $(paste -sd ' ' "$work/applied")"
info "of which to start the program: $(paste -sd ' ' "$work/started")"
