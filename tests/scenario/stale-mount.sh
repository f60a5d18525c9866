#!/bin/bash
# An editor that renames leaves the old file in a container's bind mount: reconfigure must not say
# that it has taken over what it cannot see.
# Arguments: none
#
#   a (gateway; its files are bind mounts, as in a container) ──── lan ──── b (wireguard-go)
. "$(dirname "$0")/lib.sh"
host=$work/host                         # what the operator edits; $work/a is what the gateway sees
real_guardlane=$guardlane

reconfigure() {
	"$real_guardlane" reconfigure "$@" "$(device a)" >"$work/out" 2>"$work/err"
}

# refuses FILE [ARGUMENT...]: it says which file, what happened and what to do, and changes nothing.
refuses() {
	instance_wg a showconf >"$work/state"
	if reconfigure "${@:2}"; then cat "$work/out"; return 1; fi
	cat "$work/err"
	grep -q "$1: error: .*replaced.*--force-recreate gateway.*cp NEW FILE" <(head -n 1 "$work/err") &&
		[ "$(tail -n 1 "$work/err")" = "nothing was changed" ] &&
		instance_wg a showconf | diff "$work/state" -
}

# edited FILE: as vi and sed -i do it.
edited() {
	cp -p "$host/$1" "$work/new"
	echo '# edited' >>"$work/new"
	mv "$work/new" "$host/$1"
}

start() {
	: >"$work/a.log"
	instance_start a guardlane
}

cluster a b
mkdir "$host"
cp -p "$work"/a/vpn-*.conf "$host"
cat >"$work/in-container" <<-END
	#!/bin/bash
	# ip netns exec has made a mount namespace.
	for file in vpn-private.conf vpn-public.conf; do
		mount --bind "$host/\$file" "$work/a/\$file" || exit
	done
	exec "$real_guardlane" "\$@"
END
chmod +x "$work/in-container"
guardlane=$work/in-container
instance_start b wireguard-go
start
fact "a reaches b" reaches a b
echo '# written into' >>"$host/vpn-public.conf"
fact "a file that was written into is read" reconfigure
edited vpn-public.conf
fact "a public file that was replaced is refused" refuses "$work/a/vpn-public.conf"
fact "in a dry run too" refuses "$work/a/vpn-public.conf" --dry-run
fact "the log has it" log_says a 'vpn-public.conf: error: .*replaced'
fact "a goes on" pings a b
instance_stop a >/dev/null

start
fact "started anew it reads the new one" no log_says a 'replaced'
edited vpn-private.conf
fact "a private file that was replaced is refused" refuses "$work/a/vpn-private.conf"
instance_stop a >/dev/null

# A mount that is stale when it starts: the container's runtime came between the two.
sed -i "s|^exec|mv $work/new $host/vpn-public.conf; exec|" "$work/in-container"
cp -p "$host/vpn-public.conf" "$work/new"
start
fact "at start it is a warning" log_says a 'vpn-public.conf: warning: .*replaced'
fact "and a reaches b" reaches a b
