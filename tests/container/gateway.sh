#!/bin/bash
# The container of the gateway: what it holds, what it needs, how it ends, what it leaves.
# Arguments: none
#
#   a (compose: guardlane) ──── lan ──── b (wireguard-go)
. "$(dirname "$0")/lib.sh"

up() {
	compose a up -d gateway && within 60 gateway_says a 'ready: underlay'
}

reached() {
	instance_run b ping -c 1 -W 1 "$(inside a)"
}

# NET_ADMIN (12), NET_RAW (13) and IPC_LOCK (14); which of them it gives up when all is set up is its own.
three_capabilities() {
	exec_in a gateway grep Cap /proc/1/status | tr -d '\r' >"$work/capabilities"
	cat "$work/capabilities"
	grep -Eq '^CapEff:\s0*[0-7]000$' "$work/capabilities" &&
		grep -Eq '^CapBnd:\s0*7000$' "$work/capabilities"
}

first_process() {
	exec_in a gateway cat /proc/1/cmdline | tr '\0' ' ' | grep -x 'guardlane run '
}

host_name() {
	[ "$(exec_in a gateway cat /proc/sys/kernel/hostname | tr -d '\r')" = \
		"$(inspect a gateway '{{.Config.Hostname}}')" ]
}

holds_nothing_else() {
	no exec_in a gateway which gcc meson ninja python3 && no exec_in a gateway ls -d /src /out
}

# alone OPTION... IMAGE [ARGUMENT...]: a container without compose, with the files and no capabilities.
# By itself a gateway without NET_RAW would take another underlay.
alone() {
	podman_on a run --rm --no-healthcheck --network host --cap-drop all --timeout 60 \
		--env GUARDLANE_UNDERLAY=af_packet:eth0 --env MITIGATOR_VPN_ADDRESS="$(inside a)" \
		--volume "$(config_dir a)/vpn-public.conf:/srv/public.conf:ro" \
		--volume "$(config_dir a)/vpn-private.conf:/srv/private.conf:ro" "$@"
}

# needs TEXT OPTION...: with these options only, the gateway does not start, and says TEXT.
needs() {
	local text=$1 status=0
	shift
	alone "$@" guardlane >"$work/needs" 2>&1 || status=$?
	echo "exit status $status"
	cat "$work/needs"
	[ "$status" = 1 ] && grep -Eq -- "$text" "$work/needs"
}

# lacks NUMBER OPTION...: so many things are missing, says preflight.
lacks() {
	local missing=$1
	shift
	alone "$@" --entrypoint guardlane guardlane preflight | tee "$work/preflight"
	grep -q "^$missing missing" "$work/preflight"
}

megabytes() {
	podman_on a image inspect --format '{{.Size}}' "$1" | awk '{ print int($1 / 1e6) }'
}

# docker-compose waits 10 s before it kills.
ends_in_time() {
	local process start
	process=$(inspect a gateway '{{.State.Pid}}')
	start=${EPOCHREALTIME/./}
	kill -TERM "$process"
	within 10 gone "$process" || return
	echo $(((${EPOCHREALTIME/./} - start) / 1000)) >"$work/took"
}

# Not its status: that is "stopped" until podman has tidied up after it, which it puts off at times.
ended_well() {
	inspect a gateway '{{.State.Running}} {{.State.ExitCode}}' | tee "$work/ended"
	grep -qx 'false 0' "$work/ended"
}

nothing_is_left() {
	host_traces a | diff "$work/before" -
}

fact "the images are built from the sources" images
cluster a b
instance_start b wireguard-go
podman_start a
forgetful a
project a
overlay_add a
host_traces a >"$work/before"

fact "up" up
fact "b reaches a by the port that is published" within 60 reached
fact "process 1 is guardlane itself" first_process
fact "it has three capabilities at most, and cannot have more" three_capabilities
fact "the host name is the container's" host_name
fact "the image has no compiler and no sources" holds_nothing_else
info "image: $(megabytes guardlane) MB, $(megabytes guardlane-base) of them the base"
fact "SIGTERM ends it before docker-compose loses patience" ends_in_time
info "it took $(<"$work/took") ms"
fact "the exit status is 0" within 30 ended_well
fact "its log is on stderr, to the end" gateway_says a 'Terminated: ending'
fact "down" compose a down
fact "nothing is left on the host" within 20 nothing_is_left

hugepages_take 160
host_traces a >"$work/before"
fact "up with hugepages" up
fact "it has taken them" no gateway_says a 'hugepages are free'
fact "b reaches a" within 60 reached
fact "docker-compose stop" compose a stop gateway
fact "the exit status is 0" ended_well
fact "down" compose a down
fact "nothing is left on the host, no hugepage either" within 20 nothing_is_left

tun=(--device /dev/net/tun)
fact "preflight finds nothing missing" lacks 0 "${tun[@]}" --cap-add net_admin,net_raw,ipc_lock
fact "preflight finds out what is" lacks 2 --cap-add net_admin,ipc_lock
fact "it needs NET_ADMIN" needs 'does not start: Operation not permitted' \
	"${tun[@]}" --cap-add net_raw,ipc_lock
fact "it needs NET_RAW" needs 'cannot create the device.*Operation not permitted' \
	"${tun[@]}" --cap-add net_admin,ipc_lock
fact "it needs IPC_LOCK" needs 'cannot create the device.*Operation not permitted' \
	"${tun[@]}" --cap-add net_admin,net_raw
fact "it needs /dev/net/tun" needs 'cannot open /dev/net/tun' \
	--cap-add net_admin,net_raw,ipc_lock
chown 1000 "$(config_dir a)/vpn-private.conf"
fact "it needs the private file to be root's, and says so" needs 'private.conf.*owner' \
	"${tun[@]}" --cap-add net_admin,net_raw,ipc_lock
