#!/bin/bash
# A gateway in a virtual machine on PCI devices behind an IOMMU, by vfio-pci: underlay and pipeline.
# Arguments: NIC
#
#   b (wireguard-go) ──── lan ──── tap ─ NIC 4 ─ a (gateway, in the machine) ─ NIC 5 ─ tap ──── pipe
#   10.8.3.2, fd08:3::2                                                 10.8.3.1, fd08:3::1
#
# `pipe` is a host of its own: a namespace whose kernel speaks Ethernet, and finds MACs, by its tap.
# NIC is QEMU's name of what both devices are: virtio-net-pci, e1000e.
. "$(dirname "$0")/lib.sh"
nic=$1

# gateway_starts OPTION...: in the machine, until it answers; all is slow there.
gateway_starts() {
	instance_spawn a bash -c "exec $guardlane run --config-dir $(config_dir a) --lanes 1 \
		--host tun:$(device a) --control /run/a.sock --underlay pci:$machine_under \
		--underlay-interface lan0 $* >>$work/gateway.log 2>&1"
	within 200 instance_run a "$guardlane" status --control /run/a.sock
}

gateway_ends() {
	instance_run a pkill "$1" -x guardlane && within 60 no instance_run a pgrep -x guardlane
}

# No kernel answers ARP behind a device that DPDK has: b is told the MAC, and a the other's, by an
# interface that stands for the device.
stand_in() {
	local mac
	mac=$(instance_run b cat /sys/class/net/eth0/address)
	instance_run a modprobe -d "$(instance_run a printenv GL_KERNEL)" dummy numdummies=0
	instance_run a ip link add lan0 address "$machine_under_mac" type dummy
	instance_run a ip link set lan0 up
	instance_run a ip addr add "$(outside a)/24" dev lan0
	instance_run a ip neigh replace "$(outside b)" lladdr "$mac" dev lan0 nud permanent
	instance_run b ip neigh replace "$(outside a)" lladdr "$machine_under_mac" dev eth0 \
		nud permanent
}

on_pipe() {
	ip netns exec "$run-pipe" "$@"
}

# b_reaches FAMILY, pipe_reaches FAMILY: through the tunnel; the first has a handshake to wait for.
b_reaches() {
	within 30 instance_run b ping -c 1 -W 2 "$(inside a "$1")"
}

pipe_reaches() {
	within 30 on_pipe ping -c 1 -W 2 "$(inside b "$1")"
}

# carries FROM TO ADDRESS: the random file over TCP, between the namespaces of the two.
carries() {
	rm -f "$work/received"
	spawn "$work/ncat.log" ip netns exec "$2" bash -c \
		"timeout 100 ncat -l --recv-only $3 9000 | sha256sum >$work/received.new
		mv $work/received.new $work/received"
	within 10 eval "ip netns exec $2 ss -Hltn 'sport = :9000' | grep -q ." || return
	ip netns exec "$1" timeout 100 ncat --send-only "$3" 9000 <"$work/random" || return
	within 30 test -e "$work/received" && cmp "$work/random.sha256" "$work/received"
}

# pipe_works WHEN: what a pipeline is for, both ways.
pipe_works() {
	local family b pipe=$run-pipe
	b=$(host_ns b)
	for family in 4 6; do
		fact "$1: IPv$family from b to the pipeline's host" b_reaches "$family"
		fact "$1: IPv$family from there to b" pipe_reaches "$family"
		fact "$1: a file from b by TCP over IPv$family" \
			carries "$b" "$pipe" "$(inside a "$family")"
		fact "$1: a file to b by TCP over IPv$family" \
			carries "$pipe" "$b" "$(inside b "$family")"
	done
}

has_link() {
	local interface
	interface=$(machine_interface a "$1") || return
	instance_run a ip link set "$interface" up
	within 20 instance_run a bash -c "[ \$(cat /sys/class/net/$interface/carrier) = 1 ]"
}

# driven ADDRESS DRIVER
driven() {
	[ "$(machine_driver a "$1")" = "$2" ]
}

cluster_inside="4 6"
cluster a b
random_file 3000000
instance_start b wireguard-go
machine_start a "$nic"
info "the machine was ready after $SECONDS s"
on_pipe ethtool -K pipe tx off >/dev/null
ip -n "$run-pipe" addr add "$(inside a 4)/24" dev pipe
ip -n "$run-pipe" addr add "$(inside a 6)/64" dev pipe nodad
kernels=$(machine_driver a "$machine_under")
for device in "$machine_under" "$machine_pipe"; do
	machine_bind a "$device" vfio-pci
	fact "$nic at $device is bound to vfio-pci" driven "$device" vfio-pci
done
stand_in

fact "the gateway starts with one as its underlay" gateway_starts
fact "in hugepages" no grep -i hugepages "$work/gateway.log"
fact "b reaches a" within 30 pings b a
fact "a reaches b" within 30 pings a b
fact "a file from b to a by TCP" sends_file b a
fact "a file from a to b by TCP" sends_file a b
fact "it is told to end, and ends" gateway_ends -TERM

fact "it starts with the other one as its pipeline" gateway_starts \
	--pipeline "pci:$machine_pipe"
pipe_works "by the pipeline"
fact "it is killed" gateway_ends -KILL
fact "it starts again on the same devices" gateway_starts --pipeline "pci:$machine_pipe"
pipe_works "after the kill"
fact "it is told to end, and ends" gateway_ends -TERM

for device in "$machine_under" "$machine_pipe"; do
	machine_bind a "$device" ""
	fact "unbound, $device goes back to the kernel's driver" driven "$device" "$kernels"
	fact "and has its link again" has_link "$device"
done
info "all of it took $SECONDS s"
