#!/bin/bash
# Two gateways back to back, each with a pipeline whose own stack is the kernel's: TCP both ways,
# jumbo packets, IPv4 and IPv6 inside and outside, and lanes without a ring.
# Arguments: none
#
#   ca: kernel ── veth ── testpmd ── memif ── a ── lan, MTU 9000 ── b ── memif ── testpmd ── veth ── cb
#   10.8.3.1, fd08:3::1           (gateways, two lanes, one ring)          10.8.3.2, fd08:3::2
#
# Both kernels find the other's MAC by ARP and neighbour discovery, which the gateways answer.
. "$(dirname "$0")/lib.sh"
. "$scenario_dir/memif.sh"
. "$scenario_dir/testpmd.sh"
mtu=8900

consumer_ns() {
	echo "$run-c$1"
}

on_consumer() {
	local name=$1
	shift
	ip netns exec "$(consumer_ns "$name")" "$@"
}

# consumer NAME: behind the gateway NAME, with its addresses, and jumbo as all is.
consumer() {
	local ns device
	ns=$(consumer_ns "$1")
	testpmd_ns=$ns
	# The driver of tap knows no jumbo frames. A place for one is 9 KiB, a block of them 9 pages.
	ip -n "$ns" link add pipe type veth peer name testpmd
	for device in pipe testpmd; do
		ip netns exec "$ns" ethtool -K "$device" tx off >/dev/null
		ip -n "$ns" link set "$device" mtu "$mtu" up
	done
	testpmd_eal=(--vdev "net_af_packet0,iface=testpmd,framesz=9216,blocksz=36864,framecnt=512")
	testpmd_start "$1" io "role=client,socket-abstract=no,socket=$work/$1.pipe" \
		--mbuf-size=10240
	ip -n "$ns" addr add "$(inside "$1" 4)/24" dev pipe
	ip -n "$ns" addr add "$(inside "$1" 6)/64" dev pipe nodad
}

consumer_pings() {
	on_consumer "$1" ping -c 1 -W 1 -M do -s "$4" "$(inside "$2" "$3")"
}

# whole FROM TO FAMILY: a packet of the full MTU passes in one piece; the first may find no session.
whole() {
	within 20 consumer_pings "$1" "$2" "$3" $((mtu - ($3 == 4 ? 28 : 48)))
}

# carries FROM TO FAMILY: a file of 2 MB by TCP arrives as it was sent.
carries() {
	rm -f "$work/received"
	spawn "$work/ncat.log" ip netns exec "$(consumer_ns "$2")" bash -c \
		"timeout 100 ncat -l --recv-only $(inside "$2" "$3") 9000 | sha256sum >$work/received.new
		mv $work/received.new $work/received"
	within 10 eval 'on_consumer "'"$2"'" ss -Hltn "sport = :9000" | grep -q .' || return
	on_consumer "$1" bash -c \
		"timeout 100 ncat --send-only $(inside "$2" "$3") 9000 <$work/random" || return
	within 60 test -e "$work/received" && cmp "$work/random.sha256" "$work/received"
}

# a's lanes: the sum of what jq finds in each.
lanes_sum() {
	status_json | jq ".tunnels[0].pipeline.lanes | map($1) | add"
}

handed() {
	[ "$(lanes_sum .tx.handed)" -gt "$1" ]
}

# Which lane a flow goes to is the kernel's choice, by the ports: some other one leads to the lane
# that has no ring.
hands_over() {
	local port before
	before=$(lanes_sum .tx.handed)
	for port in {4600..4640}; do
		instance_wg b set listen-port "$port"
		within 5 consumer_pings b a 4 100 || return
		! handed "$before" || return 0
	done
	return 1
}

# The other end of the veth has an address of its own, and tells its neighbours.
another_speaks() {
	on_consumer a ping -c 1 -W 0.1 ff02::2%testpmd || true
	consumer_pings b a 4 100
}

start() {
	instance_start "$1" "$gateway" --control "$work/$1.sock" --lanes 0-1 \
		--pipeline "memif:$work/$1.pipe"
}

cluster_inside="4 6"
cluster a b
random_file 2000000
for name in a b; do
	ip -n "$lan" link set dev "$name" mtu 9000
	ip -n "$(host_ns "$name")" link set dev eth0 mtu 9000
	ns_create "$(consumer_ns "$name")"
done
ip -n "$lan" link set dev br0 mtu 9000
for cluster_outside in 4 6; do
	files
	start a
	start b
	consumer a
	consumer b
	for family in 4 6; do
		text="IPv$family over IPv$cluster_outside:"
		fact "$text a whole packet of $mtu bytes passes to b, and back" whole a b "$family"
		fact "$text and to a, and back" whole b a "$family"
	done
	family=$((10 - cluster_outside))
	fact "IPv$family over IPv$cluster_outside: TCP carries a file to b" carries a b "$family"
	fact "and one to a" carries b a "$family"
	fact "IPv$cluster_outside: a lane without a ring hands its packets over" hands_over
	before=$(lanes_sum .tx.handed)
	fact "TCP carries a file by that lane" carries b a 4
	fact "all of it" handed $((before + 100))
	fact "what another interface tells its neighbours leads nothing astray" another_speaks
	fact "there is one ring each way, for two lanes" eval \
		"status_has '.pipeline.rx_rings == 1' && status_has '.pipeline.tx_rings == 1' &&
		status_has '.pipeline.lanes | length == 2'"
	for name in a b; do
		testpmd_kill "$name"
		ip -n "$(consumer_ns "$name")" link del pipe
		fact "$name is told to end, and ends" instance_stop "$name"
	done
done
