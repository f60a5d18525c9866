#!/bin/bash
# wg(8) changes the running gateway: set, setconf, syncconf, addconf; what does not change goes on.
# Cases CF-9, CF-18.
# Arguments: PEER
#
#   a (gateway) ──── lan ──── b (peer, in a's files), c (peer, added by wg set)
. "$(dirname "$0")/lib.sh"
peer=$1

a_wg() {
	instance_wg a "$@"
}

# -- what a says of itself ----------------------------------------------------------------------

# The state without what counts by itself: no endpoint's handshake, no bytes.
state() {
	a_wg show dump | cut -f 1-4,8 | sort
}

state_is() {
	state | diff - "$work/state"
}

peer_count_is() {
	[ "$(a_wg show peers | wc -l)" = "$1" ]
}

# field PEER NUMBER: of its line in the dump.
field() {
	a_wg show dump | awk -F '\t' -v key="${public_key[$1]}" -v n="$2" '$1 == key { print $n }'
}

field_is() {
	[ "$(field "$1" "$2")" = "$3" ]
}

port_is() {
	[ "$(a_wg show listen-port)" = "$1" ]
}

route_to() {
	ip -n "$(host_ns a)" route show "$1" dev "$(device a)" | grep -q .
}

# fails_with REGEX COMMAND...: what wg says of it.
fails_with() {
	local text=$1
	shift
	! "$@" >"$work/said" 2>&1 || { echo "it succeeded"; return 1; }
	cat "$work/said"
	grep -Eq -- "$text" "$work/said"
}

# request LINE...: a request that wg(8) would not make, and the first line of the answer.
request() {
	printf '%s\n' "$@" '' | timeout 5 ncat -U "/var/run/wireguard/$(device a).sock" | head -n 1
}

answers() {
	local code=$1
	shift
	[ "$(request "$@" | tee /dev/stderr)" = "errno=$code" ]
}

# -- what must not be disturbed -----------------------------------------------------------------

# undisturbed PEER COMMAND...: while a ping of a hundred a second runs through the session with the
# peer; none is lost, and there is no new handshake.
undisturbed() {
	local other=$1 before
	shift
	before=$(field "$other" 5)
	instance_run a ping -q -i 0.01 -c 200 -W 2 "$(inside "$other")" >"$work/pinged" &
	sleep 0.3
	"$@" || { wait $!; return 1; }
	wait $! || return
	cat "$work/pinged"
	grep -q ' 0% packet loss' "$work/pinged" && [ "$(field "$other" 5)" = "$before" ]
}

times() {
	local count=$1
	shift
	while [ $((count--)) -gt 0 ]; do "$@" || return; done
}

hex() {
	base64 -d <<<"$1" | od -An -v -tx1 | tr -d ' \n'
}

# random_peers COUNT: sections of as many peers as 10.64.0.0/10 and their keys at random allow.
random_peers() {
	/usr/bin/python3 - "$1" <<-'END'
		import base64, os, sys
		for n in range(int(sys.argv[1])):
		    print(f"[Peer]\nPublicKey = {base64.b64encode(os.urandom(32)).decode()}")
		    print(f"AllowedIPs = 10.{64 + (n >> 16)}.{n >> 8 & 255}.{n & 255}/32")
	END
}

# -- the facts ------------------------------------------------------------------------------------

cluster a b
instance_start b "$peer"
instance_start a "$gateway"
fact "a reaches b" reaches a b
state >"$work/state"

# A peer more.
cluster c
instance_start c "$peer"
c=${public_key[c]} b=${public_key[b]}
wg_adds_c() {
	a_wg set peer "$c" endpoint "$(endpoint c)" allowed-ips "$(inside c)/32"
}
fact "set adds a peer, and b does not notice" undisturbed b wg_adds_c
fact "a has a route to it" route_to "$(inside c)"
fact "a reaches it" reaches a c
fact "it pings a" pings c a

# Allowed-ips.
fact "set gives c a network more" \
	a_wg set peer "$c" allowed-ips "$(inside c)/32,10.9.0.0/24,fd09::/64"
fact "the list has all of it" field_is c 4 "$(inside c)/32,10.9.0.0/24,fd09::/64"
fact "a has a route to the network" route_to 10.9.0.0/24
fact "c still answers" pings a c
fact "set takes it away" a_wg set peer "$c" allowed-ips "$(inside c)/32"
fact "the route to it is gone" no route_to 10.9.0.0/24
fact "c still answers" pings a c
fact "set gives b's address to c" a_wg set peer "$c" allowed-ips "$(inside c)/32,$(inside b)/32"
fact "b has none" field_is b 4 "(none)"
fact "b is out of reach" no pings a b
fact "set gives it back" a_wg set peer "$b" allowed-ips "$(inside b)/32"
fact "c has its own only" field_is c 4 "$(inside c)/32"
fact "b answers" pings a b
fact "c answers" pings a c

# Keepalive and preshared key.
sent=$(field c 7)
fact "set persistent-keepalive sends one at once" a_wg set peer "$c" persistent-keepalive 25
fact "and c got more than before" within 3 eval '[ "$(field c 7)" -gt "$sent" ]'
fact "the list has it" field_is c 8 25
fact "set takes it off" a_wg set peer "$c" persistent-keepalive off
fact "the list has it off" field_is c 8 off
umask 077
wg genpsk >"$work/psk"
wg genkey >"$work/key"
echo "${private_key[a]}" >"$work/same"
fact "set preshared-key leaves the session alone" \
	undisturbed c a_wg set peer "$c" preshared-key "$work/psk"
fact "the list has the key" field_is c 2 "$(<"$work/psk")"
instance_wg c set peer "${public_key[a]}" remove
instance_wg c set peer "${public_key[a]}" endpoint "$(endpoint a)" \
	allowed-ips "$(inside a)/32"
fact "without it c begins a new handshake in vain" no within 3 pings c a
instance_wg c set peer "${public_key[a]}" preshared-key "$work/psk"
fact "with the same key c reaches a" within 15 pings c a
fact "set takes the key away" a_wg set peer "$c" preshared-key /dev/null
fact "the list has none" field_is c 2 "(none)"

# syncconf.
{ interface_section a; peer_section b a; peer_section c a; } >"$work/two.conf"
{ cat "$work/two.conf"; random_peers 298; } >"$work/many.conf"
interface_section a >"$work/none.conf"
fact "syncconf that changes nothing, ten times" \
	undisturbed b times 10 a_wg syncconf "$work/two.conf"
fact "syncconf to 300 peers, and b does not notice" undisturbed b a_wg syncconf "$work/many.conf"
fact "there are 300" peer_count_is 300
fact "and routes to the last of them" route_to 10.64.1.41
fact "syncconf back to two, and b does not notice" undisturbed b a_wg syncconf "$work/two.conf"
fact "there are two" peer_count_is 2
fact "and no route to the others" no route_to 10.64.1.41
fact "ten times to and fro" \
	undisturbed b times 10 eval 'a_wg syncconf "$work/many.conf" && a_wg syncconf "$work/two.conf"'
a_wg showconf >"$work/shown.conf"
state >"$work/state"
fact "syncconf of what showconf shows" undisturbed b a_wg syncconf "$work/shown.conf"
fact "changes nothing" state_is

# addconf, remove.
random_peers 3 >"$work/three.conf"
fact "addconf adds three peers, and b does not notice" undisturbed b a_wg addconf "$work/three.conf"
fact "there are five" peer_count_is 5
fact "set removes c, and b does not notice" undisturbed b a_wg set peer "$c" remove
fact "c is out of reach" no pings a c
fact "there is no route to it" no route_to "$(inside c)"
fact "removing it again is no error" a_wg set peer "$c" remove
fact "our own key as a peer is no error" \
	a_wg set peer "${public_key[a]}" allowed-ips 10.8.3.0/24
fact "and is passed over: there are four" peer_count_is 4

# What is refused changes nothing.
state >"$work/state"
instance_spawn a ncat -lu 4998
within 5 eval 'instance_run a ss -Hlun "sport = :4998" | grep -q .' >/dev/null
sed 's/^ListenPort.*/ListenPort = 4998/' "$work/none.conf" >"$work/taken.conf"
fact "a port in use is an error" fails_with 'Address already in use' a_wg set listen-port 4998
fact "also in a file that has no peers" \
	fails_with 'Address already in use' a_wg setconf "$work/taken.conf"
fact "an endpoint without a port is an error" \
	fails_with 'Invalid argument' a_wg set peer "$b" endpoint 192.0.2.9:0 allowed-ips ''
fact "a bad value after good lines: EINVAL" \
	answers -22 set=1 replace_peers=true listen_port=4999 "public_key=$(hex "$b")" allowed_ip=x
fact "a line without =: EPROTO" answers -71 set=1 listen_port=4999 remove
fact "get with more lines: EINVAL" answers 22 get=1 listen_port=1
fact "an unknown operation is hung up on" eval '[ -z "$(request put=1)" ]'
fact "all of that changed nothing" state_is
fact "b answers" pings a b
fact "the log says what was wrong" log_says a 'line 5, allowed_ip: give ADDRESS/LENGTH'

# The port, while traffic flows.
instance_run a ping -q -i 0.01 -c 300 -W 2 "$(inside b)" >"$work/pinged" &
sleep 0.5
fact "set listen-port" a_wg set listen-port 4999
wait $! || true
lost=$(awk '/received/ { print $1 - $4 }' "$work/pinged")
info "of 300 pings $lost were lost when the port changed"
fact "at most three of 300 pings are lost, what was under way" [ "$lost" -le 3 ]
fact "the port is another one" port_is 4999
fact "b pings a there" pings b a
fact "set listen-port back" a_wg set listen-port 4567
fact "a pings b" pings a b

# Another private key; the same again is nothing.
fact "set private-key, the same" undisturbed b a_wg set private-key "$work/same"
fact "set private-key" a_wg set private-key "$work/key"
fact "b does not know a any more" no within 3 pings a b
instance_wg b set peer "${public_key[a]}" remove
instance_wg b set peer "$(wg pubkey <"$work/key")" endpoint "$(endpoint a)" \
	allowed-ips "$(inside a)/32"
fact "b knows the new key: it reaches a" within 15 pings b a
fact "a pings b" pings a b
instance_wg b set peer "$(wg pubkey <"$work/key")" remove
instance_wg b set peer "${public_key[a]}" endpoint "$(endpoint a)" \
	allowed-ips "$(inside a)/32"

# setconf: all anew.
fact "setconf" a_wg setconf "$work/two.conf"
fact "sessions are gone" field_is b 5 0
fact "a reaches b" reaches a b
fact "there are two" peer_count_is 2
fact "a mark is kept, and shown" eval 'a_wg set fwmark 0x1234 && [ "$(a_wg show fwmark)" = 0x1234 ]'
grep -v ListenPort "$work/two.conf" >"$work/any-port.conf"
fact "setconf without a port" a_wg setconf "$work/any-port.conf"
fact "takes one that is free" eval '[ "$(a_wg show listen-port)" -gt 0 ] && no port_is 4567'
fact "the mark is gone" eval '[ "$(a_wg show fwmark)" = off ]'
fact "a reaches b" reaches a b
fact "b pings a" pings b a

# Ten thousand.
{ cat "$work/two.conf"; random_peers 9998; } >"$work/10000.conf"
start=$(date +%s%N)
fact "syncconf to 10,000 peers" a_wg syncconf "$work/10000.conf"
info "syncconf to 10,000 peers took $((($(date +%s%N) - start) / 1000000)) ms"
fact "b still answers" reaches a b
start=$(date +%s%N)
fact "show lists them all" peer_count_is 10000
info "wg show of 10,000 peers took $((($(date +%s%N) - start) / 1000000)) ms"
fact "showconf too" eval 'a_wg showconf | grep -c "^PublicKey" | grep -qx 10000'
fact "syncconf without a peer" a_wg syncconf "$work/none.conf"
fact "leaves none" peer_count_is 0
fact "b is out of reach" no pings a b
fact "syncconf brings b back" a_wg syncconf "$work/two.conf"
fact "a reaches b" reaches a b
