/*
 * A status with one of everything, for the tests of what is made of it.
 */
#pragma once

#include "guardlane.h"

/*
 * a_status returns it; one object, made anew by each call. One lane, one tunnel wg0 and three
 * peers: db-2 is well, a "quoted" one has never answered, the third has neither name nor endpoint.
 * Nothing was dropped but what a_status_drop() has set: reason 0 and up.
 */
struct gl_status *a_status(void);

/* a_status_drop counts drops of the reason, in all and of the second peer. */
void a_status_drop(const char *reason, uint64_t count);
