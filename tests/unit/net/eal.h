/*
 * EAL for the tests that need mbufs or ethdevs: no hugepages, no devices, a name of its own.
 */
#pragma once

#include <rte_mempool.h>

#include <stdint.h>

/* eal_start initialises EAL in this process and its namespace; 0 or -1. */
int eal_start(void);

/* eal_stop ends it and removes what it has left in the file system; 0 or negative. */
int eal_stop(void);

/* eal_pool makes a pool of mbufs with `data_room` bytes after the headroom. */
struct rte_mempool *eal_pool(const char *name, uint16_t data_room);
