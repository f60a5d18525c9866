#!/bin/bash
# Reconfiguring a gateway that runs: what changes is said and applied, all of it or nothing.
# Case CF-14.
# Arguments: none
#
#   a (gateway) ──── lan ──── b, c (PEER); c is not in a's files at first
. "$(dirname "$0")/lib.sh"
peer=${1:-wireguard-go}                # or kernel
public=$work/a/vpn-public.conf
private=$work/a/vpn-private.conf

# reconfigure [ARGUMENT...]: as the operator runs it, by its own name.
reconfigure() {
	(exec -a reconfigure "$guardlane" "$@" "$(device a)" >"$work/out" 2>"$work/err")
}

# says REGEX...: each is in a line of what it printed.
says() {
	local regex
	cat "$work/out" "$work/err"
	for regex; do grep -Eq -- "$regex" "$work/out" || { echo "not there: $regex"; return 1; }; done
}

# applies REGEX...: exit status 0, and the last line has the sum.
applies() {
	local sum=${*: -1}
	reconfigure || { cat "$work/out" "$work/err"; return 1; }
	says "${@:1:$#-1}" && tail -n 1 "$work/out" | grep -Exq "$sum"
}

# What an error must not have changed.
state() {
	instance_wg a showconf
	instance_wg a show latest-handshakes
	ip -n "$(host_ns a)" route
}

# refuses REGEX [ARGUMENT...]: exit status 1; what is wrong is said first, warnings apart, and last
# that nothing was changed, and it was not. The log has it too.
refuses() {
	local regex=$1
	shift
	state >"$work/state"
	if reconfigure "$@"; then cat "$work/out"; return 1; fi
	cat "$work/err"
	grep -v ': warning: ' "$work/err" | head -n 1 | grep -Eq -- "$regex" &&
		[ "$(tail -n 1 "$work/err")" = "nothing was changed" ] &&
		log_says a "$regex" && state | diff "$work/state" -
}

# wrong TEXT FILE SED-SCRIPT REGEX: spoils the file, is refused, and puts it back.
wrong() {
	cp -p "$2" "$work/good"
	sed -i "$3" "$2"
	fact "refused: $1" refuses "$4"
	cp -p "$work/good" "$2"
}

# knows NAME: a's list has that peer.
knows() {
	instance_wg a show peers | grep -qxF "${public_key[$1]}"
}

handshake_of_b() {
	instance_wg a show latest-handshakes | grep -F "${public_key[b]}"
}

# write_public NAME...: a's list, with those instances in it.
write_public() {
	local name
	for name; do peer_section "$name" a; done >"$public"
}

same_session_of_b() {
	handshake_of_b | diff "$work/handshake" -
}

wg_set_on_b() {
	instance_wg b set "$@"
}

port_held() {
	instance_run a ss -Hlnu 'sport = :4998' | grep -q .
}

off() {
	no ip -n "$(host_ns a)" link show "$(device a)"
}

cluster a b c
write_public a b
instance_start b "$peer"
instance_start c "$peer"
instance_start a guardlane
fact "a reaches b" reaches a b
handshake_of_b >"$work/handshake"

# -- what changes ----------------------------------------------------------------------------

fact "nothing has changed, and it says so" applies 'nothing has changed' '.*1 unchanged'
write_public a b c
reconfigure --dry-run
fact "a dry run prints what would be added" says "^\+ .* 10.8.3.3 $(endpoint c)$" '1 added, 1 unchanged'
fact "and adds nothing" no knows c
fact "c is added" applies "^\+ .* 10.8.3.3 $(endpoint c)$" '1 added, 1 unchanged'
fact "a reaches c" reaches a c
sed -i '/^Endpoint = .*'"$(outside c)"'/s/:4567/:4568/' "$public"
fact "c's endpoint changes" applies "^~ .*endpoint $(endpoint c) → $(outside c):4568" \
	'1 changed, 1 unchanged'
write_public a b c
fact "and changes back" applies "^~ .*endpoint $(outside c):4568 → $(endpoint c)" \
	'1 changed, 1 unchanged'
fact "a reaches c again" reaches a c
sed -i '/10.8.3.3/s/$/, 10.9.0.0\/24/' "$public"
fact "c gets another network" applies '^~ .*allowed-ips 10.8.3.3 → 10.8.3.3, 10.9.0.0/24' \
	'1 changed, 1 unchanged'
sed -i 's/, 10.9.0.0\/24//; /10.8.3.2/s/$/, 10.9.0.0\/24/' "$public"
fact "which moves to b" applies '^~ .*allowed-ips 10.8.3.2 → 10.8.3.2, 10.9.0.0/24' '2 changed, 0 unchanged'
write_public a b
fact "c is removed, and b gives it up" applies '^- .* 10.8.3.3' '1 changed, 1 removed, 0 unchanged'
fact "a does not know c any more" no knows c
fact "c does not get in any more" no pings c a
fact "through all this b's session was the same" same_session_of_b
fact "and b pings a" pings b a

# -- keys and ports --------------------------------------------------------------------------

(umask 077 && wg genpsk >"$work/psk")
printf 'PresharedKey = %s\n' "$(cat "$work/psk")" >>"$public"
wg_set_on_b peer "${public_key[a]}" preshared-key "$work/psk"
fact "a preshared key is taken over" applies '^~ .*preshared key' '1 changed, 0 unchanged'
fact "it says no secret" no grep -qF "$(cat "$work/psk")" "$work/out" "$work/a.log"
fact "the session goes on" pings a b

sed -i 's/ListenPort = .*/ListenPort = 4999/' "$private"
fact "another port is taken over" applies '^~ .*port 4567 → 4999' '.*1 unchanged'
fact "b finds a there" within 10 pings b a

private_key[a]=$(wg genkey)
wg_set_on_b peer "${public_key[a]}" remove
public_key[a]=$(wg pubkey <<<"${private_key[a]}")
wg_set_on_b peer "${public_key[a]}" preshared-key "$work/psk" allowed-ips "$(allowed_ips a)" \
	endpoint "$(outside a):4999"
(umask 077 && interface_section a >"$private")
sed -i 's/ListenPort = .*/ListenPort = 4999/' "$private"
write_public a b
printf 'PresharedKey = %s\n' "$(cat "$work/psk")" >>"$public"
fact "another key of our own is taken over" applies '^~ .*private key' '.*1 unchanged'
fact "a reaches b with it, and with the preshared key" reaches a b
fact "b pings a" pings b a

# -- what is wrong ---------------------------------------------------------------------------

# The peer's section is the second one, lines 7 and up.
wrong "a key that is none" "$public" '8s/.*/PublicKey = abc/' 'vpn-public.conf:8: error: '
wrong "an unknown setting" "$public" '9s/.*/AlowedIPs = 10.8.3.2/' 'vpn-public.conf:9: error: '
wrong "an address that is none" "$public" '9s/10.8.3.2/10.8.3.256/' 'vpn-public.conf:9: error: '
wrong "an endpoint without a port" "$public" '10s/:4567//' 'vpn-public.conf:10: error: '
wrong "the same address twice" "$public" '9s/10.8.3.2/10.8.3.1/' 'vpn-public.conf:9: error: .*10.8.3.1'
wrong "a private key that is cut off" "$private" '3s/....$//' 'vpn-private.conf:3: error: '
wrong "no private key" "$private" '3d' 'vpn-private.conf: error: has no PrivateKey'
mv "$private" "$work/kept"
fact "refused: no private file" refuses 'vpn-private.conf: error: is missing'
mv "$work/kept" "$private"
chmod 606 "$private"
fact "refused: a private file that others can write" refuses 'vpn-private.conf: error: .*chmod 600'
chmod 600 "$private"
spawn "$work/holder" ip netns exec "$(host_ns a)" ncat -u -l 4998
within 5 port_held >/dev/null
wrong "a port that another program has" "$private" 's/4999/4998/' '4998.*in use|in use.*4998'
fact "b still pings a" pings b a

# -- settings that need more -----------------------------------------------------------------

sed -i 's/=10.8.3.1$/=10.8.3.77/' "$work/a/.env"
fact "another VPN address is no error" reconfigure
fact "but takes down and up, as it says" grep -Eq '10.8.3.77.*10.8.3.1\b.*down|10.8.3.1\b.*10.8.3.77.*down' "$work/err"
fact "the old one stays meanwhile" pings b a
sed -i 's/=10.8.3.77$/=10.8.3.1/' "$work/a/.env"
echo 'memory: 300' >"$work/a/gateway.conf"
fact "nor is another amount of memory" reconfigure
fact "which takes down and up too" grep -q 'memory is to be 300, and 256 is in force until .*down' "$work/err"
echo 'listen-port: 4997' >"$work/a/gateway.conf"
fact "another port in gateway.conf is taken over" applies '^~ .*port 4999 → 4997' '.*1 unchanged'
fact "b finds a there" within 10 pings b a
echo 'listen-prt: 4996' >"$work/a/gateway.conf"
fact "refused: a setting that is none" refuses 'gateway.conf:1: .*listen-port'
rm "$work/a/gateway.conf"
kill -HUP "${pid[a]}"
fact "SIGHUP names reconfigure" within 5 log_says a 'hangup signal.*guardlane reconfigure'

# -- off and on ------------------------------------------------------------------------------

mv "$public" "$work/kept"
reconfigure --dry-run
fact "without a peer table it would stop" says 'no peer table any more: the VPN would stop'
fact "a dry run does not stop it" pings b a
fact "without a peer table it stops" reconfigure
fact "and says so" says 'no peer table any more: the VPN stops'
fact "the device is gone" off
fact "once more: nothing has changed" reconfigure
fact "and says so" says 'clustering is off' 'nothing has changed'
sed 's/AllowedIPs/AlowedIPs/' "$work/kept" >"$public"
if reconfigure; then status=0; else status=$?; fi
fact "a table that is wrong does not start it" test "$status" = 1
fact "and is named" grep -Eq 'vpn-public.conf:4: error' "$work/err"
mv "$work/kept" "$public"
reconfigure --dry-run
fact "with the table there it would start" says 'there is a peer table: the VPN would start'
fact "a dry run does not start it" off
fact "with the table there it starts" reconfigure
fact "and says so" says 'the VPN starts' '^ready: '
fact "a reaches b" reaches a b
fact "it ends when it is told to" instance_stop a
fact "the exit status is 0" ended a
