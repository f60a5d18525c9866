/*
 * Finding files, addresses, CPUs and hugepages.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "places.h"

#include "say.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int
join(char path[PATH_MAX], const char *dir, const char *name, const struct gl_log *log)
{
	if (snprintf(path, PATH_MAX, "%s%s%s", dir, dir[0] != '\0' ? "/" : "", name) < PATH_MAX)
		return 0;
	say(log, GL_LOG_ERROR, "the path %s/%s is too long", dir, name);
	return -ENAMETOOLONG;
}

static int
find_in(struct places *places, const char *dir, const char *private_name, const char *public_name,
	const struct gl_log *log)
{
	int error = join(places->private_conf, dir, private_name, log);

	if (error == 0)
		error = join(places->public_conf, dir, public_name, log);
	return error;
}

int
places_find(struct places *places, const struct tunnel_options *options, const struct gl_log *log)
{
	const char *dir = options->config_dir != NULL ? options->config_dir : "/srv/mitigator";
	const bool mounted = options->config_dir == NULL &&
		(access("/srv/private.conf", F_OK) == 0 || access("/srv/public.conf", F_OK) == 0);
	int error;

	/* In the container the two files are mounted under these names. */
	if (mounted)
		error = find_in(places, "/srv", "private.conf", "public.conf", log);
	else
		error = find_in(places, dir, "vpn-private.conf", "vpn-public.conf", log);
	if (error == 0)
		error = join(places->dotenv, dir, ".env", log);
	if (error == 0 && options->private_conf != NULL)
		error = join(places->private_conf, "", options->private_conf, log);
	if (error == 0 && options->public_conf != NULL)
		error = join(places->public_conf, "", options->public_conf, log);
	return error;
}

/* Copies the text. Returns 0, -ENOENT if there is none, or -E2BIG. */
static int
take_address(const char *text, char address[PLACES_VPN_ADDRESS_MAX])
{
	if (text == NULL || text[0] == '\0')
		return -ENOENT;
	return snprintf(address, PLACES_VPN_ADDRESS_MAX, "%s", text) < PLACES_VPN_ADDRESS_MAX
		? 0
		: -E2BIG;
}

static int
dotenv_address(const struct places *places, char address[PLACES_VPN_ADDRESS_MAX])
{
	int error = gl_dotenv_get(
		places->dotenv, "MITIGATOR_VPN_ADDRESS", address, PLACES_VPN_ADDRESS_MAX);

	return error == 0 && address[0] == '\0' ? -ENOENT : error;
}

int
places_vpn_address(const struct places *places, const struct tunnel_options *options, bool further,
	char address[PLACES_VPN_ADDRESS_MAX], const struct gl_log *log)
{
	int error = take_address(options->vpn_address, address);

	if (error == -ENOENT && further)
		error = dotenv_address(places, address);
	if (error == -ENOENT)
		error = take_address(getenv("MITIGATOR_VPN_ADDRESS"), address);
	if (error == -ENOENT && !further)
		error = dotenv_address(places, address);
	if (error != 0)
		say(log, GL_LOG_ERROR,
			"the VPN address is %s; give %s, or set MITIGATOR_VPN_ADDRESS "
			"in the environment or in %s",
			error == -E2BIG ? "too long" : "not known",
			further ? "vpn-address= in --tunnel" : "--vpn-address", places->dotenv);
	return error;
}

/* Calls for each CPU of a list such as "0-3,8"; returns 0 or -EINVAL. */
static int
parse_cpu_list(const char *list, cpu_set_t *cpus)
{
	const char *at = list;

	CPU_ZERO(cpus);
	for (;;) {
		char *end;
		unsigned long first = strtoul(at, &end, 10);
		unsigned long last = first;

		if (end == at || *at < '0' || *at > '9')
			return -EINVAL;
		if (*end == '-') {
			at = end + 1;
			last = strtoul(at, &end, 10);
			if (end == at || *at < '0' || *at > '9')
				return -EINVAL;
		}
		if (last < first || last >= CPU_SETSIZE)
			return -EINVAL;
		for (; first <= last; first++)
			CPU_SET(first, cpus);
		if (*end == '\0' || *end == '\n')
			return 0;
		if (*end != ',')
			return -EINVAL;
		at = end + 1;
	}
}

int
places_cpus(const char *list, cpu_set_t *cpus, const struct gl_log *log)
{
	cpu_set_t allowed;
	int last = -1;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) {
		say(log, GL_LOG_ERROR, "cannot read the CPU affinity: %s", strerror(errno));
		return -EINVAL;
	}
	if (list == NULL) {
		for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
			if (CPU_ISSET(cpu, &allowed))
				last = cpu;
		CPU_ZERO(cpus);
		CPU_SET(last, cpus);
		return 0;
	}
	if (parse_cpu_list(list, cpus) != 0) {
		say(log, GL_LOG_ERROR, "--lanes \"%s\" is not a list of CPUs such as 2-3,10", list);
		return -EINVAL;
	}
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, cpus) && !CPU_ISSET(cpu, &allowed)) {
			say(log, GL_LOG_ERROR,
				"--lanes names CPU %d, which this process may not use "
				"(not there, or outside its cpuset)",
				cpu);
			return -EINVAL;
		}
	}
	return 0;
}

/* Reads the first line of a small file. Returns whether there is one. */
static bool
read_line(const char *path, char *line, int size)
{
	FILE *file = fopen(path, "re");
	bool found;

	if (file == NULL)
		return false;
	found = fgets(line, size, file) != NULL;
	fclose(file);
	return found;
}

bool
places_isolated(const cpu_set_t *cpus)
{
	char line[1024];
	cpu_set_t isolated;
	cpu_set_t both;

	if (!read_line("/sys/devices/system/cpu/isolated", line, sizeof(line)) ||
		parse_cpu_list(line, &isolated) != 0)
		return false;
	CPU_AND(&both, &isolated, cpus);
	return CPU_EQUAL(&both, cpus) != 0;
}

unsigned long
places_hugepages_mib(void)
{
	static const struct {
		const char *path;
		unsigned long mib;
	} kinds[] = {
		{"/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", 2},
		{"/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages", 1024},
	};
	unsigned long total = 0;
	char line[64];

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (read_line(kinds[i].path, line, sizeof(line)))
			total += strtoul(line, NULL, 10) * kinds[i].mib;
	return total;
}
