#!/bin/bash
# wg(8) reads the gateway as it reads any other: show, show dump, showconf.
# Case CF-12.
# Arguments: none
#
#   a (gateway) ──── lan ──── b (wireguard-go), c (never started)
. "$(dirname "$0")/lib.sh"

shows() {
	instance_wg a show | grep -Eq -- "$1"
}

# dump_has KEY FIELD REGEX...: fields of the line of that peer (without KEY: of the first line).
dump_has() {
	local key=$1
	shift
	instance_wg a show dump | tee "$work/dump"
	while [ $# -gt 0 ]; do
		awk -F '\t' -v key="$key" '(key == "" && NR == 1) || $1 == key' "$work/dump" |
			cut -f "$1" | grep -Eqx -- "$2" || return
		shift 2
	done
}

dump_lines() {
	[ "$(instance_wg a show dump | wc -l)" = "$1" ]
}

# showconf_has LINE...
showconf_has() {
	local line
	instance_wg a showconf | tee "$work/showconf"
	for line; do grep -Fqx -- "$line" "$work/showconf" || return; done
}

lists_device() {
	instance_run a wg show interfaces | grep -Fqw "$(device a)"
}

cluster_psk=$(wg genpsk)
cluster_keepalive=25
cluster a b c
roles initiator a b
instance_start b wireguard-go
instance_start a "$gateway"
fact "a reaches b" reaches a b
b=${public_key[b]} c=${public_key[c]}

fact "wg show interfaces names the device" lists_device
fact "wg show: the public key" shows "public key: ${public_key[a]//+/\\+}"
fact "wg show: the port" shows 'listening port: 4567'
fact "wg show: the latest handshake" shows 'latest handshake: (Now|.*second)'
fact "wg show: the transfer" shows 'transfer: [1-9].* received, [1-9].* sent'
fact "wg show hides the keys" no shows "${private_key[a]//+/\\+}|${cluster_psk//+/\\+}"
fact "dump: two peers, not itself" dump_lines 3
fact "dump: private key" dump_has "" 1 "${private_key[a]//+/\\+}"
fact "dump: public key" dump_has "" 2 "${public_key[a]//+/\\+}"
fact "dump: port and no mark" dump_has "" 3 4567 4 "off|0"
fact "dump of b: preshared key" dump_has "$b" 2 "${cluster_psk//+/\\+}"
fact "dump of b: endpoint" dump_has "$b" 3 '192.0.2.2:4567'
fact "dump of b: allowed ips" dump_has "$b" 4 '10.8.3.2/32'
some='[1-9][0-9]*'
fact "dump of b: handshake, received, sent, keepalive" \
	dump_has "$b" 5 "$some" 6 "$some" 7 "$some" 8 25
fact "dump of c: no handshake, nothing received" dump_has "$c" 5 0 6 0
fact "showconf: the private key" showconf_has "PrivateKey = ${private_key[a]}"
fact "showconf: the port" showconf_has "ListenPort = 4567"
fact "showconf: the peer, its addresses, its endpoint" showconf_has \
	"PublicKey = $b" "AllowedIPs = 10.8.3.2/32" "Endpoint = 192.0.2.2:4567"
fact "showconf: preshared key and keepalive" showconf_has \
	"PresharedKey = $cluster_psk" "PersistentKeepalive = 25"
