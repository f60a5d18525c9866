/*
 * For the tests of configuration: a directory of their own, files in it, what a report says.
 * On the packet's way: nowhere.
 * Threads: one.
 */
#pragma once

#include "config/tunnel_config.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <setjmp.h>
#include <cmocka.h>

#define PRIVATE "vpn-private.conf"
#define PUBLIC "vpn-public.conf"

/* The documentation's pair, and keys of 32 times the same byte. */
#define OWN_PRIVATE "yDPg5doavYH7fdD86nt+cOzSBL4znVZcrcrJwjY/Xmw="
#define OWN_PUBLIC "acfzxE6ZsiYE4jIqsBicOt7oT8ZuKhxBvuz0+6JxiEc="
#define TIMES_10(text) text text text text text text text text text text
#define KEY_2 TIMES_10("AgIC") "AgI="
#define KEY_3 TIMES_10("AwMD") "AwM="
#define KEY_4 TIMES_10("BAQE") "BAQ="

#define A_PRIVATE_FILE "[Interface]\nListenPort = 4567\nPrivateKey = " OWN_PRIVATE "\n"
#define PEER_2 "[Peer]\nPublicKey = " KEY_2 "\n"

static inline int
enter_directory(void **state)
{
	static char path[] = "/tmp/guardlane-test-XXXXXX";

	*state = path;
	return mkdtemp(path) ? chdir(path) : -1;
}

static inline int
leave_directory(void **state)
{
	static const char *const names[] = {PRIVATE, PUBLIC, ".env"};

	for (unsigned i = 0; i < 3; i++)
		(void)remove(names[i]);
	return chdir("/") | rmdir(*state);
}

static inline void
write_bytes(const char *path, const void *bytes, size_t len, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(close(fd), 0);
}

/* A text of NULL is no file. */
static inline void
write_text(const char *path, const char *text)
{
	if (text)
		write_bytes(path, text, strlen(text), 0600);
	else
		(void)unlink(path);
}

/* All that the report says, a line each. */
static inline void
report_text(const struct report *report, char *text, size_t size)
{
	text[0] = '\0';
	for (size_t i = 0; i < report->count; i++) {
		char line[1024];
		size_t len = strlen(text);

		snprintf(text + len, size - len, "%s\n",
			report_format(&report->entries[i], line, sizeof(line)));
	}
}

/* Loads what is there, expecting these messages; a configuration exactly without an error. */
static inline struct tunnel_config *
load_expecting(const char *messages)
{
	static char text[1 << 20];
	struct report report = {0};
	struct tunnel_config *config = tunnel_config_load(PRIVATE, PUBLIC, false, &report);

	report_text(&report, text, sizeof(text));
	assert_string_equal(text, messages);
	assert_int_equal(config == NULL, report.errors > 0);
	report_fini(&report);
	return config;
}

static inline struct tunnel_config *
load_texts(const char *private_text, const char *public_text, const char *messages)
{
	write_text(PRIVATE, private_text);
	write_text(PUBLIC, public_text);
	return load_expecting(messages);
}

/* The peer's prefixes with blanks between them. */
static inline const char *
prefixes_text(const struct tunnel_config_peer *peer)
{
	static char text[1024];

	text[0] = '\0';
	for (size_t i = 0; i < peer->allowed_ips_count; i++) {
		char prefix[PREFIX_TEXT_MAX];

		if (i)
			strcat(text, " ");
		strcat(text, prefix_format(&peer->allowed_ips[i], prefix));
	}
	return text;
}
