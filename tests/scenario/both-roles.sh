#!/bin/bash
# Both VPNs in one process from one pair of files: one VPN address, twice, in two network namespaces.
# Arguments: none
#
#   a, namespace a:  10.8.3.1, UDP 4567 ──┐           ┌── 10.8.3.2, UDP 4567, namespace b   b (twice
#   (one gateway)                         ├─── lan ───┤                                     wireguard-go)
#   a, namespace a2: 10.8.3.1, UDP 4568 ──┘           └── 10.8.3.2, UDP 4568, namespace b2
. "$(dirname "$0")/lib.sh"

# b's second VPN: its sockets stay in namespace b, its device goes to b2.
start_b2() {
	WG_PROCESS_FOREGROUND=1 spawn "$work/b2.log" \
		ip netns exec "$(host_ns b)" wireguard-go "${run}b2"
	within 5 ip -n "$(host_ns b)" link show "${run}b2" >/dev/null
	within 5 wg show "${run}b2" >/dev/null
	sed 's/4567/4568/' "$(config_dir b)/wg.conf" >"$work/b2.conf"
	ip netns exec "$(host_ns b)" wg setconf "${run}b2" "$work/b2.conf"
	ip -n "$(host_ns b)" link set "${run}b2" netns "$run-b2"
	ip -n "$run-b2" addr add "$(inside b)/24" dev "${run}b2"
	ip -n "$run-b2" link set "${run}b2" mtu 1420 up
}

pings() {
	ip netns exec "$1" ping -q -c 5 -i 0.2 -W 2 "$2"
}

# received DEVICE: bytes that this device's peer has sent us.
received() {
	wg show "$1" transfer | awk '{ print $2 }'
}

# only_by DEVICE OTHER NAMESPACE: a ping from there is seen by DEVICE alone.
only_by() {
	local before other
	before=$(received "$1") other=$(received "$2")
	pings "$3" "$(inside b)" || return
	echo "$1: $before, then $(received "$1"); $2: $other, then $(received "$2")"
	[ "$(received "$1")" -ge $((before + 5 * 84)) ] && [ "$(received "$2")" -lt $((other + 5 * 84)) ]
}

both_at_once() {
	pings "$(host_ns a)" "$(inside b)" &
	pings "$run-a2" "$(inside b)"
	wait $!
}

bulk_second() {
	ip netns exec "$run-b2" iperf3 -s -1 >/dev/null &
	sleep 1
	ip netns exec "$run-a2" iperf3 -c "$(inside b)" -t 2 -J >"$work/iperf" &&
		jq -e '.end.sum_received.bytes > 1000000' "$work/iperf"
}

route_in() {
	ip -n "$1" route get "$(inside b)" | grep -Fqw "dev $2"
}

cluster a b
ns_create "$run-a2"
ns_create "$run-b2"
instance_start b wireguard-go
start_b2
printf 'tunnels:\n  - role: gateway\n  - role: dataplane\n    host: tun:%s\n' "${run}a2" \
	>"$(config_dir a)/gateway.conf"
guardlane_spawn a
fact "in one namespace the two have one address: refused" refused a \
	"tun:$(device a) and tun:${run}a2 have the same VPN address, 10\.8\.3\.1, in one network"
echo "    netns: $run-a2" >>"$(config_dir a)/gateway.conf"
: >"$work/a.log"
instance_start a guardlane
fact "the first VPN: a reaches b" within 10 pings "$(host_ns a)" "$(inside b)"
fact "the second VPN, from the other namespace" within 10 pings "$run-a2" "$(inside b)"
fact "b reaches a by the first" pings "$(host_ns b)" "$(inside a)"
fact "b reaches a by the second" pings "$run-b2" "$(inside a)"
fact "the route is the first device's here" route_in "$(host_ns a)" "$(device a)"
fact "and the second's there" route_in "$run-a2" "${run}a2"
fact "what is sent here goes by the first alone" only_by "$(device a)" "${run}a2" "$(host_ns a)"
fact "what is sent there goes by the second alone" only_by "${run}a2" "$(device a)" "$run-a2"
fact "both carry at once" both_at_once
fact "the second carries bulk" bulk_second
fact "it ends" instance_stop a
fact "the second device is gone too" no ip -n "$run-a2" link show "${run}a2"
