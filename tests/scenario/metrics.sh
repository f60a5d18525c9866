#!/bin/bash
# Metrics: promtool finds nothing to say about them, and Debian's Prometheus takes them in.
# Arguments: none
#
#   b (wireguard-go) ──── lan ──── a (gateway) ── lo: 127.0.0.1:9586 ── prometheus, 127.0.0.1:9090
. "$(dirname "$0")/lib.sh"
address=127.0.0.1:9586

# scrape PATH [TYPE]
scrape() {
	instance_run a curl -sS --max-time 5 -H "Accept: ${2:-*/*}" "http://$address$1"
}

# It knows the older format only.
promtool_is_content() {
	scrape /metrics text/plain | promtool check metrics
}

ends_well() {
	[ "$(scrape /metrics | tail -n 1)" = "# EOF" ]
}

start_prometheus() {
	cat >"$work/prometheus.yml" <<-EOF
	global: {scrape_interval: 1s}
	scrape_configs:
	  - job_name: guardlane
	    static_configs: [{targets: ["$address"]}]
	EOF
	spawn "$work/prometheus.log" instance_run a prometheus --config.file="$work/prometheus.yml" \
		--storage.tsdb.path="$work/prometheus" --web.listen-address=127.0.0.1:9090
}

# query EXPRESSION: the first value that Prometheus has for it.
query() {
	instance_run a curl -sS --max-time 5 -G http://127.0.0.1:9090/api/v1/query \
		--data-urlencode "query=$1" | jq -re '.data.result[0].value[1]'
}

# is_above EXPRESSION NUMBER
is_above() {
	local value
	value=$(query "$1")
	echo "$1: $value"
	awk -v value="$value" -v least="$2" 'BEGIN { exit !(value > least) }'
}

cluster a b
sed -i "/^PublicKey = ${public_key[b]//\//\\/}/i # b \"quoted\"" "$(config_dir a)/vpn-public.conf"
instance_start b wireguard-go
instance_start a guardlane --metrics "$address"
fact "a reaches b" reaches a b
fact "what is served ends as OpenMetrics do" ends_well
fact "promtool has nothing to say about it" promtool_is_content
fact "other paths are not there" eval "scrape /other | grep -q 'see /metrics'"
start_prometheus
instance_run a ping -q -c 20 -i 0.2 "$(inside b)" >/dev/null || true
key="device=\"$(device a)\",public_key=\"${public_key[b]}\""
fact "prometheus has the target" within 30 is_above 'up{job="guardlane"}' 0
fact "the bytes received from b" within 10 \
	is_above "wireguard_peer_receive_bytes_total{$key}" 2000
fact "the bytes sent to b" is_above "wireguard_peer_transmit_bytes_total{$key}" 2000
fact "the time of the last handshake with b" \
	is_above "wireguard_peer_last_handshake_seconds{$key}" "$(($(date +%s) - 300))"
fact "b is up" is_above "guardlane_peer_up{$key}" 0
fact "the load of the lane" within 10 is_above \
	'rate(guardlane_lane_busy_seconds_total[10s]) / rate(guardlane_lane_seconds_total[10s])' 0
fact "drops by reason" is_above 'guardlane_dropped_packets_total{reason="in_auth"} + 1' 0
fact "the generation" is_above guardlane_configuration_generation 0
fact "a ends when it is told to" instance_stop a
