/*
 * Status: a snapshot as the structs of guardlane.h.
 * On the packet's way: nowhere.
 * Threads: any that is not a lane.
 */
#pragma once

#include "gateway/gateway.h"
#include "guardlane.h"

/* gateway_status is gl_gateway_status(). */
int gateway_status(struct gateway *gateway, struct gl_status **status)
	__attribute__((warn_unused_result));
