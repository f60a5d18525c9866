#!/bin/bash
# The peer moves to another address and port: the gateway follows, and connections go on.
# Case RO-1.
# Arguments: PEER
#
#   a (gateway) ──── lan ──── b (peer): 192.0.2.2:4567, 192.0.2.102:5999, [2001:db8::2]:5999
. "$(dirname "$0")/lib.sh"
peer=$1

# A line every 0.1 s from b to a, over one TCP connection, for ten seconds.
stream() {
	instance_spawn a bash -c "ncat -l --recv-only 9000 >$work/lines"
	within 30 listens a 9000
	instance_spawn b bash -c "for i in \$(seq 100); do echo \$i; sleep 0.1; done |
		ncat --send-only $(inside a) 9000"
	within 5 grep -qx 5 "$work/lines"
}

move() {
	instance_run b ip addr del 192.0.2.2/24 dev eth0
	instance_run b ip addr add 192.0.2.102/24 dev eth0
	instance_wg b set listen-port 5999
}

knows() {
	instance_wg a show endpoints | grep -qF "$1"
}

whole_stream() {
	seq 100 | cmp - "$work/lines"
}

cluster a b
instance_start b "$peer"
instance_start a "$gateway"
fact "a reaches b" reaches a b
fact "a knows b at 192.0.2.2:4567" knows 192.0.2.2:4567
stream
move
fact "b reaches a from its new place" reaches b a
fact "a knows b at 192.0.2.102:5999" knows 192.0.2.102:5999
fact "a pings b there" pings a b
fact "the connection goes on, no line is lost" within 20 whole_stream
instance_wg b set peer "${public_key[a]}" endpoint "[$(outside a 6)]:4567"
fact "b reaches a over IPv6" reaches b a
fact "a knows b at [2001:db8::2]:5999" knows "[2001:db8::2]:5999"
fact "a pings b over IPv6" pings a b
