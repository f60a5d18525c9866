#!/bin/bash
# `guardlane check`: exit status, findings, the hash, the firewall; and what wg(8) thinks of the file.
# Arguments: none
#
#   a (no gateway runs: its files, its firewall) ──── lan ──── b, c (no more than entries)
. "$(dirname "$0")/lib.sh"

# check [ARGUMENT...]: on host a, by a user who is not root and has no environment to speak of.
check() {
	ip netns exec "$(host_ns a)" setpriv --reuid=65534 --regid=65534 --clear-groups \
		env -i PATH=/usr/bin:/bin "$guardlane" check "$@"
}

# says REGEX ARGUMENT...: what check prints, whatever its exit status.
says() {
	local regex=$1
	shift
	{ check "$@" || true; } >"$work/says" 2>&1
	cat "$work/says"
	grep -Eq -- "$regex" "$work/says"
}

exits() {
	local wanted=$1 status=0
	shift
	check "$@" || status=$?
	[ "$status" = "$wanted" ]
}

hash_of() {
	check "$1" | grep -o 'hash [0-9a-f]\{16\}'
}

# edit SED-SCRIPT [FILE]: starts anew from files without a fault, and spoils one.
edit() {
	local file
	file=$dir/${2:-vpn-public.conf}
	files
	readable
	sed "$1" "$file" >"$work/edited"
	cat "$work/edited" >"$file"
}

readable() {
	chown -R 65534:65534 "$work"/[abc]
}

firewall() {
	ip netns exec "$(host_ns a)" "$@"
}

# As root, who alone may see the rules.
mentions() {
	firewall "$guardlane" check "$dir" | tee "$work/mentions"
	grep -q "^note: this host's firewall mentions UDP port 4567 ($1);" "$work/mentions"
}

cluster a b c
host_address a
readable
chmod 711 "$work"
dir=$(config_dir a)

fact "files without a fault" exits 0 --strict "$dir"
fact "their sum" says 'vpn-public.conf: 2 peers and our own entry, hash [0-9a-f]{16}; 0 errors, 0 warnings$' \
	"$dir"
fact "the hash is the same on each instance" \
	test "$(for i in a b c; do hash_of "$(config_dir "$i")"; done | sort -u | wc -l)" = 1
before=$(hash_of "$dir")
edit '/^\[/d; s/Endpoint/ENDPOINT/; s/32$/32 # a comment/'
fact "and the same without headers, in other letters, with comments" \
	test "$(hash_of "$dir")" = "$before"
edit '$s/4567/4568/'
fact "a changed port changes it" test "$(hash_of "$dir")" != "$before"

edit 's/^PublicKey.*/PublicKey = abc/'
fact "an error: exit status 1" exits 1 "$dir"
fact "its place and the sum" says 'vpn-public.conf:3: error: PublicKey is not a key' "$dir"
fact "no hash then" says '^[^ ]*vpn-public.conf: 3 errors, 0 warnings$' "$dir"
edit 's/10.8.3.1$/10.8.3.77/' .env
fact "a warning: exit status 0" exits 0 "$dir"
fact "with --strict 1" exits 1 --strict "$dir"
fact "the VPN address is not the own entry's" \
	says 'vpn-public.conf:4: warning: the VPN address 10.8.3.77 .* \(10.8.3.1/32\)' "$dir"
edit '/^MITIGATOR/d' .env
fact "without a VPN address the rest is checked" exits 0 --strict "$dir"
fact "and it is said where it was looked for" says "VPN address is not known.*$dir/.env" "$dir"
fact "it may be given" says '10.8.9.9 .* is not among' --vpn-address 10.8.9.9 "$dir"
fact "one that is none is an error" exits 1 --vpn-address 10.8.9.999 "$dir"
edit '2,5d'
fact "without the own entry, our key is there to be pasted" \
	says "PublicKey = ${public_key[a]//+/.}, AllowedIPs = 10.8.3.1, Endpoint = OUR-ADDRESS:4567" "$dir"
fact "and the sum says so" says '2 peers without our own entry, hash' "$dir"
edit ''
rm "$dir/vpn-private.conf"
fact "without a private file: an error" says 'vpn-private.conf: error: is missing' "$dir"
fact "the public file alone" exits 0 --strict --public-conf "$dir/vpn-public.conf"
fact "has the same hash" says "3 peers, $before; 0 errors" --public-conf "$dir/vpn-public.conf"
rm "$dir/vpn-public.conf"
fact "without a peer table" says 'no peer table: clustering is off; 0 errors, 0 warnings$' "$dir"
fact "that is no error" exits 0 --strict "$dir"
fact "a folder that is not there is one" exits 1 "$dir/nowhere"
fact "an option that there is not" exits 1 --no-such-option "$dir"
fact "--help" says '^usage: guardlane check' --help

edit ''
fact "no rules: no note" no mentions '.*'
firewall nft 'add table inet f; add chain inet f in { type filter hook input priority 0; };
	add rule inet f in udp dport 4000-5000 drop'
fact "rules of nft" mentions 'nft: inet f in'
firewall nft flush ruleset
firewall iptables-legacy -A INPUT -p udp --dport 4567 -j ACCEPT
fact "rules of iptables" mentions 'iptables: filter INPUT'
firewall iptables-legacy -F
fact "rules that are gone" no mentions '.*'

edit 's/10.8.3.1$/10.8.3.77/' .env
guardlane_spawn a
fact "run says the same warnings" within 10 log_says a 'warning: .*vpn-public.conf:4: warning: .*10.8.3.77'
instance_stop a >/dev/null || true

instance_start b wireguard-go
fact "what wg setconf refuses has an error or a warning, and the rest has none" \
	instance_run b "$scenario_dir/wg-verdicts.py" "$guardlane" "$(device b)" "${FILES:-200}"
info "$(tail -n 1 "$work/fact")"
