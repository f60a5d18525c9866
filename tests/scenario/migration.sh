#!/bin/bash
# A cluster moves from another WireGuard to guardlane, one instance at a time, and back.
# Arguments: PEER
#
#   a, b, c: peer → gateway → peer ──── lan; meanwhile each pings each other, ten times a second
. "$(dirname "$0")/lib.sh"
peer=$1

# -- pings that go on --------------------------------------------------------------------------
# A ping from X begins anew when X has switched; one to X goes on through its switch.

declare -A round=()                     # of pings from an instance

pings_of() {
	echo "$work/pings.$1.$2.${round[$1]}"
}

# Dated by the sender; -O has a line for each echo that was not answered when the next one leaves.
pings_begin() {
	local from=$1 to
	round[$from]=$((${round[$from]:-0} + 1))
	for to in "${instances[@]}"; do
		[ "$to" != "$from" ] || continue
		# shellcheck disable=SC2016 # expanded over there
		instance_spawn "$from" bash -c 'echo $$ >"$1.pid"; exec stdbuf -oL ping -nDO -i 0.1 "$2" >"$1"' \
			- "$(pings_of "$from" "$to")" "$(inside "$to")"
	done
	for to in "${instances[@]}"; do
		[ "$to" = "$from" ] || within 120 test -s "$(pings_of "$from" "$to").pid"
	done
}

pings_end() {
	local from=$1 to
	for to in "${instances[@]}"; do
		[ "$to" = "$from" ] ||
			instance_run "$from" kill -INT "$(<"$(pings_of "$from" "$to").pid")"
	done
}

answered() {
	grep -c 'bytes from' "$1" || true
}

# Five more are answered than there are now.
pings_come() {
	local file
	file=$(pings_of "$1" "$2")
	within 5 test -s "$file" && within 20 more_answered "$file" $(($(answered "$file") + 5))
}

more_answered() {
	[ "$(answered "$1")" -ge "$2" ]
}

# -- switches ------------------------------------------------------------------------------------

# A line each: instance, when it was told to end, when it had all its pings again, both ways.
switches=$work/switches

switch() {
	local name=$1 to=$2 other begin=$EPOCHREALTIME
	pings_end "$name"
	instance_stop "$name" && instance_start "$name" "$to" || return
	pings_begin "$name"
	for other in "${instances[@]}"; do
		[ "$other" = "$name" ] || pings_come "$name" "$other" || return
		[ "$other" = "$name" ] || pings_come "$other" "$name" || return
	done
	echo "$name $begin $EPOCHREALTIME" >>"$switches"
}

# What was sent and never answered: "FROM TO TIME". What was under way at the end does not count.
lost() {
	local file from to
	for file in "$work"/pings.*[0-9]; do
		IFS=. read -r _ from to _ <<<"${file#"$work/"}"
		awk -v flow="$from $to" '
			{ match($0, /icmp_seq=[0-9]+/); seq = substr($0, RSTART + 9, RLENGTH - 9) + 0 }
			/no answer yet/ { sent[seq] = substr($1, 2, length($1) - 2) }
			/bytes from/ { delete sent[seq]; last = seq }
			END { for (seq in sent) if (seq < last) print flow, sent[seq] }' "$file"
	done
}

# Says what was lost by pings that had nothing to do with a switch, or at another time.
lost_else() {
	lost | awk '
		NR == FNR { name[NR] = $1; begin[NR] = $2; end[NR] = $3; count = NR; next }
		{
			for (i = 1; i <= count; i++)
				if ($2 == name[i] && $3 >= begin[i] && $3 <= end[i])
					next
			print
			found = 1
		}
		END { exit found }' "$switches" -
}

# Says of each switch how long it was, and how many of the pings to it were lost.
info_switches() {
	local name begin end line=0
	while read -r name begin end; do
		line=$((line + 1))
		info "switch $line, $name: $(lost | awk -v to="$name" -v begin="$begin" -v end="$end" '
			$2 == to && $3 >= begin && $3 <= end { count[$1]++ }
			END {
				printf "%.1f s;", end - begin
				for (from in count) printf " %d lost from %s", count[from], from
			}')"
	done <"$switches"
}

pings_total() {
	cat "$work"/pings.*[0-9] | answered -
}

# moves KIND: one instance after the other becomes one of that kind.
moves() {
	local name
	for name in "${instances[@]}"; do
		fact "$name becomes $1, and is reached and reaches all again" switch "$name" "$1"
		fact "nothing was lost but by pings from and to $name, and in that time" lost_else
	done
}

cluster a b c
: >"$switches"
for name in "${instances[@]}"; do
	# The NIC stays, whoever drives it.
	ip -n "$(host_ns "$name")" link set eth0 address "$(uml_mac "$name")"
	instance_start "$name" "$peer"
done
for name in "${instances[@]}"; do
	for other in "${instances[@]}"; do
		[ "$other" = "$name" ] || fact "$name reaches $other, $peer to $peer" reaches "$name" "$other"
	done
done
for name in "${instances[@]}"; do pings_begin "$name"; done
moves "$gateway"
moves "$peer"
for name in "${instances[@]}"; do pings_end "$name"; done
fact "over all, nothing was lost but at the switches" lost_else
info "$(pings_total) pings were answered"
info_switches
