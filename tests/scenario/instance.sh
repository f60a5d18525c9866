# Instances, of three kinds behind one interface: guardlane, wireguard-go, kernel (user-mode Linux).
# An instance NAME runs on host NAME; its device is called $run$NAME, unique over all namespaces,
# because the sockets of all userspace WireGuards share /var/run/wireguard.
# shellcheck shell=bash

guardlane=${GUARDLANE:-$root/build/app/guardlane}
gateway=${GATEWAY:-guardlane}           # the kind under test; another proves the scenario itself

# How the files are written; a scenario sets these before `cluster` (or before another `files`).
cluster_outside=4                       # family of the endpoints
cluster_inside=4                        # families of the VPN addresses: 4, 6, "4 6"
cluster_psk=                            # one preshared key for all
cluster_keepalive=

instances=()
declare -A kind=() pid=() private_key=() public_key=() passive=()

# cluster NAME...: hosts and keys for so many instances, and each one's files.
cluster() {
	local name
	for name; do instance_add "$name"; done
	files
}

# instance_add NAME: a host and keys for one more. The others' files stay as they are.
instance_add() {
	host_create "$1"
	instances+=("$1")
	private_key[$1]=$(wg genkey)
	public_key[$1]=$(wg pubkey <<<"${private_key[$1]}")
	files "$1"
}

device() {
	echo "$run$1"
}

config_dir() {
	echo "$work/$1"
}

# inside NAME [4|6]: the address in the VPN.
inside() {
	case ${2:-4} in 4) echo "10.8.3.${number[$1]}" ;; 6) echo "fd08:3::${number[$1]}" ;; esac
}

# -- the operator's files --------------------------------------------------------------------

allowed_ips() {
	local family list=
	for family in $cluster_inside; do
		list+=", $(inside "$1" "$family")/$([ "$family" = 4 ] && echo 32 || echo 128)"
	done
	echo "${list#, }"
}

endpoint() {
	case $cluster_outside in
	4) echo "$(outside "$1" 4):4567" ;;
	6) echo "[$(outside "$1" 6)]:4567" ;;
	esac
}

interface_section() {
	printf '[Interface]\nListenPort = 4567\nPrivateKey = %s\n' "${private_key[$1]}"
}

# peer_section NAME READER: NAME as it stands in READER's file.
peer_section() {
	printf '\n[Peer]\nPublicKey = %s\n' "${public_key[$1]}"
	printf 'AllowedIPs = %s\n' "$(allowed_ips "$1")"
	[ -n "${passive[$2]:-}" ] || printf 'Endpoint = %s\n' "$(endpoint "$1")"
	[ -z "$cluster_psk" ] || printf 'PresharedKey = %s\n' "$cluster_psk"
	[ -z "$cluster_keepalive" ] || printf 'PersistentKeepalive = %s\n' "$cluster_keepalive"
}

# files [NAME...]: writes vpn-private.conf, vpn-public.conf (all instances, itself too), .env, and
# wg.conf, which is both without the own entry, as wg(8) wants it.
files() {
	local name other dir
	[ $# -gt 0 ] || set -- "${instances[@]}"
	for name; do
		dir=$(config_dir "$name")
		mkdir -p "$dir"
		(umask 077 && interface_section "$name" >"$dir/vpn-private.conf")
		cp -p "$dir/vpn-private.conf" "$dir/wg.conf"
		: >"$dir/vpn-public.conf"
		for other in "${instances[@]}"; do
			peer_section "$other" "$name" >>"$dir/vpn-public.conf"
			[ "$other" = "$name" ] || peer_section "$other" "$name" >>"$dir/wg.conf"
		done
		{
			echo 'COMPOSE_FILE=docker-compose.yml:docker-compose.vpn.yml'
			echo "MITIGATOR_VPN_ADDRESS=$(inside "$name" "${cluster_inside%% *}")"
		} >"$dir/.env"
	done
}

# roles ROLE GATEWAY PEER: who begins. The other side's file names no endpoint, so that it cannot.
roles() {
	case $1 in
	initiator) passive[$3]=yes ;;
	responder) passive[$2]=yes ;;
	*) echo "role: initiator or responder, not '$1'" >&2; return 2 ;;
	esac
	files
}

# -- start, stop, run ------------------------------------------------------------------------

# instance_start NAME KIND [ARGUMENT...]: returns when it is ready. Arguments go to `guardlane run`.
instance_start() {
	local name=$1
	kind[$name]=$2
	shift 2
	case ${kind[$name]} in
	guardlane)
		guardlane_spawn "$name" "$@"
		within 60 instance_answers "$name" >/dev/null
		guardlane_addresses "$name"
		;;
	wireguard-go)
		host_address "$name"
		wireguard_go_spawn "$name"
		# Its socket may be gone before it has looked at it, and then it ends at once.
		within 5 instance_answers "$name" >/dev/null || {
			instance_kill "$name"
			wireguard_go_spawn "$name"
			within 5 instance_answers "$name" >/dev/null
		}
		wg_configure "$name"
		;;
	kernel)
		uml_start "$name"
		instance_run "$name" ip link add "$(device "$name")" type wireguard
		wg_configure "$name"
		;;
	*) echo "guardlane, wireguard-go or kernel, not '${kind[$name]}'" >&2; return 2 ;;
	esac
}

# The variable keeps it in the foreground, as -f does, without its advertisement.
wireguard_go_spawn() {
	WG_PROCESS_FOREGROUND=1 spawn "$work/$1.log" \
		ip netns exec "$(host_ns "$1")" wireguard-go "$(device "$1")"
	pid["$1"]=$!
}

# guardlane_spawn NAME [ARGUMENT...]: starts it and does not wait; for those that are to fail.
guardlane_spawn() {
	local name=$1
	shift
	host_address "$name"
	guardlane_on "$name" "$name" "$@"
}

# guardlane_on HOST NAME [ARGUMENT...]: the same, with NAME's files and device on any host.
guardlane_on() {
	local host=$1 name=$2
	shift 2
	kind[$name]=guardlane
	spawn "$work/$name.log" ip netns exec "$(host_ns "$host")" env -u MITIGATOR_VPN_ADDRESS \
		"$guardlane" run --config-dir "$(config_dir "$name")" --underlay af_packet:eth0 \
		--host "tun:$(device "$name")" "$@"
	pid["$name"]=$!
}

# The operator's setting is one VPN address; one of the other family is added here.
guardlane_addresses() {
	[ "$cluster_inside" = "4 6" ] || return 0
	ip -n "$(host_ns "$1")" addr replace "$(inside "$1" 6)/64" dev "$(device "$1")" nodad
}

# What an operator of plain WireGuard does after the device is there.
wg_configure() {
	local name=$1 dev family other
	dev=$(device "$name")
	instance_run "$name" wg setconf "$dev" "$(config_dir "$name")/wg.conf"
	for family in $cluster_inside; do
		instance_run "$name" ip addr add "$(inside "$name" "$family")" dev "$dev"
	done
	instance_run "$name" ip link set "$dev" mtu 1420 up
	for other in "${instances[@]}"; do
		[ "$other" != "$name" ] || continue
		for family in $cluster_inside; do
			instance_run "$name" ip route replace "$(inside "$other" "$family")" \
				dev "$dev"
		done
	done
}

instance_answers() {
	! gone "${pid[$1]}" && instance_wg "$1" show
}

# instance_run NAME COMMAND...: the command on that instance; its output and its exit status.
instance_run() {
	local name=$1
	shift
	if [[ ${kind[$name]:-} =~ ^(kernel|machine)$ ]]; then
		uml_run "$name" "$@"
	else
		ip netns exec "$(host_ns "$name")" "$@"
	fi
}

# instance_wg NAME COMMAND [ARGUMENT...]: wg COMMAND there, for its device.
instance_wg() {
	local name=$1 command=$2
	shift 2
	instance_run "$name" wg "$command" "$(device "$name")" "$@"
}

# instance_spawn NAME COMMAND...: the same in the background; output to $work/spawned.NAME.
instance_spawn() {
	spawn "$work/spawned.$1" instance_run "$@"
}

# instance_stop NAME: a polite end; fails when it takes more than 10 s, or had come before. A machine
# has its plug pulled.
instance_stop() {
	! gone "${pid[$1]}" || { echo "$1 had ended before" >&2; return 1; }
	if [[ ${kind[$1]} =~ ^(kernel|machine)$ ]]; then
		instance_kill "$1"
	else
		kill -TERM "${pid[$1]}"
		within 10 gone "${pid[$1]}" || { echo "$1 has not ended in 10 s" >&2; return 1; }
	fi
}

# instance_kill NAME: SIGKILL, and nothing is tidied up.
instance_kill() {
	if [ "${kind[$1]}" = kernel ]; then uml_kill "$1"; else kill -KILL "${pid[$1]}"; fi
	wait "${pid[$1]}" 2>/dev/null || true
}

instance_log() {
	cat "$work/$1.log"
}

# log_says NAME REGEX
log_says() {
	grep -Eiq -- "$2" "$work/$1.log"
}

# ended NAME: waits for the end of an instance's process; its exit status must be 0.
ended() {
	within 10 gone "${pid[$1]}" && wait "${pid[$1]}"
}

# refused NAME REGEX: it ended by itself, with an error of its own (no signal); the log says why.
refused() {
	local status=0
	within 10 gone "${pid[$1]}" || return
	wait "${pid[$1]}" || status=$?
	echo "exit status $status"
	[ "$status" -gt 0 ] && [ "$status" -lt 128 ] && log_says "$1" "$2"
}
