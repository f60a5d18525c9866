/*
 * What UAPI's "get" answers about a tunnel.
 * On the packet's way: nowhere.
 * Threads: management, under the control lock. Source: wireguard.com/xplatform.
 */
#pragma once

#include "tunnel/tunnel.h"

#include <stddef.h>

/*
 * uapi_get returns the answer to "get=1" for the tunnel, one consistent snapshot, ending with
 * errno=0 and an empty line; its length without the final zero goes to *len. It holds secrets, and
 * is to be freed by secret_free(). NULL without memory.
 */
char *uapi_get(struct tunnel *tunnel, size_t *len);
