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
fact "a full-size packet passes whole, a to b" pings a b 4 -M do -s 1392
fact "a full-size packet passes whole, b to a" pings b a 4 -M do -s 1392
fact "iperf3 TCP a to b" iperf "TCP a to b" a b
fact "iperf3 TCP b to a" iperf "TCP b to a" b a
fact "iperf3 UDP a to b" iperf "UDP a to b" a b -u -b 50M -l 1200
fact "iperf3 UDP b to a" iperf "UDP b to a" b a -u -b 50M -l 1200
info_rates
