#!/bin/bash
# guardlane status: each diagnosis provoked for real, and gone when the cause is.
# Arguments: PEER
#
#   a (gateway) ──── lan ──── b (peer)        c: a host without WireGuard; d: nobody
#        └── side: another interface of a's host, 203.0.113.0/24
. "$(dirname "$0")/lib.sh"
peer=$1

control() {
	echo "$work/control.sock"
}

status() {
	instance_run a "$guardlane" status --control "$(control)" "$@"
}

# kind NAME: what is wrong with the peer of that name, or "none".
kind() {
	status --json | jq -r --arg name "$1" \
		'.tunnels[0].peers[] | select(.name == $name) | .diagnosis.kind // "none"'
}

is_kind() {
	local found
	found=$(kind "$1")
	echo "$1: $found"
	[ "$found" = "$2" ]
}

# says REGEX: the table has it, whatever the width.
says() {
	status | grep -E -- "$1"
}

# named_section NAME KEY ADDRESS [ENDPOINT]
named_section() {
	printf '\n# %s\n[Peer]\nPublicKey = %s\nAllowedIPs = %s/32\n' "$1" "$2" "$3"
	[ -z "${4:-}" ] || printf 'Endpoint = %s\n' "$4"
}

start_a() {
	instance_start a guardlane --control "$(control)"
}

restart_a() {
	instance_stop a
	start_a
}

# write_public [passive]: a's file: b under its name, and peers that are what the test needs.
write_public() {
	local b_endpoint=
	[ "${1:-}" = passive ] || b_endpoint=$(endpoint b)
	{
		peer_section a a
		named_section bob "${public_key[b]}" "$(inside b)" "$b_endpoint"
		named_section nowhere "$(wg genkey | wg pubkey)" 10.8.3.101
		named_section dead "$(wg genkey | wg pubkey)" 10.8.3.102 "$(outside c):4567"
		named_section gone "$(wg genkey | wg pubkey)" 10.8.3.103 192.0.2.200:4567
		named_section side "$(wg genkey | wg pubkey)" 10.8.3.104 203.0.113.9:4567
	} >"$(config_dir a)/vpn-public.conf"
}

# Handshakes pass between a and b, what is longer does not.
drop_long_packets() {
	ip netns exec "$lan" nft -f - <<-EOF
	table bridge mtu {
		chain forward {
			type filter hook forward priority 0
			ip protocol udp meta length > 300 drop
		}
	}
	EOF
}

# --watch on a terminal of its own: Ctrl-C is typed when it has drawn three times. Around it stands
# how the terminal is set; the shell lets Ctrl-C pass, as an interactive one does.
watch_on_terminal() {
	local command
	command="stty rows 40 columns 120; stty -g; trap : INT
		'$guardlane' status --control '$(control)' --watch 1; echo; stty -g"
	: >"$work/watched"
	{ within 30 drawn 3 >/dev/null; printf '\003'; within 20 drawn_and_left >/dev/null; } |
		instance_run a timeout 60 script -qfec "$command" "$work/watched" >/dev/null
}

# drawn COUNT: so many times from the upper left corner.
drawn() {
	[ "$(grep -ao $'\033\[Hguardlane' "$work/watched" | wc -l)" -ge "$1" ]
}

drawn_and_left() {
	[ "$(settings_of_terminal | wc -l)" = 2 ]
}

settings_of_terminal() {
	tr -d '\r' <"$work/watched" | grep -aEx '[0-9a-f]+(:[0-9a-f]+){10,}' || true
}

drew_over() {
	cat -v "$work/watched"
	drawn 3 && grep -aq 'in/s *out/s' "$work/watched"
}

# No mode of the terminal is turned on either, such as another screen or no cursor.
terminal_as_before() {
	cat -v "$work/watched"
	drawn_and_left && [ "$(settings_of_terminal | uniq | wc -l)" = 1 ] &&
		no grep -aq $'\033\[?' "$work/watched"
}

# What an operator may believe to protect the port.
mention_port() {
	ip netns exec "$(host_ns a)" nft -f - <<-EOF
	table inet host {
		chain input {
			type filter hook input priority 0
			udp dport 4567 counter
		}
	}
	EOF
}

let_all_pass() {
	ip netns exec "$lan" nft delete table bridge mtu
}

long_pings() {
	instance_run a ping -q -i 0.5 -W 1 -c 80 -s 1000 "$(inside b)" || true
}

# rekey_b KEY: b goes on under another private key. The kernel peer reads files of this machine.
rekey_b() {
	(umask 077 && echo "$1" >"$(config_dir b)/key")
	instance_wg b set private-key "$(config_dir b)/key"
}

initiate_from_b() {
	instance_run b ping -q -c 1 -W 1 "$(inside a)" || true
}

cluster a b
host_create c
host_address c
write_public
ip -n "$(host_ns a)" link add side0 type veth peer name side1
ip -n "$(host_ns a)" addr add 203.0.113.1/24 dev side0
ip -n "$(host_ns a)" link set side0 up
ip -n "$(host_ns a)" link set side1 up
instance_start b "$peer"
start_a
fact "a reaches b" reaches a b

fact "nothing is wrong with b" is_kind bob none
fact "a peer without an endpoint" is_kind nowhere no-endpoint
fact "one whose route leaves through another interface" is_kind side elsewhere
fact "the table names that interface" says "leaves through side0"
fact "one that never answers" within 30 is_kind dead never-answered
fact "the table counts the initiations" says "dead: never answered, [0-9]+ initiations in"
fact "one whose next hop is not there" within 10 is_kind gone no-neighbour
fact "the table has a line for b, with its age and bytes" \
	says "^bob +$(outside b):4567 +[0-9]+ s +[0-9.]+ (B|KiB) +[0-9.]+ (B|KiB) +0$"
fact "the json has b's name, endpoint and key" eval \
	"status --json | jq -e --arg key '${public_key[b]}' '.tunnels[0].peers[0] |
		.public_key == \$key and .name == \"bob\" and .state == \"up\"'"
fact "the json has the hash of the public file" eval \
	"status --json | jq -e '.tunnels[0].hash | test(\"^[0-9a-f]{16}\$\")'"
fact "the firewall is not mentioned" no says "firewall mentions"
mention_port
fact "a firewall rule for the port, which does nothing, is" \
	says "firewall mentions UDP port 4567 \(nft: inet host input\)"
fact "no escape sequences go into a pipe" eval "! status | grep -q $'\\033'"

watch_on_terminal
fact "--watch draws over what it drew before, with rates" drew_over
fact "Ctrl-C ends it, and leaves the terminal as it was" terminal_as_before

drop_long_packets
long_pings >/dev/null &
fact "b answers handshakes and no data: long packets do not pass" \
	within 60 is_kind bob no-data
wait $!
let_all_pass
fact "b is well again when they pass" eval "reaches a b && within 20 is_kind bob none"

other=$(wg genkey)
rekey_b "$other"
restart_a
initiate_from_b
fact "b has another key: it is unknown, and comes from b's endpoint" \
	within 15 is_kind bob key-changed
fact "the table names the unknown key's beginning and address" \
	says "unknown key $(wg pubkey <<<"$other" | cut -c 1-4)[^ ]* initiates from $(outside b):4567"
rekey_b "${private_key[b]}"
fact "b is well again with its own key" eval "reaches a b && is_kind bob none"

# b loads its file anew.
forget_sessions() {
	instance_wg b setconf "$(config_dir b)/wg.conf"
}

# b alone initiates, once with the right time and then with that of an hour ago.
clock_an_hour_back() {
	instance_run b date -u -s "@$(($(date +%s) - 3600))"
	forget_sessions
}

if [ "$peer" = kernel ]; then
	write_public passive
	restart_a
	fact "b initiates" within 20 pings b a
	clock_an_hour_back >/dev/null
	initiate_from_b
	fact "b's clock is behind" within 30 is_kind bob clock-behind
	fact "the table says by how much" says "clock is (59|60|61) min behind ours"
	instance_run b date -u -s "@$(date +%s)" >/dev/null
	fact "b is well again when its clock is set" eval \
		"within 30 pings b a && is_kind bob none"
fi

# Outside IPv6: what is longer than the way's MTU is cut by b itself.
cluster_outside=6
files
write_public
forget_sessions
instance_run b ip -6 route add "$(outside a 6)" dev eth0 mtu 1280
restart_a
fact "a reaches b over IPv6" reaches a b
instance_run b ping -q -c 5 -i 0.3 -W 1 -s 1300 "$(inside a)" >/dev/null || true
fact "what b sends arrives in fragments" within 5 is_kind bob fragments
fact "the table has the MTU that fits" says "MTU = 1200 in its"

fact "a ends when it is told to" instance_stop a
fact "nobody answers: exit status 1" no status
: >"$(config_dir a)/vpn-public.conf"
guardlane_spawn a --control "$(control)"
fact "without a peer table it says so, and succeeds" within 10 says "clustering is off"
