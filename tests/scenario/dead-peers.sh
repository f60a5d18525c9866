#!/bin/bash
# Many peers that never answer, and packets for all of them: the one that is alive notices nothing.
# Arguments: none
#
#   b (wireguard-go) ──── lan ──── a (gateway) ···· 45 peers that are not there
. "$(dirname "$0")/lib.sh"
dead=$(seq 100 144)

dead_sections() {
	local n
	for n in $dead; do
		printf '\n[Peer]\nPublicKey = %s\n' "$(wg genkey | wg pubkey)"
		printf 'AllowedIPs = 10.8.3.%d/32\nEndpoint = 192.0.2.%d:4567\n' "$n" "$n"
	done
}

# More packets for each than may wait for a session, and for all of them more than may wait at all.
pings_for_the_dead() {
	local n
	for n in $dead; do
		instance_spawn a timeout 20 ping -q -f -c 140 -W 1 "10.8.3.$n"
	done
}

b_answers_all() {
	instance_run a ping -q -c 10 -i 0.3 -W 1 "$(inside b)" | grep -F ' 0% packet loss'
}

cluster a b
dead_sections >>"$(config_dir a)/vpn-public.conf"
instance_start b wireguard-go
instance_start a "$gateway"
fact "a reaches b" reaches a b
pings_for_the_dead
sleep 4
fact "b answers all of a's pings meanwhile" b_answers_all
fact "a ends when it is told to" instance_stop a
fact "its log counts the packets that could not wait" log_says a "dropped out_staged_full"
