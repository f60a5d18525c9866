#!/bin/bash
# Files that are wrong: the gateway refuses them and says which file and which line.
# Cases CF-6, CF-14.
# Arguments: none
#
#   a (gateway, its files spoilt one way after the other) ──── lan ──── b (no more than an entry)
. "$(dirname "$0")/lib.sh"

# wrong TEXT FILE SED-SCRIPT REGEX: spoils FILE and starts; it must end, and say REGEX.
wrong() {
	local text=$1 file=$2 edit=$3 regex=$4
	files
	sed -i "$edit" "$(config_dir a)/$file"
	tried "$text" "$regex"
}

tried() {
	: >"$work/a.log"
	guardlane_spawn a
	fact "$1" refused a "$2"
	fact "$1: no device was created" no ip -n "$(host_ns a)" link show "$(device a)"
	instance_stop a >/dev/null || true
}

cluster a b
wrong "a key that is none" vpn-public.conf '3s/.*/PublicKey = abc/' 'vpn-public.conf:3\b'
wrong "an unknown setting" vpn-public.conf '4s/.*/AlowedIPs = 10.8.3.1/' 'vpn-public.conf:4\b'
wrong "an address that is none" vpn-public.conf '4s/10.8.3.1/10.8.3.256/' 'vpn-public.conf:4\b'
wrong "an endpoint without a port" vpn-public.conf '10s/:4567//' 'vpn-public.conf:10\b'
wrong "a private key that is cut off" vpn-private.conf '3s/....$//' 'vpn-private.conf:3\b'
wrong "the same key twice" vpn-public.conf "8s|= .*|= ${public_key[a]}|" 'vpn-public.conf:[78]\b'
wrong "the same address twice" vpn-public.conf '9s/.*/AllowedIPs = 10.8.3.1/' 'vpn-public.conf:9\b'
files
rm "$(config_dir a)/vpn-public.conf"
mkdir "$(config_dir a)/vpn-public.conf"
tried "a directory in a file's place" 'vpn-public.conf.*directory'
rmdir "$(config_dir a)/vpn-public.conf"

files
sed -i '/^\[/d' "$(config_dir a)"/vpn-p*.conf
fact "files that lost their section headers are accepted" instance_start a guardlane
fact "with a warning" log_says a 'warn.*(section|header)|(section|header).*warn'
instance_stop a >/dev/null

files
sed -i 's/=10.8.3.1$/=10.8.3.77/' "$(config_dir a)/.env"
: >"$work/a.log"
guardlane_spawn a
fact "a VPN address that is not the own entry's is noticed" within 5 \
	log_says a '10\.8\.3\.77.*10\.8\.3\.1\b|10\.8\.3\.1\b.*10\.8\.3\.77'
