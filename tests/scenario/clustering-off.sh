#!/bin/bash
# Without the two files clustering is off: the gateway says so, creates nothing, and waits.
# Arguments: none
#
#   a (gateway, no files) ──── lan
. "$(dirname "$0")/lib.sh"

alive() {
	! gone "${pid[a]}"
}

cluster a
host_address a
rm "$(config_dir a)"/*.conf
remember_traces a
guardlane_spawn a
fact "it says that clustering is off" within 10 log_says a 'clustering is off'
sleep 1
fact "it goes on waiting" alive
fact "it has created nothing" same_traces a
fact "SIGTERM ends it" instance_stop a
fact "the exit status is 0" ended a

# A peer table that names nobody but the instance itself is a cluster of one, not an error.
files
fact "with the files there it starts" instance_start a guardlane
