#!/bin/bash
# IPv4 and IPv6, outside and inside, in all four combinations.
# Case TR-14.
# Arguments: PEER ROLE
#
#   a (gateway) ──── lan: 192.0.2.0/24, 2001:db8::/64 ──── b (peer)
#       └······· inside: 10.8.3.0/24, fd08:3::/64 ············┘
. "$(dirname "$0")/lib.sh"
peer=$1 role=$2

cluster_inside="4 6"
cluster a b
for cluster_outside in 4 6; do
	roles "$role" a b
	instance_start b "$peer"
	instance_start a "$gateway"
	[ "$role" = initiator ] || within 10 pings b a >/dev/null || true
	for inside in 4 6; do
		text="IPv$inside over IPv$cluster_outside:"
		fact "$text a reaches b" reaches a b "$inside"
		fact "$text b pings a" pings b a "$inside"
		full=$((inside == 4 ? 1392 : 1372))
		fact "$text a full-size packet passes whole, both ways" eval \
			"pings a b $inside -M do -s $full && pings b a $inside -M do -s $full"
	done
	instance_stop a
	instance_stop b
done
