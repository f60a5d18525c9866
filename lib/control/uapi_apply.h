/*
 * UAPI's "set", done: from a request to the tunnel that it asks for, all of it or nothing.
 * On the packet's way: nowhere.
 * Threads: management; the control lock must not be held.
 */
#pragma once

#include "control/management.h"

#include <stddef.h>

/*
 * uapi_apply makes of the tunnel what the `len` bytes at `text` ask for, a whole request, "set=1"
 * first. Lines count in their order, as with every WireGuard: the last one wins, a prefix goes from
 * one peer to the other, a peer that is removed and named again is a new one. But they count
 * together: nothing has changed after an error, of which there is one line in the log. Returns 0;
 * -EINVAL or -EPROTO as uapi_set_next() does; what reconfigure_ready() returns; or -ENOMEM.
 */
int uapi_apply(struct management *management, struct tunnel *tunnel, const char *text, size_t len)
	__attribute__((warn_unused_result));
