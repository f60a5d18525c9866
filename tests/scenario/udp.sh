#!/bin/bash
# The underlay udp, plain sockets of the kernel's: both families, full-size packets, TCP and UDP both
# ways, a peer that moves, a listen port that changes, a way with a smaller MTU, and all of it without
# privileges.
# Arguments: PEER
#
#   a (gateway) ──── lan ──── b (peer): 192.0.2.2:4567, 192.0.2.102:5999, [2001:db8::2]:5999
#   u (gateway of a user who may do nothing outside of namespaces of its own)
. "$(dirname "$0")/lib.sh"
peer=$1

knows() {
	instance_wg "$1" show endpoints | grep -qF "$2"
}

move() {
	instance_run b ip addr del 192.0.2.2/24 dev eth0
	instance_run b ip addr add 192.0.2.102/24 dev eth0
	instance_wg b set listen-port 5999
}

# Nothing of a's is on its interface: no filter, no packet socket.
a_uses_sockets() {
	instance_run a ss -Hlun 'sport = :4567' | tee "$work/sockets"
	[ "$(wc -l <"$work/sockets")" = 2 ] && [ -z "$(instance_run a ss -Hl0)" ]
}

a_status() {
	instance_run a "$guardlane" status --json "$(device a)" | jq -e "$1"
}

drops_nothing_of() {
	a_status ".drops.$1 // 0 | . == 0"
}

source_is() {
	instance_wg b show endpoints | grep -qF "$1:4567"
}

# What b has heard last came from the address that it asks. The first answer may come from the one of
# before: the way changes behind the packet that shows it.
answers_from() {
	instance_wg b set peer "${public_key[a]}" endpoint "$1:4567" && pings b a && source_is "$1"
}

mtu_is() {
	[ "$(instance_run a cat "/sys/class/net/$(device a)/mtu")" = "$1" ]
}

# A user who may do nothing, with a TUN that root has made for him and set up.
user_start() {
	local dev name=$1 uid=65534
	dev=$(device "$name")
	host_address "$name"
	instance_run "$name" ip tuntap add dev "$dev" mode tun user "$uid"
	instance_run "$name" ip addr add "$(inside "$name")/24" dev "$dev"
	instance_run "$name" ip link set "$dev" mtu 1400 up
	chmod o+x "$work"
	chown -R "$uid" "$(config_dir "$name")"
	spawn "$work/$name.log" ip netns exec "$(host_ns "$name")" \
		env -u MITIGATOR_VPN_ADDRESS -u XDG_RUNTIME_DIR \
		setpriv --reuid "$uid" --regid "$uid" --clear-groups --inh-caps -all \
		--bounding-set -all --no-new-privs "$guardlane" run \
		--config-dir "$(config_dir "$name")" --host "tun:$dev" --hugepages no --memory 64
	pid["$name"]=$!
	kind[$name]=guardlane
	within 60 log_says "$name" "ready: underlay udp"
}

may_do_nothing() {
	grep -q '^CapPrm:\s*0*$' "/proc/${pid[$1]}/status" &&
		grep -q '^Uid:\s*65534' "/proc/${pid[$1]}/status"
}

device_stays() {
	instance_run "$1" ip link show "$(device "$1")"
}

cluster a b u
instance_start b "$peer"
instance_start a "$gateway" --underlay udp
fact "a reaches b" reaches a b
fact "its sockets are the kernel's, one in each family" a_uses_sockets
carries_all a b

# Answers leave from the address that was addressed, though the kernel would choose another.
instance_run a ip addr add 192.0.2.201/24 dev eth0
fact "b reaches a at a second address, and a answers from there" within 30 answers_from 192.0.2.201

move
fact "b reaches a from its new place" reaches b a
fact "a knows b there" knows a 192.0.2.102:5999
instance_wg b set peer "${public_key[a]}" endpoint "[$(outside a 6)]:4567"
fact "b reaches a over IPv6" reaches b a
fact "a knows b at its IPv6 address" knows a "[2001:db8::2]:5999"
fact "a full-size packet passes whole over IPv6" pings a b 4 -M do -s 1392
fact "iperf3 TCP a to b over IPv6" iperf "TCP a to b, IPv6" a b
fact "iperf3 TCP b to a over IPv6" iperf "TCP b to a, IPv6" b a
info_rates

instance_wg a set listen-port 4999
fact "a's listen port changes, and b hears of it" within 10 knows b ":4999"
fact "b reaches a at its new port" reaches b a
instance_wg a set listen-port 0
fact "a's port may be any" reaches a b
instance_wg a set listen-port 4567
fact "and the first one again" within 10 knows b ":4567"

# The kernel learns of a smaller MTU, by a route or by ICMP: the device follows.
instance_run a ip -6 route replace 2001:db8::2/128 dev eth0 mtu 1400
fact "the MTU follows that of the way" within 5 mtu_is 1320
fact "a packet of that size passes" pings a b 4 -M do -s 1292
instance_run a ip -6 route del 2001:db8::2/128 dev eth0
fact "and rises again" within 5 mtu_is 1420

user_start u
fact "a user's gateway has no privileges" may_do_nothing u
fact "it says what it does without" log_says u 'warning: .*underlay udp'
fact "it takes the device that was made for it" log_says u 'is taken as it is'
instance_wg b set listen-port 4567
instance_run b ip addr add 192.0.2.2/24 dev eth0
fact "u reaches b" reaches u b
fact "b reaches u" reaches b u
fact "iperf3 TCP u to b" iperf "TCP u to b" u b
fact "iperf3 TCP b to u" iperf "TCP b to u" b u
info_rates
fact "u reaches a, which is on udp too" reaches u a
fact "u ends" instance_stop u
fact "its device is left as it was" device_stays u

fact "nothing was refused by the kernel" drops_nothing_of out_refused
fact "a ends" instance_stop a
