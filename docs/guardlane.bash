# Completion of guardlane(8) for bash. Commands and options are learnt from the program's own --help.
# shellcheck shell=bash

# _guardlane_values ARGUMENT: what may stand behind an option, told by its argument in --help:
# alternatives, of which small letters are taken as they stand, up to their colon.
_guardlane_values() {
	local alternative
	for alternative in ${1//|/ }; do
		case $alternative in
		DIR) compgen -d -- "$cur" ;;
		FILE | PATH) compgen -f -- "$cur" ;;
		INTERFACE) compgen -W "$(ls /sys/class/net)" -- "$cur" ;;
		[a-z]*:*) compgen -W "${alternative%%:*}:" -- "$cur" ;;
		[a-z]*) compgen -W "$alternative" -- "$cur" ;;
		esac
	done
}

_guardlane() {
	local cur=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} program=$1 argument kind

	# Bash makes a word of a colon: what is completed is behind it, and the option before the kind.
	if [ "$cur" = : ] || [ "$previous" = : ]; then
		kind=${COMP_WORDS[COMP_CWORD - 1]}
		[ "$previous" != : ] || kind=${COMP_WORDS[COMP_CWORD - 2]}
		[ "$cur" != : ] || cur=
		[ "$kind" != af_packet ] ||
			mapfile -t COMPREPLY < <(_guardlane_values INTERFACE)
		return
	fi
	if [ "$COMP_CWORD" -eq 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W "--help --version $("$program" --help 2>/dev/null |
			sed -n 's/^  \([a-z-]*\)  .*/\1/p')" -- "$cur")
		return
	fi
	argument=$("$program" "${COMP_WORDS[1]}" --help 2>/dev/null |
		sed -n "s/^  $previous \(.*\)/\1/p")
	if [ -n "$argument" ]; then
		mapfile -t COMPREPLY < <(_guardlane_values "$argument")
		[[ ${COMPREPLY[*]} != *: ]] || compopt -o nospace 2>/dev/null
		[[ $argument != @(DIR|FILE|PATH)* ]] || compopt -o filenames 2>/dev/null
	else
		mapfile -t COMPREPLY < <(compgen -W "$("$program" "${COMP_WORDS[1]}" --help 2>/dev/null |
			sed -n 's/^  \(--[a-z-]*\).*/\1/p')" -- "$cur")
	fi
}

complete -F _guardlane guardlane
