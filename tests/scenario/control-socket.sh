#!/bin/bash
# How a command finds the running gateway, and what it says where there is none.
# Arguments: none
#
#   a (gateway) ──── lan                   commands run with a /run/guardlane of their own
. "$(dirname "$0")/lib.sh"
nobody=65534
served=$work/served                     # the folder that stands in for /run/guardlane
real_guardlane=$guardlane

# there COMMAND...: with that folder in the place of the real one.
there() {
	# shellcheck disable=SC2016 # the inner shell's
	unshare -m bash -c 'mount --bind "$0" /run/guardlane && exec "$@"' "$served" "$@"
}

# refuses REGEX COMMAND...: exit status 1, and it says so.
refuses() {
	local regex=$1 status=0
	shift
	"$@" >"$work/out" 2>&1 || status=$?
	cat "$work/out"
	[ "$status" = 1 ] && grep -Eq -- "$regex" "$work/out"
}

listen_on() {
	spawn "$work/listener" ncat -lkU "$served/$1.sock" --sh-exec 'read -r line; echo "out $line"; echo exit 0'
	within 5 test -S "$served/$1.sock"
}

answers() {
	"$@" >"$work/out" && cat "$work/out" && grep -qx 'reconfigure' "$work/out"
}

mkdir -p "$served" /run/guardlane
none='no guardlane answers on .*; is the container up\? docker-compose up -d'
fact "without a gateway it says so" refuses "$none" there "$guardlane" reconfigure
fact "and if one is named" refuses "$none" there "$guardlane" reconfigure wg7
listen_on wg0
fact "the only one is found" answers there "$guardlane" reconfigure
fact "by its name too" answers there "$guardlane" reconfigure wg0
fact "by the path of its socket too" answers "$guardlane" reconfigure --control "$served/wg0.sock"
ln "$guardlane" "$work/reconfigure" 2>/dev/null || cp "$guardlane" "$work/reconfigure"
fact "under its own name" answers there "$work/reconfigure"
fact "one name is the most" refuses 'one NAME too many' there "$guardlane" reconfigure a b
listen_on wg1
fact "of two it wants to know which" refuses '2 gateways run here: wg0, wg1; name one: guardlane reconfigure wg0' \
	there "$guardlane" reconfigure
fact "and takes the one that is named" answers there "$guardlane" reconfigure wg1
chmod 711 "$work"
fact "another user is told to be root" refuses 'may not be used by this user; run the command as root' \
	there setpriv --reuid "$nobody" --regid "$nobody" --clear-groups "$guardlane" reconfigure wg0

# -- the gateway's side ----------------------------------------------------------------------

cluster a
rm "$work"/a/*.conf
guardlane_spawn a
within 10 log_says a 'waiting for reconfigure'
socket=/run/guardlane/$(device a).sock
fact "its socket is root's alone" test "$(stat -c '%a %U' "$socket")" = "600 root"
fact "the folder is not" test "$(stat -c '%a' /run/guardlane)" = 755
fact "a request that it does not know is refused" \
	grep -q '^exit 1' <(echo nonsense | ncat -U "$socket")
instance_kill a
fact "killed, it leaves the socket" test -S "$socket"
fact "where nobody answers" refuses "$none" "$guardlane" reconfigure "$(device a)"
guardlane_spawn a
fact "started anew it takes its place" within 10 "$guardlane" reconfigure "$(device a)"
instance_stop a >/dev/null
fact "at its end it removes it" no test -e "$socket"

# A folder that cannot be written into.
cat >"$work/confined" <<-END
	#!/bin/bash
	mount -t tmpfs -o ro none /run/guardlane && exec "$real_guardlane" "\$@"
END
chmod +x "$work/confined"
guardlane=$work/confined
: >"$work/a.log"
files
instance_start a guardlane
fact "where it cannot listen it says so and what to do" \
	log_says a "warning: cannot listen on $socket .*Read-only.*writable.*--control"
fact "and runs" ip -n "$(host_ns a)" link show "$(device a)"
