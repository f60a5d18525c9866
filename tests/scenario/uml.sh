# The Linux kernel's WireGuard as a peer: user-mode Linux on the host's veth, driven through files.
# start: boots and waits until ready; run: a command inside, its output and status; kill.
# scripts/kernel-peer builds what is booted; uml-init is what runs inside.
# shellcheck shell=bash

uml_dir() {
	echo "$work/$1.uml"
}

uml_start() {
	local name=$1 dir peer
	dir=$(uml_dir "$name")
	peer=$("$root/scripts/kernel-peer")
	rm -rf "$dir"
	mkdir -p "$dir/asked"
	# The namespace's own stack must stay silent: the addresses are the guest's.
	ip -n "$(host_ns "$name")" addr flush dev eth0
	ip netns exec "$(host_ns "$name")" sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1
	spawn "$work/$name.log" uml_exec "$name" "$peer" "$dir"
	pid["$name"]=$!
	within 120 uml_ready "$name" >/dev/null
}

uml_exec() {
	local name=$1 peer=$2 dir=$3
	exec ip netns exec "$(host_ns "$name")" env -i PATH=/usr/bin TMPDIR=/dev/shm HOME="$dir" \
		"$peer/linux" mem=128M umid="$run$name" quiet loglevel=3 selinux=0 \
		root=/dev/root rootfstype=hostfs rootflags=/ ro init="$scenario_dir/uml-init" \
		vec0:transport=raw,ifname=eth0,depth=128,mac="$(uml_mac "$name")" \
		con=null ssl=null con0=null,fd:1 \
		GL_NAME="$name" GL_WORK="$work" GL_MODULES="$peer/modules" \
		GL_OUTSIDE4="$(outside "$name" 4)/24" GL_OUTSIDE6="$(outside "$name" 6)/64" \
		</dev/null
}

# The same at each boot, as a host's is: others remember it.
uml_mac() {
	printf '02:00:5e:00:02:%02x' "${number[$1]}"
}

uml_ready() {
	! gone "${pid[$1]}" && [ -e "$(uml_dir "$1")/ready" ]
}

uml_run() {
	local name=$1 file dir end=$((SECONDS + 600))
	shift
	dir=$(uml_dir "$name")
	file=$(mktemp "$dir/XXXXXX")
	printf '%q ' "$@" >"$file"
	mv "$file" "$dir/asked"
	until [ -e "$file.rc" ]; do
		! gone "${pid[$name]}" || { echo "$name is gone" >&2; return 255; }
		[ "$SECONDS" -lt "$end" ] || { echo "$name is silent" >&2; return 255; }
		sleep 0.02
	done
	cat "$file.out"
	cat "$file.err" >&2
	return "$(<"$file.rc")"
}

# Pulls the plug: WireGuard says no goodbye, and what halting takes is not the question. Its helper
# processes do not die with it.
uml_kill() {
	local process
	for process in $(ip netns pids "$(host_ns "$1")"); do
		kill -KILL "$process" 2>/dev/null || true
	done
}
