#!/bin/bash
# `guardlane config` prints a gateway.conf that gives the same, with where each value came from; and
# `guardlane preflight` says what the host lacks.
# Usage: tests/config.sh PROGRAM
set -euo pipefail

program=$(realpath "$1")
work=$(mktemp -d /tmp/guardlane-config.XXXXXX)
trap 'rm -rf "$work"' EXIT
cd "$work"
for name in $(env | sed -n 's/^\(GUARDLANE_[A-Z_]*\|MITIGATOR_VPN_ADDRESS\|DATA_PLANE_[A-Z_]*\)=.*/\1/p'); do
	unset "$name"
done

failed=0

# says TEXT LINE: the line, with blanks as one, is in `out`.
says() {
	tr -s ' ' <out | grep -Fqx -- "$2" || { echo "$1: no line \"$2\" in:"; cat out; failed=1; }
}

# same TEXT ARGUMENT...: what is printed, as a file, gives the same values.
same() {
	local text=$1
	shift
	"$program" config "$@" >out
	# The file alone: no folder whose .env it would find, no environment.
	env -i "$program" config --gateway-conf out >again
	diff <(values <out) <(values <again) || { echo "$text: the file gives another"; failed=1; }
}

values() {
	sed 's/ *# [^"]*$//'
}

mkdir dir
cat >dir/.env <<-END
	MITIGATOR_VPN_ADDRESS=10.8.3.1
	DATA_PLANE_VPN_PORT=4600
END
printf '[Interface]\nPrivateKey = yDPg5doavYH7fdD86nt+cOzSBL4znVZcrcrJwjY/Xmw=\n' >dir/vpn-private.conf
printf 'memory: 300\npoll: busy\nlanes: 0-1\n' >dir/gateway.conf
export GUARDLANE_POLL=adaptive GUARDLANE_LANES=1 GUARDLANE_AEAD=sodium
same "all sources" --config-dir dir --role dataplane --lanes 0 --peer-port 4700
says "the command line" 'lanes: 0 # --lanes'
says "the environment" 'poll: adaptive # GUARDLANE_POLL'
says "the old variable" 'aead: sodium # GUARDLANE_AEAD'
says "the file" 'memory: 300 # dir/gateway.conf:1'
says "the operator's address" 'vpn-address: 10.8.3.1 # dir/.env: MITIGATOR_VPN_ADDRESS'
says "the role's port" 'listen-port: 4600 # dir/.env: DATA_PLANE_VPN_PORT'
says "the peers' port" 'peer-port: 4700 # --peer-port'
says "a default" 'hugepages: auto # default'
says "what is found out" 'control: /run/guardlane/wg0.sock # default'
unset GUARDLANE_POLL GUARDLANE_LANES GUARDLANE_AEAD

DATA_PLANE_VPN_PORT=4601 MITIGATOR_VPN_ADDRESS=10.8.3.2 same "the operator's environment" \
	--config-dir dir --role dataplane
says "above .env" 'listen-port: 4601 # DATA_PLANE_VPN_PORT'
says "above .env" 'vpn-address: 10.8.3.2 # MITIGATOR_VPN_ADDRESS'

same "odd texts" --config-dir "a: \"b\" #c" --public-conf "- d\\e" --metrics '[::1]:9586' \
	--control '%x' --private-conf 'æ:'
same "two tunnels" --config-dir dir --tunnel role=dataplane,host=tun:wg1,vpn-address=10.8.4.1/16
says "the second one's port" ' listen-port: 4600 # dir/.env: DATA_PLANE_VPN_PORT'
! grep -q yDPg out || { echo "a key is printed"; failed=1; }

# The example is all comments; with them taken away it says the defaults.
"$program" config --example >example
"$program" config --gateway-conf example >out
! grep -v '# default$' out || { echo "the example is not the defaults"; failed=1; }
sed '/^#tunnels:/,$d; s/^#\([a-z-]*: \)/\1/' example >uncommented
"$program" config --gateway-conf uncommented >again
diff <(values <out) <(values <again) || { echo "the example's values are not the defaults"; failed=1; }

# preflight has findings whatever the host is like, and says in JSON what it says in words.
"$program" preflight --config-dir dir --hugepages no >out || true
says "a setting" 'ok hugepages: not wanted (hugepages: no)'
"$program" preflight --config-dir dir --hugepages no --json >again || true
diff <(sed -n 's/^\(ok\|warning\|missing\) .*/\1/p' out) \
	<(sed -n 's/^ *"verdict": "\(.*\)".*/\1/p' again) || { echo "JSON has others"; failed=1; }
! "$program" preflight --config-dir dir --memory 1000000 >out || { echo "1 TB is there?"; failed=1; }
exit "$failed"
