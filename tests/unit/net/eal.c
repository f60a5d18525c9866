/*
 * EAL for the tests that need mbufs or ethdevs.
 */
#include "eal.h"

#include <rte_eal.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
prefix_write(char prefix[static 48])
{
	snprintf(prefix, 48, "guardlane-test-%d", (int)getpid());
}

int
eal_start(void)
{
	/* Writable, as EAL wants its arguments, and alive as long as EAL is. */
	static char texts[][48] = {"test", "--no-huge", "-m", "64", "--no-pci", "--no-telemetry",
		"--lcores", "0@0", "--log-level", "error", "--file-prefix", ""};
	enum { COUNT = sizeof(texts) / sizeof(texts[0]) };
	static char *arguments[COUNT + 1];

	prefix_write(texts[COUNT - 1]);
	for (unsigned i = 0; i < COUNT; i++)
		arguments[i] = texts[i];
	return rte_eal_init(COUNT, arguments) < 0 ? -1 : 0;
}

int
eal_stop(void)
{
	char prefix[48];
	char command[128];
	int result = rte_eal_cleanup();

	/* EAL leaves its directory behind. */
	prefix_write(prefix);
	snprintf(command, sizeof(command), "rm -rf /run/dpdk/%s", prefix);
	return system(command) == 0 ? result : -1;
}

struct rte_mempool *
eal_pool(const char *name, uint16_t data_room)
{
	return rte_pktmbuf_pool_create(
		name, 511, 0, 0, (uint16_t)(data_room + RTE_PKTMBUF_HEADROOM), (int)SOCKET_ID_ANY);
}
