/*
 * The two files of an instance, vpn-private.conf and vpn-public.conf, read and checked whole.
 * On the packet's way: nowhere.
 * Threads: management only.
 */
#pragma once

#include "base/address.h"
#include "config/key.h"
#include "config/report.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TUNNEL_CONFIG_HOST_MAX 256
#define TUNNEL_CONFIG_NAME_MAX 64
#define TUNNEL_CONFIG_DEFAULT_PORT 4567
#define TUNNEL_CONFIG_MTU_MIN 1280
#define TUNNEL_CONFIG_MTU_MAX 9216
/* Bytes of one file beyond which it is refused. */
#define TUNNEL_CONFIG_FILE_MAX ((size_t)16 << 20)

struct tunnel_config_peer {
	uint8_t public_key[KEY_LEN];
	uint8_t preshared_key[KEY_LEN]; /* zeros: none */
	struct prefix *allowed_ips; /* sorted by prefix_compare, host bits clear */
	size_t allowed_ips_count;
	char host[TUNNEL_CONFIG_HOST_MAX]; /* of Endpoint, numeric or a name; "" if none */
	uint16_t port; /* of Endpoint; 0 if none */
	uint16_t persistent_keepalive_s; /* 0: off */
	/* Of a "# name" comment right above the section, in printable UTF-8; or "". */
	char name[TUNNEL_CONFIG_NAME_MAX];
	const char *file; /* where its section starts: one of tunnel_config's two paths */
	unsigned line;
	/* Of its settings, for those who find fault with them; 0: there is none. */
	unsigned allowed_ips_line, endpoint_line, keepalive_line;
};

struct tunnel_config {
	char *private_path; /* NULL: the public file alone was read */
	char *public_path;
	uint8_t private_key[KEY_LEN]; /* clamped; zeros if there is none */
	uint8_t public_key[KEY_LEN]; /* derived; zeros if there is no private one */
	uint16_t listen_port;
	uint32_t fwmark; /* accepted, not used */
	uint32_t mtu; /* of a wg-quick "MTU" line; 0: from the underlay */
	struct tunnel_config_peer *peers; /* in file order; the own entry is not among them */
	size_t peer_count;
	struct tunnel_config_peer *own; /* the own entry, or NULL */
	bool clustering; /* false: there is no peer table; everything else is empty then */
};

/*
 * tunnel_config_load reads both files, the public one first, and checks them whole. Both may hold
 * any section; the two paths may be the same. Returns the configuration, or NULL if `report` then
 * has an error more than before; warnings are reported either way.
 *
 * private_path may be NULL, for those who look at the public file alone: there are no keys of our
 * own then, so that the own entry is one of the peers.
 *
 * No peer table (public_path missing, or present without any peer section besides whitespace and
 * comments) gives a configuration with clustering false and an entry that says so is left to the
 * caller. A directory in a file's place, an unreadable file, and a private file that is missing
 * while the table is there are errors that say what to do. Permissions of the file that holds
 * the private key: readable by others, or open to its group, is a warning with the chmod command,
 * or with `strict_permissions` an error; writable by others always is one. A file that has been
 * replaced on the host, so that a bind mount still shows the old one, is a warning that says how to
 * get at the new one.
 *
 * Grammar: wg(8)'s. Blanks inside a line are ignored, # starts a comment, names are
 * case-insensitive. Section headers may be missing: ListenPort, PrivateKey and FwMark then mean
 * [Interface], PublicKey starts a peer; one warning per file. wg-quick's keys (Address, DNS, MTU,
 * Table, PreUp, PostUp, PreDown, PostDown, SaveConfig) are accepted, MTU is used, the others are
 * not. A scalar that is repeated in a section: the last wins, with a warning; of [Interface] there
 * is one, over both files. Whatever is taken here and makes wg(8) refuse the file (no header, keys
 * of wg-quick, a byte-order mark) has a warning that says so: the file is everywhere the same, and
 * the instance beside us may run the kernel's WireGuard.
 *
 * A name is not taken from a comment with '=' or '[': that is a setting that was commented out.
 *
 * Errors, each with file:line: unknown key or section (with the nearest known one), bad value, a
 * peer without PublicKey, no PrivateKey at all or one of zeros, a low-order public key, the same
 * public key or the same prefix in two peers (with both lines), more than TUNNEL_CONFIG_FILE_MAX
 * bytes, an embedded NUL. Host bits set in an AllowedIPs: a warning, and masked. CRLF line ends and
 * a missing last newline are fine, and so is a byte-order mark. All errors of both files are
 * reported, not only the first; of a file with thousands, the first 1,000. No message holds a value
 * that could not be understood, nor an unknown name that is not close to a known one: either may be
 * a piece of a key.
 */
struct tunnel_config *tunnel_config_load(const char *private_path, const char *public_path,
	bool strict_permissions, struct report *report) __attribute__((warn_unused_result));

/* tunnel_config_destroy wipes and frees it: it is all memory of secret_alloc(). NULL is ignored. */
void tunnel_config_destroy(struct tunnel_config *config);
