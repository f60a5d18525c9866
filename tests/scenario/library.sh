#!/bin/bash
# A host application outside the tree, built by pkg-config against an installed guardlane, has a
# tunnel in its own process: 10,000 packets to wireguard-go and back, shared and static.
# Arguments: none
#
#   a: tunnel-ping (docs/examples/library; its own NIC, EAL and buffers) ──── lan ──── b (wireguard-go)
. "$(dirname "$0")/lib.sh"
count=10000

# As if it had been configured with that prefix: the installed files know no other.
install_guardlane() {
	DESTDIR=$work/root meson install -C "$root/build" --no-rebuild
	installed=$(find "$work/root" -name pkgconfig)
	sed -i "s|^prefix=|&$work/root|" "$installed"/guardlane*.pc
	# Nothing of the tree is seen from there.
	cp -r "$root/docs/examples/library" "$work/example"
}

make_example() {
	PKG_CONFIG_PATH=$installed make -C "$work/example" CFLAGS='-O2 -Werror' "$@"
}

# needs PROGRAM: the libraries that it is linked to at run time.
needs() {
	readelf -d "$work/example/$1" | grep NEEDED
}

is_shared() {
	needs tunnel-ping | grep -q 'libguardlane\.so\.0\.1\]'
}

is_static() {
	needs tunnel-ping-static | tee "$work/needed"
	grep -q libc.so "$work/needed" && ! grep -Eq 'guardlane|rte_' "$work/needed"
}

# example PROGRAM: runs it on a, with a's files.
example() {
	LD_LIBRARY_PATH=${installed%/*} instance_run a timeout 120 "$work/example/$1" \
		--no-huge -m 128 --no-pci --no-telemetry --no-shconf --file-prefix "$run" \
		--log-level '*:error' --lcores 0 --vdev net_af_packet0,iface=eth0,qdisc_bypass=1 -- \
		eth0 "$(config_dir a)/vpn-private.conf" "$(config_dir a)/vpn-public.conf" \
		"$(inside a)" "$(inside b)" "$count" >"$work/$1.out" 2>"$work/a.log" ||
		{ cat "$work/$1.out"; return 1; }
}

says() {
	grep -E -- "$2" "$work/$1.out" || { cat "$work/$1.out"; return 1; }
}

b_received() {
	instance_wg b show transfer | awk '{ print $2 }'
}

# Of each request b must have had an ICMP message of 28 bytes in a data message of 32 and 32.
b_counted() {
	local more=$(($(b_received) - before))
	echo "$more bytes"
	[ "$more" -ge $((count * 64)) ]
}

cluster a b
instance_start b wireguard-go
host_address a
remember_traces a
kind[a]=example
fact "guardlane installs into a place of its own" install_guardlane
fact "the example builds with pkg-config" make_example all
fact "it builds with pkg-config --static" make_example static
fact "the one needs libguardlane" is_shared
fact "the other needs neither libguardlane nor DPDK" is_static
for program in tunnel-ping tunnel-ping-static; do
	before=$(b_received)
	fact "$program: $count packets to b and back" example "$program"
	fact "$program: all of them, once each" says "$program" "^$count sent, $count answered, 0 twice"
	fact "$program: status names who answered" says "$program" 'up, .*the one that answered'
	fact "$program: nothing was dropped" no grep -q dropped "$work/$program.out"
	fact "$program: b has counted them" b_counted
	fact "$program: nothing is left behind" within 5 same_traces a
done
