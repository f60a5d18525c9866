#!/bin/bash
# No key is left in memory once what it was for has ended, and none is ever in a core file, in the
# log, in status or in metrics. The peer is a puppet, so that the sessions' keys are known here.
# Cases SEC-5, SEC-6.
# Arguments: none
#
#   a (gateway) ──── lan ──── b (puppet)
. "$(dirname "$0")/lib.sh"
# shellcheck source=puppet.sh
. "$scenario_dir/puppet.sh"
memory=$scenario_dir/memory.py
session=-1                              # the newest

# -- keys: files of "NAME HEX" lines -------------------------------------------------------------

hex() {
	base64 -d <<<"$1" | od -An -v -tx1 | tr -d ' \n'
}

# clamped HEX: as the private key is once it is in use.
clamped() {
	printf '%02x%s%02x' $((0x${1:0:2} & 0xf8)) "${1:2:60}" $((0x${1:62:2} & 0x7f | 0x40))
}

private_hex() {
	clamped "$(hex "${private_key[a]}")"
}

# session_keys N: those of the puppet's N-th session.
session_keys() {
	puppet b keys "$1" | sed "s/^/session-$1-/"
}

# -- the puppet ----------------------------------------------------------------------------------

# packets COUNT: from the puppet, on the newest session.
packets() {
	local i id
	for i in $(seq 0 $(($1 - 1))); do
		id=$(puppet b make "$session" "$i" "$(inside b)" "$(inside a)" "$i")
		puppet b send "${id#datagram }"
	done
}

established() {
	session=${1#session }
	[ "$session" != "$1" ] && packets 20 &&
		{ instance_run a ping -q -c 20 -i 0.01 -W 0.1 "$(inside b)" || true; }
}

# The gateway's own initiation; whatever it sent before is not answered.
answers() {
	established "$(puppet b answer)"
}

rekeys() {
	established "$(puppet b initiate)"
}

# -- looking -------------------------------------------------------------------------------------

has() {
	"$memory" --any "$work/$1" "${pid[a]}"
}

# Lanes let go of what they hold within moments, control frees it once a round.
is_without() {
	within 10 "$memory" "$work/$1" "${pid[a]}"
}

# core NAME SETTING: of the running gateway, as the kernel would write it (on), or with all (off).
core() {
	gdb -q -batch -p "${pid[a]}" -ex "set use-coredump-filter $2" \
		-ex "set dump-excluded-mappings $([ "$2" = on ] && echo off || echo on)" \
		-ex "generate-core-file $work/core.$1" </dev/null 2>&1 && [ -s "$work/core.$1" ]
}

# Everything that says something to somebody.
says_all() {
	"$guardlane" status "$(device a)" && "$guardlane" status --json "$(device a)" &&
		"$guardlane" config --config-dir "$(config_dir a)" &&
		instance_run a curl -sf "http://127.0.0.1:$port/metrics" && instance_log a
}

says_none() {
	says_all >"$work/said" && [ "$(wc -l <"$work/said")" -gt 50 ] &&
		"$memory" "$work/all" "$work/said"
}

wg_sees() {
	instance_wg a show dump | grep -qF "${private_key[a]}"
}

cluster_psk=$(wg genpsk)
cluster a b
host_address a
port=$((20000 + RANDOM % 20000))
puppet_start b a
instance_start a guardlane --metrics "127.0.0.1:$port" --log-level debug

# -- sessions: the newest three are kept at most -------------------------------------------------
fact "the gateway initiates, the puppet answers" answers
fact "the puppet initiates" rekeys
session_keys 0 >"$work/ended"
session_keys 1 >>"$work/ended"
fact "the keys of both sessions are in memory" has ended
fact "the puppet initiates again" rekeys
fact "and again" rekeys
{ session_keys 2; session_keys 3; } >"$work/live"
echo "private $(private_hex)" >>"$work/live"
echo "preshared $(hex "$cluster_psk")" >>"$work/live"
cat "$work/ended" "$work/live" >"$work/all"
fact "wg(8) shows the private key to root" wg_sees
fact "the keys in use are in memory" has live
fact "those of the sessions that ended are not" is_without ended
fact "nothing that it says holds a key" says_none

# -- core files ----------------------------------------------------------------------------------
fact "a core file of all memory can be made" core whole off
fact "and has the keys in use" "$memory" --any "$work/live" "$work/core.whole"
fact "a core file as the kernel makes it" core kernel on
fact "has no key" "$memory" "$work/all" "$work/core.kernel"
rm -f "$work"/core.*

# -- other keys ----------------------------------------------------------------------------------
echo "preshared $(hex "$cluster_psk")" >"$work/old"
cluster_psk=$(wg genpsk)
files
fact "wg set gives another preshared key" \
	instance_wg a set peer "${public_key[b]}" preshared-key <(echo "$cluster_psk")
fact "the old one is gone" is_without old
echo "preshared $(hex "$cluster_psk")" >"$work/old"
cluster_psk=$(wg genpsk)
files
fact "the files give another" "$guardlane" reconfigure "$(device a)"
fact "the one before is gone" is_without old
puppet_aim b a
fact "the puppet initiates with the new one" rekeys
echo "private $(private_hex)" >"$work/old"
session_keys "$session" >>"$work/old"
private_key[a]=$(wg genkey)
public_key[a]=$(wg pubkey <<<"${private_key[a]}")
files
fact "the files give another private key" "$guardlane" reconfigure "$(device a)"
puppet_aim b a
fact "the puppet initiates with the new one" rekeys
fact "and again" rekeys
fact "and again, so that no session of the old key is left" rekeys
fact "the old private key is gone, and the sessions'" is_without old
echo "private $(private_hex)" >"$work/old"
private_key[a]=$(wg genkey)
fact "wg set gives another private key" instance_wg a set private-key <(echo "${private_key[a]}")
fact "the old one is gone" is_without old

# -- the peer goes -------------------------------------------------------------------------------
{ session_keys "$session"; echo "preshared $(hex "$cluster_psk")"; } >"$work/old"
fact "the peer's keys are in memory" has old
fact "wg set removes the peer" instance_wg a set peer "${public_key[b]}" remove
fact "its keys are gone" is_without old
fact "clustering goes off" cp /dev/null "$(config_dir a)/vpn-public.conf"
fact "by reconfigure" "$guardlane" reconfigure "$(device a)"
echo "private $(hex "${private_key[a]}")" >"$work/old"
echo "private-clamped $(private_hex)" >>"$work/old"
fact "no private key is left" is_without old
