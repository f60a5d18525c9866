# Process 1 of a peer that is a machine: runs what uml_run asks for; sourced.
# A file in asked/ is a command; the reply is files of its name one above: .out, .err and, last, .rc.
# They are looked for, 20 times a second: an interrupt for a line on stdin gets lost at times.
# shellcheck shell=bash

answer() {
	bash "$1" >"$1.out" 2>"$1.err" </dev/null
	echo $? >"$1.rc.new"
	mv "$1.rc.new" "$1.rc"
}

serve() {
	local command
	mkfifo /run/silence
	exec 3<>/run/silence
	: >ready
	while :; do
		for command in asked/*; do
			[ -e "$command" ] || continue
			mv "$command" .
			answer "${command#*/}" &
		done
		read -rt 0.05 -u 3 || true
	done
}
