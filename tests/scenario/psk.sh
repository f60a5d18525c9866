#!/bin/bash
# A preshared key: the same on both sides makes a session, different ones make none.
# Case HS-4.
# Arguments: PEER ROLE
#
#   a (gateway, key 1) ──── lan ──── b (peer, key 2, then key 1)
. "$(dirname "$0")/lib.sh"
peer=$1 role=$2
key=$(wg genpsk)

cluster_psk=$key
cluster a b
roles "$role" a b
cluster_psk=$(wg genpsk)
files b
instance_start a "$gateway"
instance_start b "$peer"
fact "with different keys a does not reach b" no within 4 pings a b
fact "with different keys b does not reach a" no within 4 pings b a
fact "with different keys b lists no handshake" no handshake_done b a

instance_stop b
cluster_psk=$key
files b
instance_start b "$peer"
if [ "$role" = initiator ]; then
	fact "with the same key a reaches b" reaches a b
else
	fact "with the same key b reaches a" reaches b a
fi
fact "a and b list the handshake" eval "handshake_done a b && handshake_done b a"
fact "b pings a" pings b a
fact "a pings b" pings a b
