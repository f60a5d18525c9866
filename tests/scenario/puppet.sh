# The puppet of tests/puppet on a host: a peer that does what it is told, and tells its keys.
# shellcheck shell=bash

puppet_program=$root/build/tests/puppet/puppet
declare -A puppet_in=() puppet_out=()

# puppet_start NAME TARGET: in the place of instance NAME, with its keys, at 192.0.2.N:4567.
puppet_start() {
	local name=$1 target=$2 in out
	host_address "$name"
	mkfifo "$work/$name.in" "$work/$name.out"
	ip netns exec "$(host_ns "$name")" "$puppet_program" <"$work/$name.in" >"$work/$name.out" &
	started+=($!)
	exec {in}>"$work/$name.in" {out}<"$work/$name.out"
	puppet_in[$name]=$in
	puppet_out[$name]=$out
	puppet "$name" self "${private_key[$name]}"
	puppet_aim "$name" "$target"
	puppet "$name" socket "$(endpoint "$name")"
}

# puppet_aim NAME TARGET: takes over the keys of the target, and the preshared one, as they are now.
puppet_aim() {
	# shellcheck disable=SC2086 # one word, or none
	puppet "$1" target "$(endpoint "$2")" "${public_key[$2]}" $cluster_psk
}

# puppet NAME COMMAND...: what it says; fails when it says error or ends.
puppet() {
	local name=$1 line status=0
	shift
	echo "$*" >&"${puppet_in[$name]}"
	while read -r -t 30 -u "${puppet_out[$name]}" line; do
		[ "$line" != . ] || return "$status"
		echo "$line"
		[ "${line%%:*}" != error ] || status=1
	done
	echo "error: the puppet is silent"
	return 1
}
