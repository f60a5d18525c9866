#!/bin/bash
# The completion for bash offers every option of --help, and values where it knows them.
# Usage: tests/completion.sh PROGRAM
set -euo pipefail

compopt() { :; } # there is no completion under way
program=$(realpath "$1")
work=$(mktemp -d /tmp/guardlane-completion.XXXXXX)
trap 'rm -rf "$work"' EXIT

# shellcheck source=../docs/guardlane.bash
. "$(dirname "$0")/../docs/guardlane.bash"

failed=0

# completes WANTED WORD...: what is offered for the last word, sorted, in one line.
completes() {
	local wanted=$1 got
	shift
	COMP_WORDS=(guardlane "$@")
	COMP_CWORD=$#
	COMPREPLY=()
	_guardlane "$program"
	got=$(printf '%s\n' "${COMPREPLY[@]}" | sort | paste -sd ' ')
	[ "$got" != "$wanted" ] || return 0
	echo "guardlane $*: offers \"$got\" instead of \"$wanted\""
	failed=1
}

options=$("$program" run --help | grep -o '^  --[a-z-]*' | sed 's/^ *//' | sort | paste -sd ' ')
[ "$(wc -w <<<"$options")" -ge 10 ] || { echo "--help names too few options: $options"; failed=1; }

commands=$("$program" --help | sed -n 's/^  \([a-z-]*\)  .*/\1/p' | sort | paste -sd ' ')
[ "$(wc -w <<<"$commands")" -ge 3 ] || { echo "--help names too few commands: $commands"; failed=1; }
completes "--help --version $commands" ""
completes "run" ru
completes "--strict --strict-permissions" check --str
completes "$options" run ""
completes "--listen-port" run --lis
completes "adaptive auto busy" run --poll ""
completes "busy" run --poll b
completes "af_packet: auto pci: udp vdev:" run --underlay ""
completes "lo" run --underlay af_packet : lo
completes "" run --underlay vdev : ""
completes "tun:" run --host t
completes "auto tun:" run --host ""
completes "$(dirname "$program")" run --config-dir "$(dirname "$program")"
completes "$0" run --private-conf "$0"
completes "" run --memory ""
completes "dataplane gateway" run --role ""
completes "off" run --metrics ""
completes "--example" config --ex
completes "auto" config --lanes ""
completes "no yes" config --strict-permissions ""
completes "--dry-run" reconfigure --d
completes "$commands" help ""

# Under its other name: the command's options without the command.
ln -s "$program" "$work/reconfigure"
COMP_WORDS=(reconfigure --d)
COMP_CWORD=1
_guardlane_reconfigure "$work/reconfigure"
[ "${COMPREPLY[*]}" = --dry-run ] || { echo "reconfigure --d: offers \"${COMPREPLY[*]}\""; failed=1; }
exit "$failed"
