#!/bin/bash
# The two VPNs from one pair of files that says 4567: the role dataplane talks on 4568, both ways.
# Arguments: PEER
#
#   a (gateway, --role dataplane, UDP 4568) ──── lan ──── b (UDP 4568)
. "$(dirname "$0")/lib.sh"
peer=$1

# a_config ARGUMENT...: what is in force for a with these options.
a_config() {
	env -u MITIGATOR_VPN_ADDRESS "$guardlane" config --config-dir "$(config_dir a)" "$@" |
		tr -s ' '
}

# config_says LINE ARGUMENT...
config_says() {
	local line=$1
	shift
	a_config "$@" | tee "$work/config"
	grep -Fqx -- "$line" "$work/config"
}

listens_on() {
	[ "$(instance_wg a show listen-port)" = "$1" ]
}

endpoint_is() {
	instance_wg a show endpoints | grep -Fqw "$1"
}

cluster a b
dir=$(config_dir a)
b_outside=$(outside b)
# b is the other instance's second VPN: what wg(8) is told there.
sed -i 's/4567/4568/' "$(config_dir b)/wg.conf"
instance_start b "$peer"

instance_start a "$gateway" --role dataplane
fact "dataplane: a reaches b, though the files say 4567" reaches a b
fact "dataplane: b reaches a" reaches b a
fact "dataplane: our port is 4568" listens_on 4568
fact "dataplane: so is that of the endpoints" endpoint_is "$b_outside:4568"
instance_stop a

echo DATA_PLANE_VPN_PORT=4569 >>"$dir/.env"
instance_start a "$gateway" --role dataplane --peer-port 4568
fact "DATA_PLANE_VPN_PORT is our port" listens_on 4569
fact "--peer-port is the endpoints' alone" endpoint_is "$b_outside:4568"
fact "a reaches b from there" reaches a b
instance_stop a

instance_start a "$gateway" --listen-port 4570
fact "gateway: DATA_PLANE_VPN_PORT means nothing, --listen-port is ours alone" listens_on 4570
fact "gateway: the endpoints' port is the file's" endpoint_is "$b_outside:4567"
instance_stop a

listen="listen-port: 4569 # $dir/.env: DATA_PLANE_VPN_PORT"
fact "config: .env above the default" config_says "$listen" --role dataplane
export DATA_PLANE_VPN_PORT=4571
fact "config: the environment above .env" \
	config_says "listen-port: 4571 # DATA_PLANE_VPN_PORT" --role dataplane
printf 'role: dataplane\nlisten-port: 4572\n' >"$dir/gateway.conf"
fact "config: gateway.conf above that" config_says "listen-port: 4572 # $dir/gateway.conf:2"
export GUARDLANE_LISTEN_PORT=4573
fact "config: GUARDLANE_ above gateway.conf" \
	config_says "listen-port: 4573 # GUARDLANE_LISTEN_PORT"
fact "config: the command line above all" \
	config_says "listen-port: 4574 # --listen-port" --listen-port 4574
fact "config: the others are as they were" config_says "peer-port: 4571 # DATA_PLANE_VPN_PORT"
unset DATA_PLANE_VPN_PORT GUARDLANE_LISTEN_PORT

a_config --peer-port 4568 >"$work/printed" # not over the file that it reads
cp "$work/printed" "$dir/gateway.conf"
instance_start a "$gateway"
fact "run takes what config printed: our port" listens_on 4572
fact "run takes what config printed: the endpoints'" endpoint_is "$b_outside:4568"
fact "run takes what config printed: a reaches b" reaches a b
