#!/bin/bash
# The underlay moves under the tunnel: link down and up, carrier lost, the peer's MAC changes.
# Arguments: PEER
#
#   a (gateway) ──eth0── lan ──── b (peer): 02:00:00:00:00:aa, then ...:bb
. "$(dirname "$0")/lib.sh"
peer=$1

new_mac() {
	instance_run b ip link set dev eth0 down
	instance_run b ip link set dev eth0 address "02:00:00:00:00:$1"
	instance_run b ip link set dev eth0 up
}

alive() {
	! gone "${pid[a]}"
}

cluster a b
instance_start b "$peer"
instance_start a "$gateway"
fact "a reaches b" reaches a b

ip -n "$(host_ns a)" link set eth0 down
fact "with the link down nothing passes" no pings a b
sleep 1
ip -n "$(host_ns a)" link set eth0 up
fact "the link is up again: a reaches b" reaches a b
fact "b pings a" pings b a

ip -n "$lan" link set dev a down
fact "without carrier nothing passes" no pings a b
sleep 1
ip -n "$lan" link set dev a up
fact "the carrier is back: a reaches b" reaches a b
fact "b pings a" pings b a

new_mac aa
fact "b has another Ethernet address: b reaches a" reaches b a
fact "a pings b" pings a b
new_mac bb
fact "and another, and is silent: a finds it by itself" within 40 pings a b
fact "b pings a" pings b a
fact "the gateway is the same process" alive
