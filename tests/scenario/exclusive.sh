#!/bin/bash
# The UDP port and the interface belong to one gateway: another user of either is refused.
# Case CF-10.
# Arguments: none
#
#   a (gateway) and second (gateway, port 4999), or ncat on port 4567 ──── lan ──── b (wireguard-go)
. "$(dirname "$0")/lib.sh"

port_taken() {
	no ip netns exec "$(host_ns a)" timeout 2 ncat -u -l 4567
}

holder_listens() {
	ip netns exec "$(host_ns a)" ss -Hlnu 'sport = :4567' | grep -q .
}

no_icmp() {
	ip netns exec "$(host_ns a)" nstat -asz IcmpOutDestUnreachs |
		awk '/Unreachs/ { found = $2 == 0 } END { exit !found }'
}

cluster a b
instance_start b wireguard-go
spawn "$work/holder" ip netns exec "$(host_ns a)" ncat -u -l 4567
holder=$!
within 5 holder_listens
guardlane_spawn a
fact "with its port in use it refuses to start" refused a '4567.*in use|in use.*4567'
kill "$holder"
within 5 no holder_listens

instance_start a guardlane
fact "the port free again, a starts and reaches b" reaches a b
fact "nobody else can take the port now" port_taken
fact "the kernel sends no port unreachable" no_icmp

mkdir "$work/second"
cp -a "$(config_dir a)/." "$work/second/"
sed -i 's/ListenPort = 4567/ListenPort = 4999/' "$work/second/vpn-private.conf"
guardlane_on a second
fact "a second gateway on the interface is refused" refused second 'eth0'
fact "it has left no device" no ip -n "$(host_ns a)" link show "$(device second)"
fact "the first goes on" pings a b
