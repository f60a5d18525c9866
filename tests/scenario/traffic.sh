# Traffic between instances, through the tunnel: ping, iperf3, and a file with its checksum.
# FROM and TO are instances; FAMILY is that of the inner addresses. Each command has a time limit.
# The functions succeed when the traffic passed; how fast is for information.
# shellcheck shell=bash

# pings FROM TO [FAMILY [OPTION...]]: one echo, answered within a second.
pings() {
	local from=$1 to=$2 family=${3:-4}
	shift $(($# < 3 ? $# : 3))
	instance_run "$from" ping -c 1 -W 1 "$@" "$(inside "$to" "$family")"
}

# reaches FROM TO [FAMILY [OPTION...]]: the same, tried for ten seconds (a handshake may be due).
reaches() {
	within 10 pings "$@"
}

# handshake_done NAME OTHER: NAME's own list says so.
handshake_done() {
	instance_wg "$1" show latest-handshakes |
		awk -v key="${public_key[$2]}" '$1 == key { done = $2 > 0 } END { exit !done }'
}

listens() {
	instance_run "$1" ss -Hltn "sport = :$2" | grep -q .
}

# iperf_server NAME [SECONDS]: serves once, within that time; returns when it listens.
iperf_server() {
	instance_spawn "$1" timeout "${2:-60}" iperf3 -s -1 -p 5201
	within 30 listens "$1" 5201
}

# iperf TEXT FROM TO [OPTION...]: three seconds of iperf3; says the rate that arrived.
iperf() {
	local text=$1 from=$2 to=$3 out rate
	shift 3
	out=$work/iperf.$from.$to
	iperf_server "$to" || return
	instance_run "$from" timeout 30 iperf3 -f m -t "${IPERF_SECONDS:-3}" -p 5201 \
		-c "$(inside "$to")" "$@" >"$out" || { cat "$out"; return 1; }
	rate=$(iperf_rate "$out")
	[ "${rate%%[. ]*}" -gt 0 ] || { cat "$out"; return 1; }
	echo "$text $rate" >>"$work/rates"
}

# The receiver's line; of UDP also the loss.
iperf_rate() {
	awk '/receiver/ {
		for (i = 1; i <= NF; i++) {
			if ($(i + 1) == "Mbits/sec") rate = $i " Mbit/s"
			if ($i ~ /^\(.*%\)$/) loss = ", lost " substr($i, 2, length($i) - 2)
		}
		print rate loss
	}' "$1"
}

# Says what the iperf runs so far have reached.
info_rates() {
	local line
	while read -r line; do info "$line"; done <"$work/rates"
	: >"$work/rates"
}

# random_file BYTES: makes $work/random and its checksum in $work/random.sha256.
random_file() {
	head -c "$1" /dev/urandom >"$work/random"
	sha256sum <"$work/random" >"$work/random.sha256"
}

# sends_file FROM TO: the random file over TCP; the checksum there must be the one here.
sends_file() {
	local from=$1 to=$2
	rm -f "$work/received"
	instance_spawn "$to" bash -c "timeout 500 ncat -l --recv-only 9000 |
		sha256sum >$work/received.new; mv $work/received.new $work/received"
	within 30 listens "$to" 9000 || return
	instance_run "$from" bash -c \
		"timeout 500 ncat --send-only $(inside "$to") 9000 <$work/random" || return
	within 20 test -e "$work/received" || return
	cmp "$work/random.sha256" "$work/received"
}

# carries_all A B: the facts that full-size packets and bulk pass between two, each way.
carries_all() {
	local a=$1 b=$2
	fact "a full-size packet passes whole, $a to $b" pings "$a" "$b" 4 -M do -s 1392
	fact "a full-size packet passes whole, $b to $a" pings "$b" "$a" 4 -M do -s 1392
	fact "iperf3 TCP $a to $b" iperf "TCP $a to $b" "$a" "$b"
	fact "iperf3 TCP $b to $a" iperf "TCP $b to $a" "$b" "$a"
	fact "iperf3 UDP $a to $b" iperf "UDP $a to $b" "$a" "$b" -u -b 50M -l 1200
	fact "iperf3 UDP $b to $a" iperf "UDP $b to $a" "$b" "$a" -u -b 50M -l 1200
	info_rates
}
