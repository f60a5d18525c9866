#!/bin/bash
# The operator's day with compose: to guardlane by one more file, an instance more, and back again.
# Arguments: none
#
#   a, b: bridge, port published; `database` shares the gateway's network  ──── lan
#   c: the gateway on the host's network; `database` on a bridge, masqueraded ──── lan
#   and for a while on a, b: a second VPN, whose network `processor` shares
. "$(dirname "$0")/lib.sh"

# With a terminal, as the operator has one. What is at its other end types a NUL, which is echoed.
reconfigure() {
	local name=$1
	(
		cd "$(config_dir "$name")" && unset COMPOSE_FILE MITIGATOR_VPN_ADDRESS &&
			DOCKER_HOST=unix://$(podman_dir "$name")/socket script -qec \
				'docker-compose exec gateway reconfigure' /dev/null </dev/null
	) | tr -d '\r' | sed 's/^^@//'
}

reconfigure_says() {
	reconfigure "$1" | tee "$work/reconfigure.$1" | grep -E -- "$2"
}

reconfigure_refuses() {
	! reconfigure "$1" >"$work/reconfigure.$1" && grep -E -- "$2" "$work/reconfigure.$1"
}

# new_public NAME: vpn-public.conf as it is now meant to be, written into the file that is mounted.
new_public() {
	cat "$work/public" >"$(config_dir "$1")/vpn-public.conf"
}

# As an editor does that writes a new file and renames it: c has a name in it.
renamed_public() {
	local file
	file=$(config_dir "$1")/vpn-public.conf
	awk '/^\[Peer\]/ && ++sections == 3 { print "# carol" } { print }' "$file" >"$file.new"
	mv "$file.new" "$file"
}

status_has() {
	exec_in "$1" gateway guardlane status | grep -E -- "$2"
}

peers_of() {
	exec_in "$1" gateway wg show wg0 peers | grep -c .
}

gateway_is() {
	[ "$(inspect "$1" gateway '{{.Config.Image}}' | sed 's|.*/||; s|:.*||')" = "$2" ]
}

starts() {
	podman_start "$1"
	project "$1" "${2:-docker-compose.yml}"
	[ "${2:-}" = docker-compose.host.yml ] || forgetful "$1" || return
	compose "$1" up -d
}

fact "the images are built from the sources" images
cluster a b
for name in a b; do fact "$name: the vendor's gateway is up" starts "$name"; done
fact "a's database reaches b's VPN address by the vendor's gateways" container_reaches a b

for name in a b; do
	overlay_add "$name"
	fact "$name: one more file in COMPOSE_FILE, down and up" down_up "$name"
	fact "$name: the gateway is guardlane" within 60 gateway_says "$name" 'ready: underlay af_packet:'
done
fact "a's database reaches b's VPN address" container_reaches a b
fact "b's reaches a's" container_reaches b a
for name in a b; do
	fact "$name: the health check says healthy" within 60 healthy "$name"
	fact "$name: wg show" exec_in "$name" gateway wg show wg0
done

for name in a b; do
	overlay_add "$name" docker-compose.dataplane.yml "$dataplane_overlay"
	fact "$name: the second VPN, two more files in COMPOSE_FILE" compose "$name" up -d
	fact "$name: it is guardlane's, and has its own port" within 60 \
		gateway_says "$name" 'UDP port 4568, 1 peer' gateway-dataplane
done
fact "a's packet processor reaches b's" container_reaches a b processor
fact "a's database reaches b's VPN address all the same" container_pings a b
for name in a b; do
	fact "$name: the second VPN goes" removes "$name" processor gateway-dataplane
	overlay_remove "$name" docker-compose.dataplane.yml "$dataplane_overlay"
done
fact "a's database still reaches b's VPN address" container_reaches a b

instance_add c
cp "$(config_dir c)/vpn-public.conf" "$work/public"
overlay_add c
fact "c comes, on its host's network" starts c docker-compose.host.yml
fact "c: the gateway is guardlane" within 60 gateway_says c 'ready: underlay af_packet:eth0'
for name in a b; do
	new_public "$name"
	fact "$name: docker-compose exec gateway reconfigure" \
		reconfigure_says "$name" '^\+ .*10\.8\.3\.3'
	fact "$name: the gateway has two peers" eval "[ \$(peers_of $name) = 2 ]"
done
fact "c: reconfigure has nothing to do" reconfigure_says c 'unchanged'
for name in a b; do
	fact "$name's database reaches c's VPN address" container_reaches "$name" c
	fact "c's database reaches $name's VPN address" container_reaches c "$name"
done
fact "a's database still reaches b's" container_pings a b

renamed_public a
fact "a: a file that was renamed into place is told by reconfigure" \
	reconfigure_refuses a 'public\.conf: error: was replaced on the host'
fact "a goes on as before" container_pings a b
fact "a: nothing of it was taken over" no status_has a '^carol '
fact "a: down and up" down_up a
fact "a: they have taken it in" within 60 status_has a '^carol '
fact "a: reconfigure is content again" reconfigure_says a 'unchanged'
fact "a's database reaches b's and c's again" eval 'container_reaches a b && container_reaches a c'

overlay_remove a
fact "a: without the overlay, down and up" down_up a
fact "a: the gateway is the vendor's" gateway_is a vendor
fact "a's database reaches b's VPN address" container_reaches a b
fact "c's reaches a's" container_reaches c a

for name in a b c; do fact "$name: down" down "$name"; done
