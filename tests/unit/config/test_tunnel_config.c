/*
 * Tests of reading the two files: which there are, what each may be, what both make together.
 * On the packet's way: nowhere.
 * Threads: one.
 */
#include "config/tunnel_config.h"

#include "files.h"

#include <dirent.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <sodium.h>

#define THREE_INSTANCES \
	"[Peer]\nPublicKey = " OWN_PUBLIC "\nAllowedIPs = 10.8.3.1/32\n" \
	"Endpoint = 198.51.100.1:4567\n\n" \
	"[Peer]\nPublicKey = " KEY_2 "\nAllowedIPs = 10.8.3.2/32\n" \
	"Endpoint = 198.51.100.2:4567\n\n" \
	"# spb-3\n[Peer]\nPublicKey = " KEY_3 "\nAllowedIPs = 10.8.3.3/32\n" \
	"Endpoint = 198.51.100.3:4567\n"

#define IS_DIRECTORY \
	"error: is a directory. Docker makes one where the file to mount is missing; remove the " \
	"directory, create the file, start again\n"

static void
assert_key(const uint8_t key[KEY_LEN], const char *base64)
{
	char text[KEY_BASE64_LEN + 1];

	assert_string_equal(key_to_base64(key, text), base64);
}

static void
assert_three_instances(const struct tunnel_config *config)
{
	const struct tunnel_config_peer *peers = config->peers, *own = config->own;

	assert_true(config->clustering);
	assert_string_equal(config->private_path, PRIVATE);
	assert_string_equal(config->public_path, PUBLIC);
	assert_key(config->public_key, OWN_PUBLIC);
	assert_int_equal(config->listen_port, 4567);
	assert_int_equal(config->mtu, 0);
	assert_int_equal(config->fwmark, 0);

	assert_non_null(own);
	assert_key(own->public_key, OWN_PUBLIC);
	assert_string_equal(prefixes_text(own), "10.8.3.1/32");
	assert_string_equal(own->host, "198.51.100.1");

	assert_int_equal(config->peer_count, 2);
	assert_key(peers[0].public_key, KEY_2);
	assert_key(peers[1].public_key, KEY_3);
	assert_string_equal(prefixes_text(&peers[0]), "10.8.3.2/32");
	assert_string_equal(prefixes_text(&peers[1]), "10.8.3.3/32");
	assert_string_equal(peers[1].host, "198.51.100.3");
	assert_int_equal(peers[1].port, 4567);
	assert_int_equal(peers[1].persistent_keepalive_s, 0);
	assert_ptr_equal(peers[1].file, config->public_path);
}

static void
operators_files(void **state)
{
	struct tunnel_config *config = load_texts(A_PRIVATE_FILE, THREE_INSTANCES, "");

	assert_three_instances(config);
	assert_int_equal(config->own->line, 1);
	assert_int_equal(config->peers[0].line, 6);
	assert_int_equal(config->peers[1].line, 12);
	assert_string_equal(config->peers[0].name, "");
	assert_string_equal(config->peers[1].name, "spb-3");
	tunnel_config_destroy(config);
	tunnel_config_destroy(NULL);
}

/* As operators copy it from the vendor's page, where the bracketed lines are lost. */
static void
operators_files_without_headers(void **state)
{
	struct tunnel_config *config = load_texts("ListenPort = 4567\nPrivateKey = " OWN_PRIVATE
						  "\n",
		"PublicKey = " OWN_PUBLIC "\nAllowedIPs = 10.8.3.1/32\n"
		"Endpoint = 198.51.100.1:4567\n\n"
		"PublicKey = " KEY_2 "\nAllowedIPs = 10.8.3.2/32\n"
		"Endpoint = 198.51.100.2:4567\n"
		"# spb-3\n"
		"PublicKey = " KEY_3 "\nAllowedIPs = 10.8.3.3/32\n"
		"Endpoint = 198.51.100.3:4567\n",
		PUBLIC ":1: warning: no section header above this line; it is read as part of "
		       "[Peer]. Put [Interface] above PrivateKey and ListenPort, and [Peer] above "
		       "each PublicKey: wg(8) refuses the file without\n" PRIVATE
		       ":1: warning: no section header above this line; it is read as part of "
		       "[Interface]. Put [Interface] above PrivateKey and ListenPort, and [Peer] "
		       "above each PublicKey: wg(8) refuses the file without\n");

	assert_three_instances(config);
	assert_int_equal(config->peers[1].line, 9);
	assert_string_equal(config->peers[1].name, "spb-3");
	tunnel_config_destroy(config);
}

static void
private_key_is_clamped(void **state)
{
	uint8_t raw[KEY_LEN], public_key[KEY_LEN];
	struct tunnel_config *config;

	memset(raw, 0xff, sizeof(raw));
	config = load_texts("[Interface]\nPrivateKey = " TIMES_10("////") "//8=\n", PEER_2, "");
	raw[0] = 0xf8;
	raw[31] = 0x7f;
	assert_memory_equal(config->private_key, raw, KEY_LEN);
	assert_int_equal(crypto_scalarmult_base(public_key, raw), 0);
	assert_memory_equal(config->public_key, public_key, KEY_LEN);
	/* No ListenPort, no entry of its own. */
	assert_int_equal(config->listen_port, TUNNEL_CONFIG_DEFAULT_PORT);
	assert_null(config->own);
	assert_int_equal(config->peer_count, 1);
	tunnel_config_destroy(config);
}

static void
assert_no_clustering(struct tunnel_config *config)
{
	static const uint8_t zeros[KEY_LEN];

	assert_non_null(config);
	assert_false(config->clustering);
	assert_memory_equal(config->private_key, zeros, KEY_LEN);
	assert_memory_equal(config->public_key, zeros, KEY_LEN);
	assert_int_equal(config->listen_port, 0);
	assert_int_equal(config->peer_count, 0);
	assert_null(config->peers);
	assert_null(config->own);
	tunnel_config_destroy(config);
}

static void
no_table_is_no_clustering(void **state)
{
	assert_no_clustering(load_texts(A_PRIVATE_FILE, NULL, ""));
	assert_no_clustering(load_texts(NULL, NULL, ""));
	assert_no_clustering(load_texts(A_PRIVATE_FILE, "", ""));
	assert_no_clustering(load_texts(NULL, "\n  \t\r\n# [Peer]\n#PublicKey = " KEY_2, ""));
	assert_no_clustering(load_texts(NULL, "[Interface]\nListenPort = 9\nFwMark = 0\n", ""));
	/* Without a table the other file means nothing. */
	assert_no_clustering(load_texts("[Nonsense]\n", "", ""));
	assert_null(load_texts(NULL, "[Pear]\n",
		PUBLIC ":1: error: unknown section [Pear]; did you mean [Peer]?\n" PRIVATE
		       ": error: is missing; write [Interface], ListenPort and PrivateKey (from "
		       "wg genkey) into it, chmod 600 it, start again\n"));
}

static void
private_file_without_key(void **state)
{
	assert_null(load_texts(NULL, PEER_2,
		PRIVATE ": error: is missing; write [Interface], ListenPort and PrivateKey (from "
			"wg genkey) into it, chmod 600 it, start again\n"));
	assert_null(load_texts(
		"", PEER_2, PRIVATE ": error: has no PrivateKey; make one with wg genkey\n"));
}

static void
cf_14_directories(void **state)
{
	write_text(PRIVATE, A_PRIVATE_FILE);
	write_text(PUBLIC, NULL);
	assert_int_equal(mkdir(PUBLIC, 0700), 0);
	assert_null(load_expecting(PUBLIC ": " IS_DIRECTORY));
	(void)unlink(PRIVATE);
	assert_int_equal(mkdir(PRIVATE, 0700), 0);
	assert_null(load_expecting(PUBLIC ": " IS_DIRECTORY PRIVATE ": " IS_DIRECTORY));
	assert_int_equal(rmdir(PUBLIC), 0);
	write_text(PUBLIC, PEER_2);
	assert_null(load_expecting(PRIVATE ": " IS_DIRECTORY));
	assert_int_equal(rmdir(PRIVATE), 0);
}

/* None of these may make the load wait. */
static void
cf_14_fifos_sockets_and_devices(void **state)
{
	const char *message =
		PUBLIC ": error: is a FIFO, a socket or a device; put a regular file there\n";
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = PUBLIC};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	write_text(PRIVATE, A_PRIVATE_FILE);
	write_text(PUBLIC, NULL);
	assert_int_equal(mkfifo(PUBLIC, 0600), 0);
	assert_null(load_expecting(message));
	(void)unlink(PUBLIC);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_null(load_expecting(message));
	(void)close(fd);
	(void)unlink(PUBLIC);
	assert_int_equal(symlink("/dev/zero", PUBLIC), 0);
	assert_null(load_expecting(message));
	(void)unlink(PUBLIC);
}

static void
cf_14_symbolic_links_are_followed(void **state)
{
	struct tunnel_config *config;

	write_text(PRIVATE, A_PRIVATE_FILE);
	write_text(".env", PEER_2);
	(void)unlink(PUBLIC);
	assert_int_equal(symlink(".env", PUBLIC), 0);
	config = load_expecting("");
	assert_int_equal(config->peer_count, 1);
	tunnel_config_destroy(config);
	(void)unlink(".env");
	(void)unlink(PUBLIC);
}

static void
cf_14_unreadable_files(void **state)
{
	write_text(PRIVATE, A_PRIVATE_FILE);
	write_text(PUBLIC, PEER_2);
	if (geteuid() == 0) {
		assert_int_equal(seteuid(65534), 0);
		assert_null(load_expecting(
			PUBLIC ": error: may not be read; see its owner and mode, and those of its "
			       "directories\n" PRIVATE
			       ": error: may not be read; see its owner and mode, and those of its "
			       "directories\n"));
		assert_int_equal(seteuid(0), 0);
	}
	(void)unlink(PUBLIC);
	assert_int_equal(symlink(PUBLIC, PUBLIC), 0);
	assert_null(load_expecting(PUBLIC ": error: Too many levels of symbolic links\n"));
	(void)unlink(PUBLIC);
}

static void
cf_14_permissions_of_the_private_key(void **state)
{
	const struct {
		mode_t mode;
		const char *message;
	} cases[] = {
		{0600, ""},
		{0400, ""},
		{0640,
			PRIVATE
			": warning: holds the PrivateKey, and others can read it (mode 0640); "
			"chmod 600 " PRIVATE "\n"},
		{0664,
			PRIVATE
			": warning: holds the PrivateKey, and others can read it (mode 0664); "
			"chmod 600 " PRIVATE "\n"},
		{0604,
			PRIVATE
			": warning: holds the PrivateKey, and others can read it (mode 0604); "
			"chmod 600 " PRIVATE "\n"},
		{0602,
			PRIVATE
			": error: holds the PrivateKey, and others can write it (mode 0602); "
			"chmod 600 " PRIVATE "\n"},
		{0666,
			PRIVATE
			": error: holds the PrivateKey, and others can write it (mode 0666); "
			"chmod 600 " PRIVATE "\n"},
	};

	write_text(PUBLIC, PEER_2);
	assert_int_equal(chmod(PUBLIC, 0666), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		write_text(PRIVATE, A_PRIVATE_FILE);
		assert_int_equal(chmod(PRIVATE, cases[i].mode), 0);
		tunnel_config_destroy(load_expecting(cases[i].message));
		assert_int_equal(chmod(PRIVATE, 0600), 0);
	}
	write_text(PUBLIC, NULL);
}

/* What is a warning else. */
static void
strict_permissions_of_the_private_key(void **state)
{
	char text[256];
	struct report report = {0};
	struct tunnel_config *config;

	write_text(PRIVATE, A_PRIVATE_FILE);
	write_text(PUBLIC, PEER_2);
	config = tunnel_config_load(PRIVATE, PUBLIC, true, &report);
	assert_non_null(config);
	assert_int_equal(report.count, 0);
	tunnel_config_destroy(config);
	assert_int_equal(chmod(PRIVATE, 0640), 0);
	assert_null(tunnel_config_load(PRIVATE, PUBLIC, true, &report));
	report_text(&report, text, sizeof(text));
	assert_string_equal(text,
		PRIVATE ": error: holds the PrivateKey, and others can read it (mode 0640); "
			"chmod 600 " PRIVATE "\n");
	report_fini(&report);
	write_text(PRIVATE, NULL);
	write_text(PUBLIC, NULL);
}

/* The key in the other file: its permissions count then, and it should not be there. */
static void
private_key_in_the_public_file(void **state)
{
	struct tunnel_config *config;

	write_text(PRIVATE, "[Interface]\nListenPort = 1\n");
	write_text(PUBLIC, PEER_2 A_PRIVATE_FILE);
	assert_int_equal(chmod(PUBLIC, 0644), 0);
	config = load_expecting(
		PUBLIC ":5: warning: PrivateKey in the file that all instances share; move it to "
		       "vpn-private.conf, and make a new one if this file was copied\n" PUBLIC
		       ": warning: holds the PrivateKey, and others can read it (mode 0644); chmod "
		       "600 vpn-public.conf\n" PRIVATE
		       ":2: warning: ListenPort again; this one counts, the one at "
		       "vpn-public.conf:4 does not\n");
	assert_key(config->public_key, OWN_PUBLIC);
	assert_int_equal(config->listen_port, 1);
	tunnel_config_destroy(config);
}

static void
one_file_may_be_both(void **state)
{
	struct report report = {0};
	struct tunnel_config *config;

	write_text(PRIVATE, A_PRIVATE_FILE PEER_2);
	config = tunnel_config_load(PRIVATE, PRIVATE, false, &report);
	assert_int_equal(report.count, 0);
	assert_int_equal(config->peer_count, 1);
	assert_key(config->public_key, OWN_PUBLIC);
	tunnel_config_destroy(config);
}

/* Whoever only looks at the shared file has no key of an instance. */
static void
the_public_file_alone(void **state)
{
	struct report report = {0};
	struct tunnel_config *config;

	write_text(PRIVATE, NULL);
	write_text(PUBLIC, THREE_INSTANCES);
	config = tunnel_config_load(NULL, PUBLIC, false, &report);
	assert_int_equal(report.count, 0);
	assert_true(config->clustering);
	assert_null(config->own);
	assert_int_equal(config->peer_count, 3);
	assert_string_equal(prefixes_text(&config->peers[0]), "10.8.3.1/32");
	assert_int_equal(config->peers[0].allowed_ips_line, 3);
	assert_int_equal(config->peers[0].endpoint_line, 4);
	assert_int_equal(config->peers[0].keepalive_line, 0);
	assert_true(config->public_key[0] == 0 && config->public_key[31] == 0);
	tunnel_config_destroy(config);
}

static void
peers_in_both_files(void **state)
{
	struct tunnel_config *config =
		load_texts(A_PRIVATE_FILE "[Peer]\nPublicKey = " KEY_3 "\n", PEER_2, "");

	assert_int_equal(config->peer_count, 2);
	assert_key(config->peers[0].public_key, KEY_2);
	assert_key(config->peers[1].public_key, KEY_3);
	assert_ptr_equal(config->peers[1].file, config->private_path);
	assert_int_equal(config->peers[1].line, 4);
	tunnel_config_destroy(config);
}

/* An editor that renames leaves the container with the old inode, which has no name any more. */
static void
a_replaced_file_is_told_of(void **state)
{
	struct report report = {0};
	struct tunnel_config *config;
	char path[64], text[1024];
	int fd;

	write_text(PRIVATE, A_PRIVATE_FILE);
	write_text(PUBLIC, PEER_2);
	fd = open(PUBLIC, O_RDONLY | O_CLOEXEC);
	(void)unlink(PUBLIC);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	config = tunnel_config_load(PRIVATE, path, false, &report);
	assert_non_null(config);
	assert_int_equal(config->peer_count, 1);
	assert_int_equal(report.count, 1);
	assert_int_equal(report.entries[0].severity, REPORT_WARNING);
	assert_non_null(strstr(report_format(&report.entries[0], text, sizeof(text)),
		": warning: was replaced by another file of its name (many editors do that), and "
		"this is the old one, which the container still has; start the container anew "
		"(docker-compose up -d --force-recreate gateway), and in future write into the "
		"file (cp NEW FILE)"));
	report_fini(&report);
	tunnel_config_destroy(config);
	(void)close(fd);
}

static void
too_large_a_file(void **state)
{
	char *text = malloc(TUNNEL_CONFIG_FILE_MAX + 1);

	assert_non_null(text);
	memset(text, '#', TUNNEL_CONFIG_FILE_MAX + 1);
	memcpy(text, PEER_2, strlen(PEER_2));
	write_text(PRIVATE, A_PRIVATE_FILE);
	write_bytes(PUBLIC, text, TUNNEL_CONFIG_FILE_MAX, 0600);
	tunnel_config_destroy(load_expecting(""));
	write_bytes(PUBLIC, text, TUNNEL_CONFIG_FILE_MAX + 1, 0600);
	assert_null(
		load_expecting(PUBLIC ": error: is larger than 16 MiB, more than a list of peers "
				      "can be; look what it is\n"));
	free(text);
}

static void
errors_of_both_files_are_told(void **state)
{
	assert_null(load_texts("[Interface]\nListenPort = 0\nPrivateKey = x\n",
		PEER_2 "AllowedIPs = 10.8.3.2/33\nEndpoint = here\n",
		PUBLIC ":3: error: AllowedIPs: entry 1 is not ADDRESS or ADDRESS/LENGTH, as "
		       "10.8.3.2/32 or fd00::2/128\n" PUBLIC
		       ":4: error: Endpoint has no port; write HOST:PORT or [IPV6]:PORT\n" PRIVATE
		       ":2: error: ListenPort must be a number from 1 to 65535\n" PRIVATE
		       ":3: error: PrivateKey is not a key in base64 (44 characters, the last a "
		       "=); make one with wg genkey\n"));
}

/* The report may hold errors of something else already. */
static void
earlier_errors_do_not_count(void **state)
{
	struct report report = {0};
	struct tunnel_config *config;

	write_text(PRIVATE, A_PRIVATE_FILE);
	write_text(PUBLIC, PEER_2);
	report_add(&report, REPORT_ERROR, NULL, 0, "an earlier one");
	config = tunnel_config_load(PRIVATE, PUBLIC, false, &report);
	assert_non_null(config);
	tunnel_config_destroy(config);
	report_fini(&report);
}

static void
cf_6_same_key_twice(void **state)
{
	assert_null(load_texts(A_PRIVATE_FILE "[Peer]\nPublicKey = " KEY_3 "\n",
		PEER_2 "[Peer]\nPublicKey = " KEY_3 "\n" PEER_2,
		PUBLIC ":5: error: PublicKey AgIC\xe2\x80\xa6"
		       "CAgI is also that of the peer at line 1; remove one of the two\n" PRIVATE
		       ":4: error: PublicKey AwMD\xe2\x80\xa6"
		       "DAwM is also that of the peer at vpn-public.conf:3; remove one of the "
		       "two\n"));
	/* Two unreadable keys are not the same. */
	assert_null(load_texts(A_PRIVATE_FILE, "[Peer]\nPublicKey = 1\n[Peer]\nPublicKey = 1\n",
		PUBLIC ":2: error: PublicKey is not a key in base64 (44 characters, the last a =); "
		       "take it from wg pubkey\n" PUBLIC
		       ":4: error: PublicKey is not a key in base64 (44 characters, the last a =); "
		       "take it from wg pubkey\n"));
}

static void
same_prefix_twice(void **state)
{
	struct tunnel_config *config;

	assert_null(load_texts(A_PRIVATE_FILE "[Peer]\nPublicKey=" KEY_4 "\nAllowedIPs=fd00::2",
		"\n\n" PEER_2 "AllowedIPs = 10.8.3.2/32, fd00::2/128\n\n"
		"[Peer]\nPublicKey = " KEY_3 "\nAllowedIPs = 10.8.3.0/24\nAllowedIPs = 10.8.3.2\n",
		PUBLIC ":10: error: AllowedIPs 10.8.3.2/32 is also claimed by the peer at line 3; "
		       "remove it from one of the two\n" PRIVATE
		       ":6: error: AllowedIPs fd00::2/128 is also claimed by the peer at "
		       "vpn-public.conf:3; remove it from one of the two\n"));
	/* Our own entry's too; once its host bits are gone; and by a third peer. */
	assert_null(load_texts(A_PRIVATE_FILE,
		"[Peer]\nPublicKey = " OWN_PUBLIC "\nAllowedIPs = 10.8.3.0/24\n" PEER_2
		"AllowedIPs = 10.8.3.9/24\n[Peer]\nPublicKey = " KEY_3
		"\nAllowedIPs = 10.8.3.0/24, 10.8.3.0/24\n",
		PUBLIC ":6: warning: AllowedIPs: entry 1 has host bits; it is read as "
		       "10.8.3.0/24\n" PUBLIC
		       ":6: error: AllowedIPs 10.8.3.0/24 is also claimed by the peer at line 1; "
		       "remove it from one of the two\n" PUBLIC
		       ":9: error: AllowedIPs 10.8.3.0/24 is also claimed by the peer at line 1; "
		       "remove it from one of the two\n"));
	/* One peer may repeat itself, and prefixes may nest. */
	config = load_texts(A_PRIVATE_FILE,
		PEER_2 "AllowedIPs = 10.8.3.2, 10.8.3.2/32\nAllowedIPs = 10.8.3.2/32\n"
		       "[Peer]\nPublicKey = " KEY_3 "\nAllowedIPs = 10.8.3.0/24\n",
		"");
	assert_string_equal(prefixes_text(&config->peers[0]), "10.8.3.2/32");
	tunnel_config_destroy(config);
}

static unsigned
open_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(directory);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

/* Renames the next version over the public file; the files differ in one port. */
static void
replace_public(unsigned version)
{
	char text[512];

	snprintf(text, sizeof(text), PEER_2 "Endpoint = 198.51.100.2:%u\n", 1000 + version);
	write_bytes("next", text, strlen(text), 0644);
	assert_int_equal(rename("next", PUBLIC), 0);
}

/* The port of the one peer; what the report says of a file that was replaced meanwhile is right. */
static unsigned
load_port(void)
{
	struct report report = {0};
	struct tunnel_config *config = tunnel_config_load(PRIVATE, PUBLIC, false, &report);
	unsigned port;

	assert_non_null(config);
	assert_int_equal(report.errors, 0);
	assert_int_equal(config->peer_count, 1);
	port = config->peers[0].port;
	tunnel_config_destroy(config);
	report_fini(&report);
	return port;
}

/* Replaced as fast as it can be, by another process: each load sees one version whole. */
static void
cf_15_a_file_that_is_replaced_all_the_time(void **state)
{
	const unsigned before = open_descriptors();
	unsigned last = 1000;
	pid_t child;
	int status;

	write_text(PRIVATE, A_PRIVATE_FILE);
	replace_public(0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		for (unsigned version = 1; version <= 1000; version++) {
			replace_public(version);
			usleep(500);
		}
		_exit(0);
	}
	while (waitpid(child, &status, WNOHANG) == 0) {
		const unsigned port = load_port();

		assert_in_range(port, last, 2000);
		last = port;
	}
	assert_int_equal(status, 0);
	assert_int_equal(load_port(), 2000);
	assert_int_equal(open_descriptors(), before);
}

static void
no_descriptor_stays_open(void **state)
{
	unsigned before = open_descriptors();

	tunnel_config_destroy(load_texts(A_PRIVATE_FILE, THREE_INSTANCES, ""));
	assert_null(load_texts(
		"", PEER_2, PRIVATE ": error: has no PrivateKey; make one with wg genkey\n"));
	assert_int_equal(open_descriptors(), before);
}

/* 10,000 peers of ten prefixes each, keys of one byte sequence. */
static void
ten_thousand_peers(void **state)
{
	size_t size = 10000 * 320, len = 0;
	char *text = malloc(size), key_text[KEY_BASE64_LEN + 1];
	struct tunnel_config *config;

	assert_non_null(text);
	for (unsigned i = 0; i < 10000; i++) {
		uint8_t key[KEY_LEN] = {9, (uint8_t)i, (uint8_t)(i >> 8)};

		len += (size_t)snprintf(text + len, size - len,
			"[Peer]\nPublicKey = %s\nAllowedIPs = ", key_to_base64(key, key_text));
		for (unsigned n = 0; n < 10; n++)
			len += (size_t)snprintf(text + len, size - len, "%s10.%u.%u.%u/32",
				n ? ", " : "", i >> 8, i & 255, 9 - n);
		len += (size_t)snprintf(text + len, size - len, "\n");
	}
	config = load_texts(A_PRIVATE_FILE, text, "");
	assert_int_equal(config->peer_count, 10000);
	assert_int_equal(config->peers[9999].public_key[1], 9999 & 255);
	assert_string_equal(prefixes_text(&config->peers[9999]),
		"10.39.15.0/32 10.39.15.1/32 10.39.15.2/32 10.39.15.3/32 10.39.15.4/32 "
		"10.39.15.5/32 10.39.15.6/32 10.39.15.7/32 10.39.15.8/32 10.39.15.9/32");
	assert_int_equal(config->peers[9999].line, 3 * 9999 + 1);
	tunnel_config_destroy(config);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(operators_files),
		cmocka_unit_test(operators_files_without_headers),
		cmocka_unit_test(private_key_is_clamped),
		cmocka_unit_test(no_table_is_no_clustering),
		cmocka_unit_test(private_file_without_key),
		cmocka_unit_test(cf_14_directories),
		cmocka_unit_test(cf_14_fifos_sockets_and_devices),
		cmocka_unit_test(cf_14_symbolic_links_are_followed),
		cmocka_unit_test(cf_14_unreadable_files),
		cmocka_unit_test(cf_14_permissions_of_the_private_key),
		cmocka_unit_test(strict_permissions_of_the_private_key),
		cmocka_unit_test(private_key_in_the_public_file),
		cmocka_unit_test(one_file_may_be_both),
		cmocka_unit_test(the_public_file_alone),
		cmocka_unit_test(peers_in_both_files),
		cmocka_unit_test(a_replaced_file_is_told_of),
		cmocka_unit_test(too_large_a_file),
		cmocka_unit_test(errors_of_both_files_are_told),
		cmocka_unit_test(earlier_errors_do_not_count),
		cmocka_unit_test(cf_6_same_key_twice),
		cmocka_unit_test(same_prefix_twice),
		cmocka_unit_test(cf_15_a_file_that_is_replaced_all_the_time),
		cmocka_unit_test(no_descriptor_stays_open),
		cmocka_unit_test(ten_thousand_peers),
	};

	return cmocka_run_group_tests_name(
		"tunnel_config", tests, enter_directory, leave_directory);
}
