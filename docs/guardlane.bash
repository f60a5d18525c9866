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
		NETNS) compgen -W "$(ls /run/netns 2>/dev/null)" -- "$cur" ;;
		NAME) compgen -W "$(basename -as .sock /run/guardlane/*.sock)" -- "$cur" ;;
		[a-z]*:*) compgen -W "${alternative%%:*}:" -- "$cur" ;;
		[a-z]*) compgen -W "$alternative" -- "$cur" ;;
		esac
	done
}

_guardlane_commands() {
	"$program" --help 2>/dev/null | sed -n 's/^  \([a-z-]*\)  .*/\1/p'
}

# The options, and what may stand without one.
_guardlane_words() {
	local help
	help=$("$program" "${COMP_WORDS[1]}" --help 2>/dev/null)
	compgen -W "$(sed -n 's/^  \(--[a-z-]*\).*/\1/p' <<<"$help")" -- "$cur"
	_guardlane_values "$(sed -n 's/^  \([A-Z]*\)$/\1/p' <<<"$help")"
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
		mapfile -t COMPREPLY < <(
			compgen -W "--help --version $(_guardlane_commands)" -- "$cur")
		return
	fi
	if [ "${COMP_WORDS[1]}" = help ]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_guardlane_commands)" -- "$cur")
		return
	fi
	argument=$("$program" "${COMP_WORDS[1]}" --help 2>/dev/null |
		sed -n "s/^  $previous \(.*\)/\1/p")
	if [ -n "$argument" ]; then
		mapfile -t COMPREPLY < <(_guardlane_values "$argument")
		[[ ${COMPREPLY[*]} != *: ]] || compopt -o nospace 2>/dev/null
		[[ $argument != *@(DIR|FILE|PATH)* ]] || compopt -o filenames 2>/dev/null
	else
		mapfile -t COMPREPLY < <(_guardlane_words)
	fi
}

# reconfigure is guardlane under another name: it takes the command's words without the command.
_guardlane_reconfigure() {
	COMP_WORDS=("$1" reconfigure "${COMP_WORDS[@]:1}")
	COMP_CWORD=$((COMP_CWORD + 1))
	_guardlane "$1"
}

complete -F _guardlane guardlane
complete -F _guardlane_reconfigure reconfigure
