/*
 * Fuzz target: the operator's two files. What is read is printed as the canonical files, which must
 * be read as the same.
 * Threads: one.
 *
 * The input: the private file, a line "%%", the public file; or the public one alone.
 */
#include "demand.h"

#include "config/tunnel_config.h"

#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SEPARATOR "%%\n"
#define GOOD_PRIVATE "[Interface]\nPrivateKey = yDPg5doavYH7fdD86nt+cOzSBL4znVZcrcrJwjY/Xmw=\n"

/* In memory, where there is a place for it. */
static const char *
folder(void)
{
	return access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
}

struct fuzz {
	char private_path[64];
	char public_path[64];
};

static void
remove_files(int status, void *argument)
{
	struct fuzz *fuzz = argument;

	(void)unlink(fuzz->private_path);
	(void)unlink(fuzz->public_path);
	free(fuzz);
}

static struct fuzz *
fuzz_create(void)
{
	struct fuzz *fuzz = calloc(1, sizeof(*fuzz));

	demand(fuzz != NULL, "memory");
	snprintf(fuzz->private_path, sizeof(fuzz->private_path), "%s/fuzz-%d-private", folder(),
		(int)getpid());
	snprintf(fuzz->public_path, sizeof(fuzz->public_path), "%s/fuzz-%d-public", folder(),
		(int)getpid());
	demand(on_exit(remove_files, fuzz) == 0, "on_exit");
	return fuzz;
}

static void
write_file(const char *path, const void *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	demand(fd >= 0 && write(fd, bytes, len) == (ssize_t)len, "a file cannot be written");
	close(fd);
}

static struct tunnel_config *
load(const struct fuzz *fuzz)
{
	struct report report = {0};
	struct tunnel_config *config =
		tunnel_config_load(fuzz->private_path, fuzz->public_path, false, &report);

	demand((config == NULL) == (report.errors > 0), "errors, and a configuration all the same");
	for (size_t i = 0; i < report.count; i++) {
		char text[1024];

		report_format(&report.entries[i], text, sizeof(text));
		demand(strchr(text, '\n') == NULL, "a message of two lines");
	}
	report_fini(&report);
	return config;
}

static void
print_peer(FILE *file, const struct tunnel_config_peer *peer)
{
	char key[KEY_BASE64_LEN + 1];

	if (peer->name[0] != '\0')
		fprintf(file, "# %s\n", peer->name);
	fprintf(file, "[Peer]\nPublicKey = %s\n", key_to_base64(peer->public_key, key));
	if (!secret_is_zero(peer->preshared_key, KEY_LEN))
		fprintf(file, "PresharedKey = %s\n", key_to_base64(peer->preshared_key, key));
	for (size_t i = 0; i < peer->allowed_ips_count; i++) {
		char prefix[PREFIX_TEXT_MAX];

		fprintf(file, "AllowedIPs = %s\n", prefix_format(&peer->allowed_ips[i], prefix));
	}
	if (peer->host[0] != '\0')
		fprintf(file,
			strchr(peer->host, ':') ? "Endpoint = [%s]:%u\n" : "Endpoint = %s:%u\n",
			peer->host, peer->port);
	fprintf(file, "PersistentKeepalive = %u\n", peer->persistent_keepalive_s);
}

static void
print(const struct fuzz *fuzz, const struct tunnel_config *config)
{
	FILE *private_file = fopen(fuzz->private_path, "we");
	FILE *public_file = fopen(fuzz->public_path, "we");
	char key[KEY_BASE64_LEN + 1];

	demand(private_file != NULL && public_file != NULL, "a file cannot be written");
	fprintf(private_file, "[Interface]\nPrivateKey = %s\nListenPort = %u\nFwMark = %u\n",
		key_to_base64(config->private_key, key), config->listen_port, config->fwmark);
	if (config->mtu != 0)
		fprintf(private_file, "MTU = %u\n", config->mtu);
	for (size_t i = 0; i < config->peer_count; i++)
		print_peer(public_file, &config->peers[i]);
	if (config->own != NULL)
		print_peer(public_file, config->own);
	demand(fclose(private_file) == 0 && fclose(public_file) == 0, "a file cannot be written");
}

static int
peers_same(const struct tunnel_config_peer *a, const struct tunnel_config_peer *b)
{
	if (memcmp(a->public_key, b->public_key, KEY_LEN) != 0 ||
		memcmp(a->preshared_key, b->preshared_key, KEY_LEN) != 0 ||
		strcmp(a->host, b->host) != 0 || a->port != b->port ||
		a->persistent_keepalive_s != b->persistent_keepalive_s ||
		strcmp(a->name, b->name) != 0 || a->allowed_ips_count != b->allowed_ips_count)
		return 0;
	for (size_t i = 0; i < a->allowed_ips_count; i++)
		if (prefix_compare(&a->allowed_ips[i], &b->allowed_ips[i]) != 0)
			return 0;
	return 1;
}

static void
compare(const struct tunnel_config *a, const struct tunnel_config *b)
{
	demand(memcmp(a->private_key, b->private_key, KEY_LEN) == 0, "another private key");
	demand(a->listen_port == b->listen_port && a->fwmark == b->fwmark && a->mtu == b->mtu,
		"another number");
	demand(a->peer_count == b->peer_count, "another number of peers");
	for (size_t i = 0; i < a->peer_count; i++)
		demand(peers_same(&a->peers[i], &b->peers[i]), "another peer");
	demand((a->own == NULL) == (b->own == NULL) &&
			(a->own == NULL || peers_same(a->own, b->own)),
		"another own entry");
}

/* With no peers there is no table, and so nothing to print; nor are prefixes shared. */
static void
check(const struct fuzz *fuzz, const struct tunnel_config *config)
{
	struct tunnel_config *again;

	for (size_t i = 0; i < config->peer_count; i++)
		for (size_t k = 1; k < config->peers[i].allowed_ips_count; k++)
			demand(prefix_compare(&config->peers[i].allowed_ips[k - 1],
				       &config->peers[i].allowed_ips[k]) < 0,
				"prefixes that are not sorted");
	if (!config->clustering)
		return;
	print(fuzz, config);
	again = load(fuzz);
	demand(again != NULL, "what was read cannot be read again");
	compare(config, again);
	tunnel_config_destroy(again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct fuzz *fuzz;
	const uint8_t *separator = memmem(data, len, SEPARATOR, strlen(SEPARATOR));
	const uint8_t *public_text = separator == NULL ? data : separator + strlen(SEPARATOR);
	struct tunnel_config *config;

	if (fuzz == NULL)
		fuzz = fuzz_create();
	if (separator == NULL)
		write_file(fuzz->private_path, GOOD_PRIVATE, strlen(GOOD_PRIVATE));
	else
		write_file(fuzz->private_path, data, (size_t)(separator - data));
	write_file(fuzz->public_path, public_text, (size_t)(data + len - public_text));
	config = load(fuzz);
	if (config != NULL)
		check(fuzz, config);
	tunnel_config_destroy(config);
	return 0;
}
