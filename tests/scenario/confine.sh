#!/bin/bash
# Each thread of the gateway has the capabilities and the filter that docs say, and with them all
# works: traffic, rekeying by wg set, roaming, reconfigure, a name server, status, metrics, the end.
# Case SEC-2.
# Arguments: PEER
#
#   a (gateway) ──── lan ──── b, c (peers)
. "$(dirname "$0")/lib.sh"
peer=$1

guardlane_says() {
	"$guardlane" "$@" "$(device a)"
}

# thread_lines FIELD: "NAME VALUE" for each thread of a.
thread_lines() {
	local task
	for task in /proc/"${pid[a]}"/task/*; do
		printf '%s %s\n' "$(tr ' ' _ <"$task/comm")" \
			"$(sed -n "s/^$1:[[:space:]]*//p" "$task/status")"
	done
}

# every FIELD VALUE: every thread has it.
every() {
	thread_lines "$1" >"$work/lines"
	cat "$work/lines"
	[ "$(wc -l <"$work/lines")" -ge 6 ] && ! grep -v " $2\$" "$work/lines"
}

# capabilities NAME...: the mask of those.
capabilities() {
	local name mask=0
	declare -A bit=([DAC_OVERRIDE]=1 [NET_BIND_SERVICE]=10 [NET_ADMIN]=12 [NET_RAW]=13
		[IPC_LOCK]=14 [SYS_ADMIN]=21 [BPF]=39)
	for name; do mask=$((mask | 1 << bit[$name])); done
	printf '%016x' "$mask"
}

# threads_have FIELD: what each kind may at most; a thread of another name has nothing.
threads_have() {
	local name mask allowed wrong=
	while read -r name mask; do
		case $name in
		guardlane) allowed=$(capabilities NET_ADMIN NET_RAW IPC_LOCK NET_BIND_SERVICE BPF \
			DAC_OVERRIDE) ;;
		gl-management) allowed=$(capabilities NET_ADMIN NET_RAW IPC_LOCK NET_BIND_SERVICE BPF) ;;
		gl-handshake) allowed=$(capabilities IPC_LOCK) ;;
		*) allowed=0 ;;
		esac
		echo "$name $mask"
		[ $((0x$mask & ~0x$allowed)) = 0 ] || wrong=yes
	done < <(thread_lines "$1")
	[ -z "$wrong" ]
}

confined() {
	local when=$1
	fact "$when: no thread has more than its capabilities" within 5 threads_have CapEff
	fact "$when: nor could it take more" threads_have CapPrm
	fact "$when: every thread has a filter" every Seccomp 2
	fact "$when: no thread can get new privileges" every NoNewPrivs 1
}

port_is() {
	[ "$(instance_wg a show listen-port)" = "$1" ]
}

cluster a b c
host_address a
port=$((20000 + RANDOM % 20000))
instance_start a "$gateway" --metrics "127.0.0.1:$port"
instance_start b "$peer"
confined "at start"
fact "a reaches b" reaches a b
fact "b reaches a" reaches b a

# -- a peer is removed and comes back; its sessions' memory, its routes, its port are made anew --
fact "wg set removes b" instance_wg a set peer "${public_key[b]}" remove
fact "a does not reach b" no reaches a b
fact "wg set adds c" instance_wg a set peer "${public_key[c]}" endpoint "$(endpoint c)" \
	allowed-ips "$(allowed_ips c | tr -d ' ')"
fact "wg set moves the port" instance_wg a set listen-port 4999
fact "which is another now" within 5 port_is 4999
fact "a name that is none is looked up" instance_wg a set peer "${public_key[c]}" persistent-keepalive 5
fact "reconfigure goes back to the files" guardlane_says reconfigure
fact "the port, too" within 5 port_is 4567
fact "a reaches b again" reaches a b

# -- what main does -------------------------------------------------------------------------------
fact "status answers" guardlane_says status --json
fact "metrics answer" instance_run a curl -sf "http://127.0.0.1:$port/metrics" -o "$work/metrics"
mv "$(config_dir a)/vpn-public.conf" "$work/public"
: >"$(config_dir a)/vpn-public.conf"
fact "without a peer table clustering goes off" guardlane_says reconfigure
mv "$work/public" "$(config_dir a)/vpn-public.conf"
fact "with it, everything is set up again under the filters" guardlane_says reconfigure
confined "after that"
fact "a reaches b once more" reaches a b
kill -TERM "${pid[a]}"
fact "SIGTERM ends it" within 10 gone "${pid[a]}"
fact "with status 0" ended a
