/*
 * Input that is not authentic changes nothing: the state of a gateway before and after, all of it
 * but counts of drops and of what came, and the notes that `status` makes its diagnoses from.
 * Threads: the test's.
 */
#pragma once

#include "pair.h"

/*
 * oracle_refuses has the frame arrive at the site's gateway, and fails the test if that sends
 * or delivers anything, changes, or does not count exactly one frame as dropped or as not its own.
 * That drop counts as expected.
 */
void oracle_refuses(struct pair *pair, unsigned site, const void *frame, size_t len);

/*
 * oracle_forge has each gateway refuse what was lately sent to it: messages of each type with one
 * bit changed, and handshake messages also with their mac1 made right again; and, whatever came of
 * them the first time, the same message twice over. pair_end() does this in every run.
 */
void oracle_forge(struct pair *pair);
