#!/bin/bash
# Handshake, ping, and iperf3 over TCP and UDP both ways.
# Case HS-4.
# Arguments: PEER ROLE
#
#   a (gateway) ──── lan ──── b (peer)
. "$(dirname "$0")/lib.sh"
peer=$1 role=$2

cluster a b
roles "$role" a b
instance_start b "$peer"
instance_start a "$gateway"

if [ "$role" = initiator ]; then
	fact "a reaches b" reaches a b
	fact "b pings a" pings b a
else
	fact "b reaches a" reaches b a
	fact "a pings b" pings a b
fi
fact "the handshake is on a's list" handshake_done a b
fact "the handshake is on b's list" handshake_done b a
carries_all a b
