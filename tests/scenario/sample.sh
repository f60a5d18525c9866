# What the sample pipeline behind a's address must do, in whichever way it has the tunnel; sourced.
# b and c are wireguard-go. The sample's process is pid[sample], what it says in sample.log.
# shellcheck shell=bash

# All that b and c send to each other goes through a.
through_a() {
	local name other
	for name in b c; do
		other=$([ "$name" = b ] && echo c || echo b)
		instance_wg "$name" set peer "${public_key[a]}" \
			allowed-ips "$(inside a)/32,$(inside "$other")/32"
	done
}

many() {
	instance_run "$1" ping -c 1000 -i 0.002 -W 2 -q "$(inside "$2")" |
		tee "$work/many" | grep -F '1000 received'
}

sample_said() {
	grep -E -- "$1" "$work/sample.log"
}

sample_facts() {
	fact "the sample starts" within 20 sample_said '^ready$'
	fact "b pings the pipeline" reaches b a
	fact "c pings the pipeline" reaches c a
	fact "1,000 pings from b, all mirrored" many b a
	through_a
	fact "b reaches c through the pipeline" reaches b c
	fact "1,000 pings from b to c, all forwarded, both ways" many b c
	kill -TERM "${pid[sample]}"
	fact "the sample ends by SIGTERM" ended sample
	fact "it has counted them" sample_said \
		'^[0-9]+ packets, [0-9]+ bytes: 1[0-9]{3} mirrored, 2[0-9]{3} forwarded, 0 dropped$'
}
