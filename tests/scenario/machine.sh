# A virtual machine with PCI devices and an IOMMU: QEMU without KVM, driven through files as uml.sh
# says. Kind `machine`: the host's namespace stays empty, its addresses are for the guest to take.
# scripts/vm-kernel unpacks what is booted; machine-init is what runs inside.
# shellcheck shell=bash

# The NICs' slots: taps `under` (on the lan) and `pipe` (in the namespace $run-pipe).
machine_under=0000:00:04.0
machine_pipe=0000:00:05.0
machine_under_mac=02:00:5e:00:03:04

# machine_start NAME NIC: boots with two devices of that kind (of QEMU's), and waits until ready.
machine_start() {
	local name=$1 nic=$2 dir kernel
	dir=$(uml_dir "$name")
	kernel=$("$root/scripts/vm-kernel")
	mkdir -p "$dir/asked"
	ns_create "$run-pipe"
	kind["$name"]=machine
	spawn "$work/$name.log" machine_exec "$name" "$nic" "$kernel"
	pid["$name"]=$!
	within 240 uml_ready "$name" >/dev/null
	ip -n "$lan" link set dev under master br0 up
	ip -n "$lan" link set dev pipe netns "$run-pipe"
	ip -n "$run-pipe" link set dev pipe up
}

# iommu_platform: else virtio goes past the IOMMU. aw-bits: DPDK's addresses have more than 39.
machine_exec() {
	local name=$1 nic=$2 kernel=$3
	[ "$nic" != virtio-net-pci ] || nic+=,disable-legacy=on,iommu_platform=on
	exec ip netns exec "$lan" qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 \
		-machine q35 -m 1536 -nodefaults -no-user-config -display none -no-reboot \
		-device intel-iommu,intremap=on,aw-bits=48 -serial stdio \
		-kernel "$kernel/vmlinuz" -initrd "$kernel/initrd" -append "console=ttyS0 quiet \
intel_iommu=on panic=-1 selinux=0 GL_INIT=$scenario_dir/machine-init GL_NAME=$name \
GL_WORK=$work GL_KERNEL=$kernel GL_HUGEPAGES=256" \
		-virtfs local,path=/,mount_tag=root,security_model=none,readonly=on,multidevs=remap \
		-virtfs "local,path=$work,mount_tag=work,security_model=none" \
		-netdev tap,id=under,ifname=under,script=no,downscript=no \
		-device "$nic,netdev=under,addr=4,mac=$machine_under_mac" \
		-netdev tap,id=pipe,ifname=pipe,script=no,downscript=no \
		-device "$nic,netdev=pipe,addr=5,mac=02:00:5e:00:03:05" </dev/null
}

# machine_driver NAME ADDRESS: the device's driver, by its name.
machine_driver() {
	instance_run "$1" basename "$(instance_run "$1" readlink -f "/sys/bus/pci/devices/$2/driver")"
}

# machine_bind NAME ADDRESS DRIVER: gives the device to that driver; "" is the kernel's own.
machine_bind() {
	instance_run "$1" bash -c "cd /sys/bus/pci/devices/$2 && echo $3 >driver_override &&
		echo $2 >driver/unbind && echo $2 >/sys/bus/pci/drivers_probe"
}

# machine_interface NAME ADDRESS: the kernel's interface of the device.
machine_interface() {
	instance_run "$1" bash -c "ls /sys/bus/pci/devices/$2/{net,virtio*/net} 2>/dev/null |
		grep -v : | grep ."
}
