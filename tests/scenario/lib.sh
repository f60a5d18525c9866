# The harness of the scenarios: facts, waiting, hosts (namespaces on a bridge), tidying afterwards.
# A scenario sources this file, draws its topology and lists facts; scripts/demo stands on it too.
# Beside it: instance.sh (what runs on a host), uml.sh (the kernel peer), machine.sh (PCI devices),
# traffic.sh, traces.sh.
# shellcheck shell=bash
set -eEuo pipefail

scenario_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$scenario_dir/../.." && pwd)
run=gl$$                                # prefix of all names of this run
work=$(mktemp -d "${TMPDIR:-/tmp}/$run.XXXXXX")
lan=$run-lan                            # the namespace that holds the bridge
failed=0
: >"$work/rates"

# shellcheck source=instance.sh
. "$scenario_dir/instance.sh"
# shellcheck source=uml.sh
. "$scenario_dir/uml.sh"
# shellcheck source=machine.sh
. "$scenario_dir/machine.sh"
# shellcheck source=traffic.sh
. "$scenario_dir/traffic.sh"
# shellcheck source=traces.sh
. "$scenario_dir/traces.sh"

# -- facts -----------------------------------------------------------------------------------

# fact TEXT COMMAND...: the command must succeed. Prints one line; after a failure also what the
# command and the instances said. A failed fact does not end the scenario.
fact() {
	local text=$1
	shift
	if "$@" >"$work/fact" 2>&1; then
		printf 'ok    %s\n' "$text"
	else
		printf 'FAIL  %s\n' "$text"
		failed=$((failed + 1))
		{ echo "$*"; tail -n 20 "$work/fact"; } | quote
		show_logs
	fi
}

# What is worth knowing and is no fact: throughput, times.
info() {
	printf 'info  %s\n' "$*"
}

# Whatever the last line ends with, the next one is one of its own.
quote() {
	awk '{ print "      | " $0 }'
}

show_logs() {
	local log
	for log in "$work"/*.log; do
		[ -s "$log" ] || continue
		printf '      %s:\n' "${log##*/}"
		tail -n "${LOG_LINES:-15}" "$log" | quote
	done
}

# What a scenario does between its facts must succeed too; where it does not, the scenario ends.
broken() {
	[ "$BASH_SUBSHELL" = 0 ] || return 0
	printf 'FAIL  %s: %s\n' "$1" "$2"
	show_logs
}

no() {
	! "$@"
}

# within SECONDS COMMAND...: polls until the command succeeds, or fails when the time is up.
within() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >"$work/within" 2>&1; do
		if [ "$SECONDS" -gt "$end" ]; then
			cat "$work/within"
			return 1
		fi
		sleep 0.1
	done
	cat "$work/within"
}

# -- hosts -----------------------------------------------------------------------------------
#
#        host NAME                    lan
#   ┌─ gl$$-NAME ─┐        ┌───── gl$$-lan ─────┐        eth0 of the N-th host:
#   │        eth0 ├────────┤ NAME   br0   ...   │        192.0.2.N/24 and 2001:db8::N/64
#   └─────────────┘        └────────────────────┘

declare -A number=()                    # of a host, from 1

host_ns() {
	echo "$run-$1"
}

# outside NAME [4|6]: the underlay address.
outside() {
	case ${2:-4} in 4) echo "192.0.2.${number[$1]}" ;; 6) echo "2001:db8::${number[$1]}" ;; esac
}

ns_create() {
	ip netns add "$1"
	# Addresses are to be usable at once: no duplicate address detection.
	ip netns exec "$1" sysctl -qw net.ipv6.conf.{all,default}.accept_dad=0
	ip -n "$1" link set lo up
}

lan_create() {
	ns_create "$lan"
	ip -n "$lan" link add br0 type bridge forward_delay 0 mcast_snooping 0
	ip -n "$lan" link set br0 up
}

# A host on the lan, without addresses: those go where the instance's stack is (see host_address).
host_create() {
	local name=$1 ns
	ns=$(host_ns "$name")
	[ -n "${number[$name]:-}" ] || number[$name]=$((${#number[@]} + 1))
	ip netns list | grep -q "^$lan\b" || lan_create
	ns_create "$ns"
	ip -n "$ns" link add eth0 type veth peer name "$name" netns "$lan"
	# A veth leaves UDP checksums to a NIC that is not there, and user-mode Linux checks them.
	ip netns exec "$ns" ethtool -K eth0 tx off >/dev/null
	ip -n "$lan" link set dev "$name" master br0 up
	ip -n "$ns" link set eth0 up
}

host_address() {
	local ns
	ns=$(host_ns "$1")
	# A kernel peer on the host had taken it away (see uml_start).
	ip netns exec "$ns" sysctl -qw net.ipv6.conf.eth0.disable_ipv6=0
	ip -n "$ns" addr replace "$(outside "$1" 4)/24" dev eth0
	ip -n "$ns" addr replace "$(outside "$1" 6)/64" dev eth0 nodad
}

# -- processes and the end -------------------------------------------------------------------

started=()                              # process ids, ended with the scenario

# spawn LOG COMMAND...: runs in the background until the scenario ends; its id is in $!.
spawn() {
	local log=$1
	shift
	"$@" >>"$log" 2>&1 </dev/null &
	started+=($!)
}

# gone PID: the process has ended (a zombie has).
gone() {
	local state
	{ read -r _ _ state _ <"/proc/$1/stat"; } 2>/dev/null || return 0
	[ "$state" = Z ]
}

# Ends and removes all that this run made.
tidy() {
	local ns pid
	for pid in "${started[@]}"; do kill -KILL "$pid"; done
	for ns in $(ip netns list | awk -v run="$run-" 'index($1, run) == 1 { print $1 }'); do
		# All that runs in a namespace of ours was started by us (UML has helper processes).
		for pid in $(ip netns pids "$ns"); do kill -KILL "$pid"; done
		ip netns del "$ns"
	done
	wait
	hugepages_give_back
	# gl31 is not gl314, whose sockets are in the same folders.
	rm -f {/var/run/wireguard,/run/guardlane}/"$run"[!0-9]*.sock
	awk -v work="$work/" 'index($2, work) == 1 { print $2 }' /proc/mounts | xargs -r umount
	rm -rf "$work"
} 2>/dev/null

# A subshell may have inherited the trap: what it ends is itself alone.
cleanup() {
	local status=$?
	[ "$BASHPID" = "$$" ] || exit "$status"
	trap '' INT TERM
	trap - ERR
	set +e
	tidy
	[ "$failed" = 0 ] || status=1
	exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'broken "${BASH_SOURCE[0]##*/}:$LINENO" "$BASH_COMMAND"' ERR
