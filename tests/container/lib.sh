# The harness of the container tests: the scenarios', with instances that are compose projects.
# Each has its own podman, whose containers and bridge are in the instance's network namespace.
# shellcheck shell=bash

# In namespaces of mounts and processes that end with the test, however it ends, and with a /run that
# has only the locks of the machine's in it.
if [ -z "${GL_ISOLATED:-}" ]; then
	GL_ISOLATED=yes exec unshare --mount --pid --fork --kill-child=TERM --mount-proc "$0" "$@"
fi
exec 7</run/lock
mount -t tmpfs tmpfs /run
mkdir /run/lock
mount --no-canonicalize --bind /proc/self/fd/7 /run/lock
exec 7<&-

# shellcheck source=../scenario/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../scenario/lib.sh"
container_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=images.sh
. "$container_dir/images.sh"

overlay=docker-compose.guardlane.yml
dataplane_overlay=docker-compose.guardlane-dataplane.yml

# As much as a root without CAP_SYS_RESOURCE may give. From here, and not from .env, so that what the
# operator has in there is all there is.
if [ "$(ulimit -Hl)" != unlimited ]; then
	VPN_GATEWAY_MEMLOCK=$(($(ulimit -Hl) * 1024))
	export VPN_GATEWAY_MEMLOCK
fi

# Podman itself knows best what its containers have: cgroups, mounts.
containers_end() {
	local status=$1 socket name
	trap - ERR
	set +e
	for socket in "$work"/*.podman/socket; do
		[ -S "$socket" ] || continue
		name=$(basename "${socket%.podman/socket}")
		podman_on "$name" rm --all --force --time 0 >/dev/null 2>&1
	done
	rmdir /sys/fs/cgroup/{,*/}libpod_parent{/conmon,} 2>/dev/null
	return "$status"
}
trap 'containers_end "$?"; cleanup' EXIT

# -- an instance's podman ----------------------------------------------------------------------

podman_dir() {
	echo "$work/$1.podman"
}

# podman_start NAME: a host with an address, and Docker's API on it.
podman_start() {
	local name=$1 dir
	dir=$(podman_dir "$name")
	host_address "$name"
	ip -n "$(host_ns "$name")" route replace default dev eth0
	podman_settings "$dir"
	spawn "$work/podman.$name" podman_on "$name" system service --time=0 "unix://$dir/socket"
	within 60 test -S "$dir/socket"
}

# `ip netns exec` would hide the cgroups.
podman_on() {
	local name=$1 dir
	dir=$(podman_dir "$name")
	shift
	CONTAINERS_CONF=$dir/containers.conf CONTAINERS_STORAGE_CONF=$dir/storage.conf \
		nsenter --net="/run/netns/$(host_ns "$name")" podman "$@"
}

# -- an instance's project -----------------------------------------------------------------------

# project NAME [FILE]: the vendor's files beside the operator's, and our overlay, not yet in use.
project() {
	local dir
	dir=$(config_dir "$1")
	cp "$container_dir/vendor/${2:-docker-compose.yml}" "$dir/docker-compose.yml"
	cp "$container_dir"/vendor/docker-compose.{vpn,dataplane}.yml "$root/$overlay" \
		"$root/$dataplane_overlay" "$dir/"
}

# compose NAME ARGUMENT...: docker-compose, as the operator calls it in /srv/mitigator.
compose() {
	local name=$1
	shift
	(
		cd "$(config_dir "$name")" || exit
		unset COMPOSE_FILE MITIGATOR_VPN_ADDRESS
		DOCKER_HOST=unix://$(podman_dir "$name")/socket docker-compose --ansi never "$@"
	)
}

# overlay_add NAME [FILE ...]
overlay_add() {
	local name=$1 file
	shift
	for file in "${@:-$overlay}"; do
		sed -i "/^COMPOSE_FILE=/s/\$/:$file/" "$(config_dir "$name")/.env"
	done
}

# overlay_remove NAME [FILE ...]
overlay_remove() {
	local name=$1 file
	shift
	for file in "${@:-$overlay}"; do
		sed -i "/^COMPOSE_FILE=/s/:$file//" "$(config_dir "$name")/.env"
	done
}

# forgetful NAME: the host's NAT remembers no connection for long. One that began while nobody published
# the port, or that leads to a container of before, holds as long as packets come: Docker makes the
# kernel forget such when it publishes a port, podman does not.
forgetful() {
	local ns
	ns=$(host_ns "$1")
	ip netns exec "$ns" nft -f - <<-END
		table inet guardlane-test {
			chain input {
				type filter hook input priority 0
				ct state new udp dport { 4567, 4568 } drop
			}
		}
	END
	ip netns exec "$ns" sysctl -qw net.netfilter.nf_conntrack_udp_timeout{,_stream}=2
}

# removes NAME SERVICE...: one after the other. Compose removes all at once, and podman, other than
# Docker, refuses to remove one whose network another has: those go first.
removes() {
	local name=$1 service
	shift
	for service in "$@"; do
		compose "$name" rm --stop --force "$service" || return
		! podman_on "$name" container exists "$(container "$name" "$service")" || return
	done
}

down() {
	[ "$(inspect "$1" database '{{.HostConfig.NetworkMode}}')" = bridge ] ||
		removes "$1" database || return
	compose "$1" down
}

down_up() {
	down "$1" && compose "$1" up -d
}

# container NAME SERVICE: its name.
container() {
	echo "$1_$2_1"
}

# exec_in NAME SERVICE COMMAND...: its output, and its exit status.
exec_in() {
	local name=$1
	shift
	compose "$name" exec -T "$@" </dev/null
}

# inspect NAME SERVICE TEMPLATE
inspect() {
	podman_on "$1" inspect --format "$3" "$(container "$1" "$2")"
}

# container_pings FROM TO [SERVICE]
container_pings() {
	exec_in "$1" "${3:-database}" ping -c 1 -W 5 "$(inside "$2")"
}

# container_reaches FROM TO [SERVICE]: FROM's other container, TO's VPN address.
container_reaches() {
	within 60 container_pings "$@"
}

# Podman's own way to ask: without systemd nothing asks by itself.
healthy() {
	podman_on "$1" healthcheck run "$(container "$1" gateway)" &&
		[ "$(inspect "$1" gateway '{{.State.Health.Status}}')" = healthy ]
}

# gateway_says NAME REGEX [SERVICE]: on its stderr alone.
gateway_says() {
	podman_on "$1" logs "$(container "$1" "${3:-gateway}")" 2>&1 >/dev/null | grep -E -- "$2"
}

# -- what is left ----------------------------------------------------------------------------------

# All that the containers could leave on their host, one thing a line.
host_traces() {
	local ns
	ns=$(host_ns "$1")
	traces "$1"
	ip netns exec "$ns" nft list ruleset 2>/dev/null | grep -E 'dport 4567|10\.8\.3\.' || true
	podman_on "$1" ps --all --quiet
	podman_on "$1" network ls --quiet | grep -v '^podman$' || true
	tc -n "$ns" filter show dev eth0 egress
}
