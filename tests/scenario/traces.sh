# What a gateway leaves on its host, and hugepages: a list before and one after must be the same.
# Also the loan of hugepages to a scenario, which is a number of the whole machine.
# shellcheck shell=bash

# traces NAME: all that a gateway could leave behind, one thing a line.
traces() {
	local ns
	ns=$(host_ns "$1")
	ip -n "$ns" -br link | awk '{ print "link", $1 }'
	ip -n "$ns" route show table all | sed -E 's/ (metric|pref|linkdown).*//; s/^/route /'
	tc -n "$ns" qdisc show dev eth0 2>/dev/null | awk '{ print "qdisc", $2 }'
	tc -n "$ns" filter show dev eth0 ingress 2>/dev/null | sed 's/^/filter /'
	ip netns exec "$ns" awk '$8 ~ /^@/ { print "abstract socket", $8 }' /proc/net/unix
	ip netns exec "$ns" ss -Hlnu | awk '{ print "udp", $4 }'
	ls -d "/var/run/wireguard/$(device "$1").sock" 2>/dev/null || true
	ip -n "$ns" -d link show dev eth0 | grep -o 'promiscuity [0-9]*\|prog/xdp.*' || true
	awk '/HugePages_Total|HugePages_Free/ { print $1, $2 }' /proc/meminfo
}

same_traces() {
	traces "$1" | diff "$work/traces.$1" -
}

remember_traces() {
	traces "$1" >"$work/traces.$1"
}

# -- hugepages -------------------------------------------------------------------------------

hugepages_taken=0

hugepages_add() {
	(
		flock 9
		echo $(($(</proc/sys/vm/nr_hugepages) + $1)) >/proc/sys/vm/nr_hugepages
	) 9>/run/lock/guardlane-hugepages
}

# hugepages_take COUNT: so many more of 2 MiB, until the scenario ends.
hugepages_take() {
	hugepages_add "$1"
	hugepages_taken=$((hugepages_taken + $1))
}

hugepages_give_back() {
	[ "$hugepages_taken" = 0 ] || hugepages_add "-$hugepages_taken"
	hugepages_taken=0
}
