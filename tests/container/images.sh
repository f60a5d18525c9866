# The images of the container tests: base (by mmdebstrap, no registry), guardlane, vendor's stand-in.
# They and all layers are kept in a store of their own in the cache folder, as scripts/kernel-peer's.
# shellcheck shell=bash disable=SC2154 # root and work are lib.sh's

cache=${GUARDLANE_CACHE:-/var/cache/guardlane}
image_store=$cache/containers

# podman_settings DIR [STORE]: containers.conf and storage.conf in DIR, for a podman whose images and
# containers are in STORE (DIR/store without it), and which sees the images of the cache.
podman_settings() {
	local dir=$1 store=${2:-$1/store}
	mkdir -p "$dir"
	cat >"$dir/containers.conf" <<-END
		[containers]
		default_ulimits = ["nofile=20000:20000", "nproc=30000:30000"]
		log_driver = "k8s-file"
		[engine]
		runtime = "runc"
		cgroup_manager = "cgroupfs"
		events_logger = "file"
		lock_type = "file"
		static_dir = "$dir/libpod"
		tmp_dir = "$dir/tmp"
		volume_path = "$dir/volumes"
		[network]
		network_backend = "netavark"
		network_config_dir = "$dir/networks"
	END
	cat >"$dir/storage.conf" <<-END
		[storage]
		driver = "overlay"
		graphroot = "$store"
		runroot = "$dir/run"
		[storage.options]
		additionalimagestores = [$([ "$store" = "$image_store" ] || echo "\"$image_store\"")]
	END
}

# podman_in DIR ARGUMENT...
podman_in() {
	local dir=$1
	shift
	CONTAINERS_CONF=$dir/containers.conf CONTAINERS_STORAGE_CONF=$dir/storage.conf podman "$@"
}

image_base() {
	podman_in "$1" image exists guardlane-base && return
	mmdebstrap --quiet --variant=minbase --dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
		bookworm "$1/base.tar"
	podman_in "$1" import "$1/base.tar" guardlane-base
	rm "$1/base.tar"
}

# image_build SETTINGS NAME CONTEXT [OPTION...]: apt in a build reaches the archive as the host does.
image_build() {
	local settings=$1 name=$2 context=$3
	shift 3
	podman_in "$settings" build --format docker --layers --network host \
		--build-arg BASE=localhost/guardlane-base --tag "$name" "$@" "$context"
}

# images: builds what is not there yet, or not from these sources; says nothing unless it fails. Until
# the caller ends nobody builds others, which takes away layers that are in use here.
images() {
	local settings=$work/images
	mkdir -p "$image_store"
	podman_settings "$settings" "$image_store"
	exec 8>"$cache/.containers.lock"
	flock 8
	{
		# The build stage has a name too, so that what is pruned is what older sources left.
		image_base "$settings" &&
			image_build "$settings" guardlane-build "$root" --target build &&
			image_build "$settings" guardlane "$root" &&
			image_build "$settings" vendor "$root/tests/container/vendor" &&
			podman_in "$settings" image prune --force
	} >"$settings/log" 2>&1 || { tail -n 40 "$settings/log"; return 1; }
	flock --shared 8
	rm -rf "$settings"
}
