#!/bin/bash
# Two tunnels of one gateway over one underlay port, told apart by UDP port.
# Arguments: PEER
#
#   b 10.8.3.2 ──── lan ──── a: UDP 4567, 10.8.3.1 (gateway)
#   c 10.8.4.3 ──── lan ────    UDP 4568, 10.8.4.1
. "$(dirname "$0")/lib.sh"
peer=$1
second=$work/second
second_key=$(wg genkey)

# The second tunnel has files of its own; c knows nothing but that tunnel.
second_files() {
	mkdir -p "$second"
	(umask 077 && printf '[Interface]\nListenPort = 4568\nPrivateKey = %s\n' "$second_key" \
		>"$second/vpn-private.conf")
	printf '[Peer]\nPublicKey = %s\nAllowedIPs = 10.8.4.3/32\nEndpoint = %s\n' \
		"${public_key[c]}" "$(endpoint c)" >"$second/vpn-public.conf"
	echo MITIGATOR_VPN_ADDRESS=10.8.4.1 >"$second/.env"
	{
		interface_section c
		printf '[Peer]\nPublicKey = %s\nAllowedIPs = 10.8.4.1/32\nEndpoint = %s:4568\n' \
			"$(wg pubkey <<<"$second_key")" "$(outside a)"
	} >"$work/c/wg.conf"
}

c_pings() {
	instance_run c ping -c 5 -i 0.2 -W 2 "$1"
}

handshake_on_second() {
	instance_run a wg show "${run}2" latest-handshakes | awk '$2 == 0 { exit 1 }'
}

both_ways_at_once() {
	instance_run a ping -c 20 -i 0.05 -W 2 -q 10.8.4.3 &
	instance_run a ping -c 20 -i 0.05 -W 2 -q "$(inside b)"
	wait $!
}

cluster a b c
second_files
instance_start b "$peer"
instance_start c wireguard-go
instance_run c ip addr add 10.8.4.3/24 dev "$(device c)"
instance_start a "$gateway" --tunnel "config-dir=$second,host=tun:${run}2"
fact "a reaches b by the first tunnel" reaches a b
fact "c pings a by the second one" within 10 c_pings 10.8.4.1
fact "wg shows the second tunnel's handshake" handshake_on_second
fact "both carry at once" both_ways_at_once
fact "c does not get into the first tunnel" no c_pings "$(inside a)"
fact "b's counters are the first tunnel's alone" handshake_done a b

# The second tunnel's table goes and comes: the gateway is started anew over those that there are.
reconfigures() {
	"$guardlane" reconfigure "$(device a)" >"$work/out" 2>&1 && cat "$work/out" &&
		grep -q 'there are other tunnels than those that run.*new sessions' "$work/out"
}

mv "$second/vpn-public.conf" "$work/kept"
fact "a table that goes takes its tunnel, as reconfigure says" reconfigures
fact "its device is gone" no ip -n "$(host_ns a)" link show "${run}2"
fact "a reaches b" reaches a b
mv "$work/kept" "$second/vpn-public.conf"
fact "with the table there the tunnel comes back" reconfigures
fact "c pings a by it" within 10 c_pings 10.8.4.1
fact "a reaches b again" reaches a b
sed -i 's/AllowedIPs = .*/&, 10.8.5.0\/24/' "$second/vpn-public.conf"
fact "a change in one of them" "$guardlane" reconfigure "$(device a)"
