/*
 * The system calls of each kind of thread.
 * On the packet's way: nowhere.
 * Threads: any; constants.
 */
#pragma once

#include "confine.h"

/* A list of names that ends with NULL. */
extern const char *const confine_calls_of_all[];
extern const char *const confine_calls_of_ports[];
extern const char *const confine_calls_of_memory[];
extern const char *const confine_calls_of_sockets[];
extern const char *const confine_calls_of_management[];
