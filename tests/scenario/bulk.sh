#!/bin/bash
# A large file through the tunnel, each way, over TCP; its checksum is the same at the other end.
# Arguments: PEER
#
#   a (gateway) ──── lan ──── b (peer)
. "$(dirname "$0")/lib.sh"
peer=$1

# timed_file FROM TO: sends the file and says how fast.
timed_file() {
	local start=$SECONDS
	sends_file "$1" "$2" && echo "$1 to $2 in $((SECONDS - start)) s" >>"$work/rates"
}

# User-mode Linux takes minutes for 1 GB.
declare -A megabytes=([wireguard-go]=1000 [kernel]=100)
mb=${megabytes[$peer]}

random_file "${mb}000000"
cluster a b
instance_start b "$peer"
instance_start a "$gateway"
fact "a reaches b" reaches a b
fact "$mb MB from a to b" timed_file a b
fact "$mb MB from b to a" timed_file b a
fact "b still pings a" pings b a
info_rates
