/*
 * The operator's files and settings as guardlane.h gives them out.
 * On the packet's way: nowhere.
 * Threads: as guardlane.h says.
 */
#include "config/config_hash.h"
#include "config/dotenv.h"
#include "config/lint.h"
#include "gateway/library.h"

#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

_Static_assert((int)GL_HASH_MAX == (int)CONFIG_HASH_MAX, "a hash is as long inside and outside");

static void
write_report(const struct log *log, const struct report *report)
{
	char text[1024];

	for (size_t i = 0; i < report->count; i++)
		log_write(log,
			report->entries[i].severity == REPORT_ERROR ? LOG_LEVEL_ERROR
								    : LOG_LEVEL_WARNING,
			"%s", report_format(&report->entries[i], text, sizeof(text)));
}

struct gl_config *
gl_config_load(const char *private_path, const char *public_path, bool strict_permissions,
	const struct gl_log *log)
{
	const struct log inner = library_log(log);
	struct gl_config *loaded = calloc(1, sizeof(*loaded));
	struct report report = {.count = 0};

	if (loaded == NULL) {
		log_error(&inner, "no memory for a configuration");
		return NULL;
	}
	loaded->config = tunnel_config_load(private_path, public_path, strict_permissions, &report);
	write_report(&inner, &report);
	report_fini(&report);
	if (loaded->config != NULL)
		return loaded;
	free(loaded);
	return NULL;
}

void
gl_config_destroy(struct gl_config *config)
{
	if (config == NULL)
		return;
	tunnel_config_destroy(config->config);
	free(config);
}

bool
gl_config_clustering(const struct gl_config *config)
{
	return config->config->clustering;
}

size_t
gl_config_peer_count(const struct gl_config *config)
{
	return config->config->peer_count;
}

bool
gl_config_has_own_entry(const struct gl_config *config)
{
	return config->config->own != NULL;
}

uint16_t
gl_config_listen_port(const struct gl_config *config)
{
	return config->config->listen_port;
}

void
gl_config_hash(const struct gl_config *config, char hash[GL_HASH_MAX])
{
	config_hash(config->config, hash);
}

/* The addresses of this host's interfaces: *count of them, to be freed. */
static struct address *
host_addresses(size_t *count)
{
	struct ifaddrs *list = NULL;
	struct address *addresses;
	size_t room = 0;

	*count = 0;
	if (getifaddrs(&list) != 0)
		return NULL;
	for (const struct ifaddrs *at = list; at != NULL; at = at->ifa_next)
		room++;
	addresses = calloc(room + 1, sizeof(*addresses));
	for (const struct ifaddrs *at = list; at != NULL && addresses != NULL; at = at->ifa_next) {
		const struct sockaddr *from = at->ifa_addr;

		if (from != NULL && from->sa_family == AF_INET)
			addresses[(*count)++] = address_from_bytes(ADDRESS_IPV4,
				(const void *)&((const struct sockaddr_in *)(const void *)from)
					->sin_addr);
		else if (from != NULL && from->sa_family == AF_INET6)
			addresses[(*count)++] = address_from_bytes(ADDRESS_IPV6,
				(const void *)&((const struct sockaddr_in6 *)(const void *)from)
					->sin6_addr);
	}
	freeifaddrs(list);
	return addresses;
}

int
gl_config_lint(const struct gl_config *config, const struct gl_tunnel_settings *settings,
	const struct gl_log *log)
{
	const struct log inner = library_log(log);
	struct lint_facts facts = {
		.listen_port = settings->listen_port,
		.peer_port = settings->peer_port,
	};
	struct report report = {.count = 0};
	struct address *addresses;
	struct prefix vpn_address;
	size_t found;

	if (settings->vpn_address != NULL) {
		if (library_vpn_address(settings->vpn_address, &vpn_address) != 0) {
			log_error(&inner, "VPN address \"%s\" is not an IP address",
				settings->vpn_address);
			return -EINVAL;
		}
		facts.vpn_address = &vpn_address;
	}
	addresses = host_addresses(&facts.host_address_count);
	facts.host_addresses = addresses;
	found = lint_config(config->config, &facts, &report);
	write_report(&inner, &report);
	report_fini(&report);
	free(addresses);
	return (int)found;
}

int
library_vpn_address(const char *text, struct prefix *address)
{
	char plain[PREFIX_TEXT_MAX] = "";
	const size_t len = strcspn(text, "/");
	int error = prefix_parse(text, address, NULL);

	if (error != 0)
		return error;
	/* prefix_parse clears the host bits, and here they are what matters. */
	if (len < sizeof(plain))
		memcpy(plain, text, len);
	error = address_parse(plain, &address->address);
	if (error == 0 && text[len] == '\0')
		address->len = address->address.family == ADDRESS_IPV4 ? 24 : 64;
	return error;
}

int
gl_config_underlay(const struct gl_config *config, char iface[16])
{
	for (size_t i = 0; i < config->config->peer_count; i++) {
		struct address address;

		if (address_parse(config->config->peers[i].host, &address) == 0)
			return nexthop_interface_to(&address, iface);
	}
	return -ENOENT;
}

int
gl_dotenv_get(const char *path, const char *name, char *value, size_t size)
{
	return dotenv_get(path, name, value, size);
}
