#!/bin/bash
# The same random events (traffic, loss, reordering, replays, forgeries, roaming, rekeying, changes of
# the configuration) to guardlane and to another WireGuard: both deliver the same packets.
# Arguments: PEER
#
#   a (gateway, then PEER) ──── lan ──── b, c (puppets): four addresses and ports each
#
# differential.sh PEER [ROUNDS [SEED]]: without a seed always the same events; "random" draws one.
# What each round did and what came of it stays in the folder that DIFFERENTIAL_KEEP names.
. "$(dirname "$0")/lib.sh"
peer=$1
rounds=${2:-1}
seed=${3:-9}
[ "$seed" != random ] || seed=$RANDOM$RANDOM
program=$scenario_dir/differential.py

# Plays on instance a, and runs there what the player asks for.
play() {
	local in=$work/play.in out=$work/play.out verb words player status
	rm -f "$in" "$out"
	mkfifo "$in" "$out"
	"$program" play --kind "${kind[a]}" --seed "$seed" --rounds "$rounds" --out "$work/$1.json" \
		--work "$work" --device "$(device a)" --guardlane "$guardlane" \
		--puppet "$root/build/tests/puppet/puppet" --delivered "$work/delivered.$1" \
		--outside "$(outside a)" --inside "$(inside a)" \
		--peer "b,$(host_ns b),$(outside b),$(inside b)" \
		--peer "c,$(host_ns c),$(outside c),$(inside c)" <"$in" >"$out" &
	player=$!
	started+=("$player")
	exec {answered}>"$in" {asked}<"$out"
	while read -r -u "$asked" verb words; do
		[ "$verb" = run ] || { echo "$verb $words"; continue; }
		status=0
		# shellcheck disable=SC2086 # words
		instance_run a $words >"$work/asked.log" 2>&1 || status=$?
		echo "$status" >&"$answered"
	done
	exec {asked}<&- {answered}>&-
	wait "$player"
}

# on KIND FILE: a new instance, which knows the puppets by what the player tells it.
on() {
	local address
	instance_start a "$1"
	instance_run a ip route replace 10.8.0.0/15 dev "$(device a)"
	instance_spawn a "$work/deliveries.py" "$(inside a)" "$work/delivered.$2" \
		"$(inside b)" "$(inside c)"
	fact "$1 can receive" within 30 test -s "$work/delivered.$2"
	for address in "$(outside b)" "$(outside c)"; do
		instance_run a ping -q -c 1 -W 5 "$address"
		instance_run a ping -q -c 1 -W 5 "${address%.*}.10${address##*.}"
	done >/dev/null
	fact "$rounds rounds on $1" play "$2"
	instance_run a kill "$(head -n 1 "$work/delivered.$2")"
	fact "it ends when it is told to" instance_stop a
}

addresses() {
	host_address "$1"
	ip -n "$(host_ns "$1")" addr add "192.0.2.$((100 + number[$1]))/24" dev eth0
}

compared() {
	"$program" compare "$work/one.json" "$work/other.json" >"$work/compared" || {
		cat "$work/compared"
		return 1
	}
}

kept() {
	[ -z "${DIFFERENTIAL_KEEP:-}" ] || cp "$work"/{one,other}.json "$work/compared" "$DIFFERENTIAL_KEEP"
}

passive[a]=yes
cluster a b c
addresses b
addresses c
# Where a machine sees it, too, whose /tmp is its own.
cp "$scenario_dir/deliveries.py" "$work"
info "seed $seed"
on guardlane one
on "$peer" other
fact "both have delivered the same" compared
info "$(tail -n 1 "$work/compared")"
kept
