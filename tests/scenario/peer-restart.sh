#!/bin/bash
# The peer is killed and comes back without its sessions: traffic goes on, whoever has to begin.
# Arguments: PEER ROLE
#
#   a (gateway) ──── lan ──── b (peer, killed)
. "$(dirname "$0")/lib.sh"
peer=$1 role=$2

cluster a b
roles "$role" a b
instance_start b "$peer"
instance_start a "$gateway"
[ "$role" = initiator ] || within 10 pings b a >/dev/null || true
fact "a reaches b" reaches a b
for time in first second; do
	instance_kill b
	fact "after b was killed for the $time time, nothing answers" no pings a b
	instance_start b "$peer"
	if [ "$role" = initiator ]; then
		# Nothing came back for 15 s (keepalive and rekey timeout): a begins anew.
		fact "b is back: a notices and reaches it" within 25 pings a b
	else
		fact "b is back and reaches a at once" within 3 pings b a
	fi
	fact "b pings a" pings b a
	fact "a pings b" pings a b
done
