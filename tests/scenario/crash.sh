#!/bin/bash
# A gateway that dies leaves nothing with content behind: no core file, though its limit and the
# machine would have one, and no file of DPDK's. No second DPDK process gets into its memory.
# Cases SEC-3, SEC-4, SEC-9.
# Arguments: none
#
#   a (gateway, with hugepages; /run, /tmp, /dev/shm are its own) ──── lan ──── b (gateway)
. "$(dirname "$0")/lib.sh"

# A place where only what runs in it can have left anything but this tree. It lives as long as its `sleep`.
place_create() {
	spawn "$work/place.log" unshare --mount sleep infinity
	place=$!
	within 20 is_apart "$place"
	in_place bash -ec '
		mount -t tmpfs tmpfs /mnt
		mkdir /mnt/work /mnt/root /mnt/huge
		mount --bind "$0" /mnt/work
		mount --bind "$1" /mnt/root
		mount -t tmpfs tmpfs /run
		mount -t tmpfs tmpfs /dev/shm
		mount -t tmpfs tmpfs /tmp
		mkdir -p "$0" "$1" /run/dpdk
		mount --bind /mnt/root "$1"
		mount --bind /mnt/work "$0"
		mount -t hugetlbfs none /mnt/huge' "$work" "$root"
	printf '#!/bin/bash\nulimit -c unlimited\nexec nsenter -t %q -m --wd=%q %q "$@"\n' "$place" \
		"$work/cwd" "$guardlane" >"$work/guardlane"
	chmod +x "$work/guardlane"
	mkdir "$work/cwd"
}

is_apart() {
	[ "$(readlink "/proc/$1/ns/mnt")" != "$(readlink /proc/self/ns/mnt)" ]
}

in_place() {
	nsenter -t "$place" -m "$@"
}

# Files that hold something, of whatever size they say they are.
files_left() {
	in_place find /run /tmp /dev/shm /mnt/huge \( -path "$work" -o -path "$root" \) \
		-prune -o -type f -print
	find "$work/cwd" -type f
}

nothing_left() {
	files_left | tee "$work/left"
	[ ! -s "$work/left" ]
}

something_left() {
	! nothing_left
}

answers() {
	! gone "${pid[a]}" && in_place wg show "$(device a)" && pings a b
}

# dies SIGNAL: it does, of just that.
dies() {
	local status=0
	kill "-$1" "${pid[a]}"
	within 10 gone "${pid[a]}"
	wait "${pid[a]}" || status=$?
	echo "exit status $status"
	[ "$status" = $((128 + $(kill -l "$1"))) ]
}

# A core file in its directory, where the machine's pattern says so.
other_leaves_core() {
	(
		cd "$work/cwd"
		ulimit -c unlimited
		sleep 100 &
		kill -SEGV $!
		wait $! || true
	)
	ls "$work/cwd"
	[ -n "$(find "$work/cwd" -type f -name 'core*')" ]
}

# Another program with DPDK, which does share its memory.
testpmd() {
	spawn "$work/testpmd.log" nice -n 5 nsenter -t "$place" -m dpdk-testpmd \
		--lcores '0@(0,1),1@(0,1)' --no-pci --vdev net_null0 -m 64 --huge-dir /mnt/huge \
		--file-prefix other -- --auto-start --total-num-mbufs 2048 --stats-period 1
	pid[testpmd]=$!
	within 60 grep -q 'Port statistics' "$work/testpmd.log"
}

# looks_into PREFIX: a secondary process, which shows ports.
looks_into() {
	in_place timeout 20 dpdk-proc-info --no-pci --file-prefix "$1" -- --xstats
}

captures_from() {
	in_place timeout 20 dpdk-pdump --no-pci --file-prefix "$1" -- \
		--pdump 'port=0,queue=*,rx-dev=/run/captured.pcap'
}

in_hugepages() {
	grep -q 'KernelPageSize: *2048' "/proc/${pid[a]}/smaps"
}

start_a() {
	guardlane_spawn a --memory 128
	fact "a reaches b" within 20 answers
	fact "its memory is in hugepages" in_hugepages
}

core_pattern=$(</proc/sys/kernel/core_pattern)
# The status is cleanup's to see, and it must come to that also after a failure.
trap 'status=$?; trap - ERR; set +e; echo "$core_pattern" >/proc/sys/kernel/core_pattern
	(exit "$status"); cleanup' EXIT
echo core >/proc/sys/kernel/core_pattern

hugepages_take 160
cluster a b
place_create
instance_start b guardlane --hugepages no
guardlane=$work/guardlane
private_hex=$(base64 -d <<<"${private_key[a]}" | od -An -v -tx1 | tr -d ' \n')
echo "private $private_hex" >"$work/keys"

# -- a crash -------------------------------------------------------------------------------------
fact "another program leaves a core file there" other_leaves_core
rm -f "$work/cwd"/*
start_a
fact "SIGSEGV ends it" dies SEGV
fact "no core file is left, nor any other with content" nothing_left
fact "its log has no key" "$scenario_dir/memory.py" "$work/keys" "$work/a.log"

# -- SIGKILL, and other processes of DPDK ----------------------------------------------------------
start_a
testpmd
fact "another program's memory can be got into by a secondary process" looks_into other
fact "the gateway's cannot" no looks_into guardlane
fact "nor by one that captures" no captures_from guardlane
fact "nor does the gateway notice" answers
kill -KILL "${pid[testpmd]}"
fact "the other one leaves files when it is killed" something_left
in_place sh -c 'rm -rf /run/dpdk/other /mnt/huge/*'
fact "SIGKILL ends the gateway" dies KILL
fact "nothing with content is left" nothing_left
