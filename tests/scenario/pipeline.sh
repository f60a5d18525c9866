#!/bin/bash
# A packet pipeline (DPDK's testpmd) by memif: what a peer sends comes to it, and its answers go back.
# Arguments: PEER
#
#   testpmd ──── memif ──── a (gateway) ──── lan: 192.0.2.0/24, 2001:db8::/64 ──── b (peer)
#   10.8.3.1 and fd08:3::1 to b                                              10.8.3.2, fd08:3::2
#
# testpmd answers by icmpecho, or sends back with the addresses exchanged (5tswap): b's own answer to
# what it gets back is then the answer to its ping.
. "$(dirname "$0")/lib.sh"
. "$scenario_dir/memif.sh"
. "$scenario_dir/testpmd.sh"
peer=$1
as_client=role=client,socket-abstract=no,socket=$socket
as_server=role=server,socket-abstract=no,socket=$socket

cluster_inside="4 6"
cluster a b
instance_start b "$peer"

gateway_start --pipeline "memif:$socket"
fact "without a pipeline b gets no answer" no pings b a
fact "status says that none is connected" status_says "pipeline: not connected"
testpmd_start echo icmpecho "$as_client"
fact "testpmd connects" within 5 connected
fact "b pings a's address, and testpmd answers" reaches b a
fact "a full-size packet likewise" pings b a 4 -M do -s 1392
fact "status says who is there, and with which rings" \
	status_says "pipeline: .* by memif $socket, server, id 0; rings: 1 from it, 1 to it"
fact "it has counted the packets" status_has '.pipeline.lanes[0].rx.packets >= 2'
testpmd_kill echo
fact "killed, it is missed" within 5 no connected
fact "the log says so" log_says a "pipeline disconnected: it has closed the socket"
no pings b a >/dev/null
fact "what is dropped meanwhile is counted" \
	eval 'status_json | jq -e ".drops.in_no_pipeline > 0"'
testpmd_start echo icmpecho "$as_client"
fact "another one takes its place" within 5 pings b a
testpmd_kill echo
instance_stop a

gateway_start --pipeline "memif:$socket,role=client" --host-match "icmp@10.8.3.1/32 tcp/22"
fact "as a client the gateway starts first all the same" no connected
testpmd_start swap 5tswap "$as_server"
fact "and connects" within 10 connected
fact "what host-match names the host answers" pings b a
fact "the rest goes to testpmd: IPv6" reaches b a 6
testpmd_kill swap
fact "without testpmd the host still answers" pings b a
fact "and the rest gets no answer" no pings b a 6
# DPDK does not take a socket's name that one of it, killed, has left behind.
rm -f "$socket"
testpmd_start swap 5tswap "$as_server"
fact "it may come back" within 10 pings b a 6
testpmd_kill swap
rm -f "$socket"
instance_stop a
instance_stop b

for cluster_outside in 4 6; do
	files
	instance_start b "$peer"
	gateway_start --pipeline "memif:$socket"
	testpmd_start swap 5tswap "$as_client"
	within 5 connected >/dev/null
	for inside in 4 6; do
		fact "IPv$inside over IPv$cluster_outside through testpmd" reaches b a "$inside"
	done
	testpmd_kill swap
	instance_stop a
	instance_stop b
done
