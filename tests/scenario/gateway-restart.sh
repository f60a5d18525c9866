#!/bin/bash
# The gateway is killed (SIGKILL) and starts again: what was left is no hindrance, traffic goes on.
# Arguments: PEER ROLE
#
#   a (gateway, killed) ──── lan ──── b (peer)
. "$(dirname "$0")/lib.sh"
peer=$1 role=$2

cluster a b
roles "$role" a b
host_address a
remember_traces a
instance_start b "$peer"
instance_start a "$gateway"
[ "$role" = initiator ] || within 10 pings b a >/dev/null || true
fact "a reaches b" reaches a b
for time in first second; do
	instance_kill a
	fact "killed for the $time time, a starts again" instance_start a "$gateway"
	if [ "$role" = initiator ]; then
		fact "a reaches b at once" within 3 pings a b
	else
		fact "b notices and reaches a" within 25 pings b a
	fi
	fact "a pings b" pings a b
	fact "b pings a" pings b a
done
fact "SIGTERM ends it" instance_stop a
fact "nothing is left, of the killed ones neither" within 5 same_traces a
