#!/bin/bash
# A name alone, as wg-quick(8) calls userspace implementations: full-tunnel and other files up and
# down, what wg(8) sets while it runs, and the two ways to end it.
# Arguments: PEER
#
#   a (wg-quick over guardlane) ──── lan ──── b (peer)
. "$(dirname "$0")/lib.sh"
peer=$1
dev_a=$(device a)
conf=$work/$dev_a.conf

quick() {
	instance_run a env "WG_QUICK_USERSPACE_IMPLEMENTATION=$guardlane" wg-quick "$1" "$conf"
}

# What runs for a: its process, if there is just one.
gateway_pid() {
	pgrep -f "^$guardlane (-f )?$dev_a\$"
}

# conf INTERFACE-LINES PEER-LINES: a's file.
conf() {
	(umask 077 && printf '[Interface]\nPrivateKey = %s\n%b\n[Peer]\nPublicKey = %s\n%b\n' \
		"${private_key[a]}" "$1" "${public_key[b]}" "$2" >"$conf")
}

is_up() {
	instance_run a ip -o link show "$dev_a" | grep -q "mtu $1 "
	[ "$(gateway_pid | wc -l)" = 1 ]
}

nothing_left() {
	! gateway_pid && ! instance_run a ip link show "$dev_a" 2>/dev/null &&
		[ ! -e "/var/run/wireguard/$dev_a.sock" ] && [ ! -e "/run/guardlane/$dev_a.sock" ]
}

rules() {
	instance_run a sh -c 'ip rule; ip -6 rule; ip route show table all; nft list ruleset'
}

rules_are_as_before() {
	rules | grep -v 'cache\|table local' >"$work/after"
	diff "$work/before" "$work/after"
}

ports_say() {
	[ "$(instance_wg a show listen-port)" = "$1" ] &&
		instance_run a ss -Hlun "sport = :$1" | grep -q .
}

mark_is() {
	[ "$(instance_wg a show fwmark)" = "$1" ]
}

leaves_by() {
	instance_run a ip route get "$1" | grep -q " dev $2 "
}

refuses_reconfigure() {
	no instance_run a "$guardlane" reconfigure "$dev_a" 2>"$work/refusal" &&
		grep -q 'wg(8) sets' "$work/refusal"
}

start() {
	instance_run a "$guardlane" "$dev_a"
}

# stays ARGUMENT...: starts it in the foreground, and waits for its socket.
stays() {
	spawn "$work/a.log" ip netns exec "$(host_ns a)" "$@"
	pid[a]=$!
	within 30 instance_answers a
}

cluster a b
instance_start b "$peer"
host_address a
kind[a]=guardlane
rules | grep -v 'cache\|table local' >"$work/before"

# Everything through the tunnel: the fwmark keeps its own packets out of it.
conf "Address = $(inside a)/24, $(inside a 6)/64\nMTU = 1380\nPostUp = echo %i up >$work/hook" \
	"AllowedIPs = 0.0.0.0/0, ::/0\nEndpoint = $(outside b):4567\nPersistentKeepalive = 25"
fact "wg-quick up, everything through the tunnel" quick up
fact "it is there, in the background, with the MTU of the file" is_up 1380
fact "PostUp has run" grep -qx "$dev_a up" "$work/hook"
fact "wg-quick has given it a mark" mark_is 0xca6c
fact "what is not for the lan leaves by the tunnel" leaves_by 203.0.113.1 "$dev_a"
fact "a reaches b" reaches a b
fact "the handshake is on b's list" handshake_done b a
fact "a full-size packet passes whole" pings a b 4 -M do -s 1352
fact "iperf3 TCP a to b" iperf "TCP a to b" a b
fact "iperf3 TCP b to a" iperf "TCP b to a" b a
info_rates
instance_run a ip route add "$(outside b)/32" dev eth0 mtu 1400
fact "a longer one is answered: the way's MTU is smaller now" \
	within 5 no pings a b 4 -M do -s 1352
fact "and one that fits passes" pings a b 4 -M do -s 1292
instance_run a ip route del "$(outside b)/32" dev eth0
fact "the device keeps its MTU" is_up 1380
instance_wg a set listen-port 5123
fact "its port changes while it runs" ports_say 5123
fact "and packets pass" reaches a b
fact "guardlane status knows it" instance_run a "$guardlane" status "$dev_a"
fact "reconfigure says that there are no files" refuses_reconfigure
fact "wg-quick down" quick down
fact "nothing is left" within 10 nothing_left
fact "routes, rules and firewall are as before" rules_are_as_before

# Only the VPN, over IPv6, a port of the file's, no routes.
conf "Address = $(inside a)/32\nListenPort = 4777\nTable = off" \
	"AllowedIPs = $(inside b)/32\nEndpoint = [$(outside b 6)]:4567"
fact "wg-quick up, without routes, over IPv6" quick up
fact "it has the port of the file" ports_say 4777
instance_run a ip route add "$(inside b)/32" dev "$dev_a"
fact "a reaches b" reaches a b
fact "wg-quick down" quick down
fact "nothing is left" within 10 nothing_left

fact "guardlane NAME returns when it is ready" start
fact "wg(8) reaches it" instance_wg a show
instance_run a ip link del "$dev_a"
fact "it ends when its interface is removed" within 10 nothing_left
fact "guardlane NAME again" start
rm "/var/run/wireguard/$dev_a.sock"
fact "it ends when its socket is removed" within 10 nothing_left
fact "guardlane -f NAME stays" stays "$guardlane" -f "$dev_a"
fact "a second one of that name is refused" no start
fact "the first one goes on" instance_wg a show
fact "it ends when it is told to" instance_stop a
fact "nothing is left" within 10 nothing_left
fact "a mistyped command is none" no instance_run a "$guardlane" statsu
