/*
 * Tests of the lines of the two files: what is accepted, and what is said of the others.
 * On the packet's way: nowhere.
 * Threads: one.
 */
#include "config/tunnel_config.h"

#include "files.h"

#define UNKNOWN_KEY \
	"error: unknown key; [Interface] has PrivateKey, ListenPort, [Peer] has PublicKey, " \
	"PresharedKey, AllowedIPs, Endpoint, PersistentKeepalive\n"
#define NEITHER "error: neither [SECTION] nor NAME = VALUE; correct it, or put # in front\n"
#define HEADLESS(section) \
	"warning: no section header above this line; it is read as part of [" section \
	"]. Put [Interface] above PrivateKey and ListenPort, and [Peer] above each PublicKey: " \
	"wg(8) refuses the file without\n"
#define BYTE_ORDER_MARK \
	":1: warning: begins with a byte-order mark, for which wg(8) refuses the file; save it " \
	"without one\n"
#define QUICK(names) \
	"warning: wg(8) refuses the file for its keys of wg-quick: " names ". Here only MTU is " \
	"used; remove what is not needed\n"

/* Loads one peer whose section has these lines from line 3 on. */
static struct tunnel_config *
load_peer(const char *lines, const char *messages)
{
	char text[4096];

	snprintf(text, sizeof(text), PEER_2 "%s", lines);
	return load_texts(A_PRIVATE_FILE, text, messages);
}

/* Loads [Interface] with these lines from line 4 on. */
static struct tunnel_config *
load_interface(const char *lines, const char *messages)
{
	char text[4096];

	snprintf(text, sizeof(text), A_PRIVATE_FILE "%s", lines);
	return load_texts(text, PEER_2, messages);
}

static void
blanks_case_comments_and_line_ends(void **state)
{
	struct tunnel_config *config = load_texts(
		"\xef\xbb\xbf[INTERFACE]\r\nlistenport=45 67\r\n\r\nPRIVATEkey=" OWN_PRIVATE,
		"\xef\xbb\xbf # table\n\t[ pe er ] # first\n  Public Key\t= " KEY_2
		" # its key\nallowedips = 10.8. 3.2/32 ,fd00 ::2#/64\nEndpoint=h1.example:1#2\n\n",
		PUBLIC BYTE_ORDER_MARK PRIVATE BYTE_ORDER_MARK);

	assert_int_equal(config->listen_port, 4567);
	assert_int_equal(config->peer_count, 1);
	assert_int_equal(config->peers[0].line, 2);
	assert_string_equal(prefixes_text(&config->peers[0]), "10.8.3.2/32 fd00::2/128");
	assert_string_equal(config->peers[0].host, "h1.example");
	assert_int_equal(config->peers[0].port, 1);
	tunnel_config_destroy(config);
}

static void
all_keys_of_a_peer(void **state)
{
	struct tunnel_config *config = load_peer(
		"PresharedKey = " KEY_4 "\nPersistentKeepalive = 25\nAllowedIPs = ::/0\n"
		"AllowedIPs =\nAllowedIPs = 10.8.3.2\nEndpoint = [2001:db8::1]:4567\n",
		PUBLIC ":6: warning: AllowedIPs with nothing behind: wg(8) refuses the file "
		       "for it; remove the line, or add an address\n");
	uint8_t psk[KEY_LEN];

	memset(psk, 4, sizeof(psk));
	assert_memory_equal(config->peers[0].preshared_key, psk, KEY_LEN);
	assert_int_equal(config->peers[0].persistent_keepalive_s, 25);
	assert_string_equal(prefixes_text(&config->peers[0]), "10.8.3.2/32 ::/0");
	assert_string_equal(config->peers[0].host, "2001:db8::1");
	assert_int_equal(config->peers[0].port, 4567);
	tunnel_config_destroy(config);
}

static void
names_of_peers(void **state)
{
	struct tunnel_config *config = load_texts(A_PRIVATE_FILE,
		"# the list\n## spb 1 \t\r\n" PEER_2
		"# \xd0\xbf\xd0\xb8\xd1\x82\xd0\xb5\xd1\x80\n[Peer]\nPublicKey = " KEY_3
		"\n# PresharedKey = " KEY_4 "\n[Peer]\nPublicKey = " KEY_4
		"\n# far away\n\n[Peer]\nPublicKey = " OWN_PUBLIC "\n",
		"");

	assert_string_equal(config->peers[0].name, "spb 1");
	assert_string_equal(config->peers[1].name, "\xd0\xbf\xd0\xb8\xd1\x82\xd0\xb5\xd1\x80");
	assert_string_equal(config->peers[2].name, "");
	assert_string_equal(config->own->name, "");
	tunnel_config_destroy(config);

	/* Not printable, not UTF-8, overlong, a surrogate; and cut where a character ends. */
	config = load_texts(A_PRIVATE_FILE,
		"# a\x1b[31m\n" PEER_2
		"# a\x1b\x7f\xef\xf0\xe8\xc0\xafz\xed\xa0\x80\xc2\x9b\n[Peer]\n"
		"PublicKey = " KEY_3
		"\n# " TIMES_10("123456") "12\xd0\xbfrest\n[Peer]\nPublicKey = " KEY_4 "\n",
		"");
	assert_string_equal(config->peers[0].name, "");
	assert_string_equal(config->peers[1].name, "a???????z?????");
	assert_string_equal(config->peers[2].name, TIMES_10("123456") "12");
	tunnel_config_destroy(config);
}

static void
unknown_keys_and_sections(void **state)
{
	const struct {
		const char *lines, *message;
	} cases[] = {
		{"PublikKey = x\n",
			":3: error: unknown key \"PublikKey\"; did you mean PublicKey?\n"},
		{"allowed ip = x\n",
			":3: error: unknown key \"allowedip\"; did you mean AllowedIPs?\n"},
		{"Endpiont = x\n", ":3: error: unknown key \"Endpiont\"; did you mean Endpoint?\n"},
		{"Keepalive = 25\n", ":3: " UNKNOWN_KEY},
		{"[Interfaces]\n",
			":3: error: unknown section [Interfaces]; did you mean [Interface]?\n"},
		{"[Gateway]\n", ":3: error: unknown section; there are [Interface] and [Peer]\n"},
		{"[]\n", ":3: error: unknown section; there are [Interface] and [Peer]\n"},
		{"Public\x1bKey = x\n", ":3: " UNKNOWN_KEY},
		{"= 5\n", ":3: " UNKNOWN_KEY},
		{"[Peer\n", ":3: " NEITHER},
		{"what is this\n", ":3: " NEITHER},
		{"AllowedIPs 10.8.3.2/32\n", ":3: " NEITHER},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char message[256];

		snprintf(message, sizeof(message), PUBLIC "%s", cases[i].message);
		assert_null(load_peer(cases[i].lines, message));
	}
	/* What stands in an unknown section is not complained of a second time. */
	assert_null(load_peer("[Pear]\nPublicKey = " KEY_3 "\nAllowedIPs = 10.8.3.2\n",
		PUBLIC ":3: error: unknown section [Pear]; did you mean [Peer]?\n"));
}

/* Keys that lost their names, whole or in pieces, and keys in wrong places: nothing of them. */
static void
cf_14_sec_6_messages_hold_no_secret(void **state)
{
	static const char secret[] = OWN_PRIVATE;
	static const char *const forms[] = {"%s\n", "PrivateKey %s\n", "[%s]\n", "Private = %s\n",
		"%s = 5\n", "ListenPort = %s\n", "PresharedKey = %sx\n", "Endpoint = %s\n",
		"Endpoint = %s:1\n", "AllowedIPs = %s\n", "PersistentKeepalive = %s\n",
		"PublicKey = %s=\n", "PrivateKey = %s\n", "MTU = %s\n", "[Peer]\nPublicKey = x%s\n",
		"# %s\n[Peer]\n"};

	write_text(PRIVATE, A_PRIVATE_FILE);
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		for (size_t from = 0; from + 8 < sizeof(secret); from += 4) {
			struct report report = {0};
			char piece[sizeof(secret)], line[128], file[512], text[4096];

			strcpy(piece, secret + from);
			snprintf(line, sizeof(line), forms[i], piece);
			snprintf(file, sizeof(file), PEER_2 "%s", line);
			write_text(PUBLIC, file);
			tunnel_config_destroy(tunnel_config_load(PRIVATE, PUBLIC, false, &report));
			report_text(&report, text, sizeof(text));
			assert_true(report.count > 0);
			/* No four characters of it in a row. */
			for (size_t at = 0; at + 4 < sizeof(secret); at++) {
				char four[5] = {0};

				memcpy(four, secret + at, 4);
				assert_null(strstr(text, four));
			}
			report_fini(&report);
		}
	}
}

static void
settings_in_the_wrong_place(void **state)
{
	assert_null(load_peer("ListenPort = 4567\n",
		PUBLIC
		":3: error: ListenPort belongs into the [Interface] section; move it there\n"));
	assert_null(load_interface("PublicKey = " KEY_3 "\nAllowedIPs = 10.8.3.3\n",
		PRIVATE ":4: error: PublicKey belongs into a [Peer] section; put [Peer] above the "
			"peer\n" PRIVATE
			":5: error: AllowedIPs belongs into a [Peer] section; put [Peer] above the "
			"peer\n"));
	assert_null(load_texts(A_PRIVATE_FILE, "AllowedIPs = 10.8.3.2\n" PEER_2,
		PUBLIC
		":1: error: AllowedIPs belongs to a peer, and none has begun; put [Peer] and "
		"its PublicKey above\n"));
}

static void
peers_without_public_key(void **state)
{
	assert_null(load_texts(A_PRIVATE_FILE,
		"[Peer]\nAllowedIPs = 10.8.3.3\n\n" PEER_2 "[Peer]\n",
		PUBLIC
		":1: error: this [Peer] has no PublicKey; add it, or remove the section\n" PUBLIC
		":6: error: this [Peer] has no PublicKey; add it, or remove the section\n"));
}

/* A header may stand at some places and lack at others. */
static void
some_headers_missing(void **state)
{
	struct tunnel_config *config = load_texts(
		"FwMark = off\nPrivateKey = " OWN_PRIVATE "\nPublicKey = " KEY_3
		"\nEndpoint = a.example:1\nListenPort = 99\n[Peer]\nPublicKey = " KEY_4 "\n",
		"PublicKey = " KEY_2 "\n[Interface]\nMTU = 1400\n",
		PUBLIC ":1: " HEADLESS("Peer") PUBLIC ":3: " QUICK("MTU") PRIVATE
		":1: " HEADLESS("Interface"));

	assert_int_equal(config->listen_port, 99);
	assert_int_equal(config->mtu, 1400);
	assert_int_equal(config->peer_count, 3);
	assert_string_equal(config->peers[1].host, "a.example");
	assert_int_equal(config->peers[1].line, 3);
	assert_int_equal(config->peers[2].line, 6);
	tunnel_config_destroy(config);
}

static void
repeated_scalars(void **state)
{
	struct tunnel_config *config = load_peer(
		"Endpoint = a.example:1\nPersistentKeepalive = 1\nEndpoint = b.example:2\n"
		"PersistentKeepalive = 2\n[Peer]\nPublicKey = " KEY_3 "\nEndpoint = c.example:3\n",
		PUBLIC ":5: warning: Endpoint again; this one counts, the one at line 3 does "
		       "not\n" PUBLIC
		       ":6: warning: PersistentKeepalive again; this one counts, the "
		       "one at line 4 does not\n");

	assert_string_equal(config->peers[0].host, "b.example");
	assert_int_equal(config->peers[0].persistent_keepalive_s, 2);
	tunnel_config_destroy(config);

	config = load_peer("PublicKey = " KEY_3 "\n",
		PUBLIC ":3: warning: a second PublicKey in one section; it counts, the one at line "
		       "2 does not. If it is another peer's, put [Peer] above it\n");
	assert_int_equal(config->peer_count, 1);
	assert_int_equal(config->peers[0].public_key[0], 3);
	tunnel_config_destroy(config);

	config = load_interface("MTU = 1300\n[Interface]\nMTU = 1400\nListenPort = 5\n",
		PRIVATE ":6: warning: MTU again; this one counts, the one at line 4 does "
			"not\n" PRIVATE
			":7: warning: ListenPort again; this one counts, the one at line 2 does "
			"not\n" PRIVATE ":4: " QUICK("MTU"));
	assert_int_equal(config->mtu, 1400);
	assert_int_equal(config->listen_port, 5);
	tunnel_config_destroy(config);
}

static void
keys_of_wg_quick(void **state)
{
	struct tunnel_config *config = load_interface(
		"Address = 10.8.3.1/24\nDNS = 192.0.2.1\nMTU = 1420\nTable = off\nPreUp = a=b\n"
		"PostUp = c\nPreDown = d\nPostDown = e\nPostDown = f\nSaveConfig = true\n"
		"FwMark = 0x1F\nAddress = fd00::1\n",
		PRIVATE ":14: warning: FwMark is not used here; remove it unless another program "
			"needs it\n" PRIVATE
			":4: " QUICK("Address, DNS, MTU, Table, PreUp, PostUp, PreDown, PostDown, "
				     "SaveConfig"));

	assert_int_equal(config->mtu, 1420);
	assert_int_equal(config->fwmark, 0x1f);
	tunnel_config_destroy(config);
	config = load_interface("MTU = 1280\n", PRIVATE ":4: " QUICK("MTU"));
	assert_int_equal(config->mtu, 1280);
	tunnel_config_destroy(config);
	config = load_interface("MTU = 9216\n", PRIVATE ":4: " QUICK("MTU"));
	assert_int_equal(config->mtu, 9216);
	tunnel_config_destroy(config);
	load_interface("MTU = 1279\nMTU = 9217\n",
		PRIVATE
		":4: error: MTU must be a number from 1280 to 9216\n" PRIVATE
		":5: warning: MTU again; this one counts, the one at line 4 does not\n" PRIVATE
		":5: error: MTU must be a number from 1280 to 9216\n" PRIVATE ":4: " QUICK("MTU"));
}

static void
numbers(void **state)
{
	const struct {
		const char *line;
		const char *message; /* NULL: fine */
	} cases[] = {
		{"ListenPort = 1", NULL},
		{"ListenPort = 65535", NULL},
		{"ListenPort = 0", "ListenPort must be a number from 1 to 65535"},
		{"ListenPort = 65536", "ListenPort must be a number from 1 to 65535"},
		{"ListenPort = -1", "ListenPort must be a number from 1 to 65535"},
		{"ListenPort = +5", "ListenPort must be a number from 1 to 65535"},
		{"ListenPort = 0x10", "ListenPort must be a number from 1 to 65535"},
		{"ListenPort = 18446744073709551617",
			"ListenPort must be a number from 1 to 65535"},
		{"ListenPort =", "ListenPort must be a number from 1 to 65535"},
		{"ListenPort = off", "ListenPort must be a number from 1 to 65535"},
		{"FwMark = OFF", NULL},
		{"FwMark = 0", NULL},
		{"FwMark = 0x", "FwMark must be a number from 0 to 4294967295, or off"},
		{"FwMark = 0x100000000", "FwMark must be a number from 0 to 4294967295, or off"},
		{"FwMark = 0X1F", "FwMark must be a number from 0 to 4294967295, or off"},
		{"FwMark = ff", "FwMark must be a number from 0 to 4294967295, or off"},
		{"FwMark = 0xfg", "FwMark must be a number from 0 to 4294967295, or off"},
		{"[Peer]\nPublicKey = " KEY_3 "\nPersistentKeepalive = Off", NULL},
		{"[Peer]\nPublicKey = " KEY_3 "\nPersistentKeepalive = 65535", NULL},
		{"[Peer]\nPublicKey = " KEY_3 "\nPersistentKeepalive = 65536",
			"PersistentKeepalive must be a number from 0 to 65535, or off"},
		{"[Peer]\nPublicKey = " KEY_3 "\nPersistentKeepalive = x",
			"PersistentKeepalive must be a number from 0 to 65535, or off"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[256], message[256] = "";

		snprintf(text, sizeof(text), "[Interface]\nPrivateKey = " OWN_PRIVATE "\n%s\n",
			cases[i].line);
		if (cases[i].message)
			snprintf(message, sizeof(message), PRIVATE ":%d: error: %s\n",
				cases[i].line[0] == '[' ? 5 : 3, cases[i].message);
		tunnel_config_destroy(load_texts(text, PEER_2, message));
	}
}

static void
endpoints(void **state)
{
	static const char no_port[] = "error: Endpoint has no port; write HOST:PORT or [IPV6]:PORT";
	static const char bad_port[] = "error: Endpoint: the port must be a number from 1 to 65535";
	static const char bad_host[] =
		"error: Endpoint: the host is neither an address nor a host name";
	const struct {
		const char *value;
		const char *result; /* the host, or a message */
	} cases[] = {
		{"198.51.100.1:4567", "198.51.100.1"},
		{"vpn-1.example.net:4567", "vpn-1.example.net"},
		{"node_7:4567", "node_7"},
		{"1.example:4567", "1.example"},
		{"[2001:db8::1]:4567", "2001:db8::1"},
		{"[fe80::1%eth0]:4567", "fe80::1%eth0"},
		{"2001:db8::1:4567",
			"warning: Endpoint: an IPv6 address needs brackets; read as "
			"[2001:db8::1]:4567"},
		{"", no_port},
		{"198.51.100.1", no_port},
		{"[2001:db8::1]", no_port},
		{"[2001:db8::1]4567", no_port},
		{"[2001:db8::1:4567", no_port},
		{"2001:db8::1", no_port},
		{"2001:db8:1:2:3:4:5:6", no_port},
		{"198.51.100.1:", bad_port},
		{"198.51.100.1:0", bad_port},
		{"198.51.100.1:65536", bad_port},
		{"198.51.100.1:http", bad_port},
		{"198.51.100.1:+1", bad_port},
		{":4567", bad_host},
		{"[]:4567", bad_host},
		{"198.51.100.256:4567", bad_host},
		{"198.51.100:4567", bad_host},
		{"[198.51.100.1]:4567", bad_host},
		{"[fe80::1%]:4567", bad_host},
		{"a/b:4567", bad_host},
		{"-a:4567", bad_host},
		{"\xd0\xbf:4567", bad_host},
		{TIMES_10(TIMES_10("abc")) ":4567", bad_host},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool fine = !strchr(cases[i].result, ' ');
		char lines[512], message[256] = "";
		struct tunnel_config *config;

		snprintf(lines, sizeof(lines), "Endpoint = %s\n", cases[i].value);
		if (!fine)
			snprintf(message, sizeof(message), PUBLIC ":3: %s\n", cases[i].result);
		config = load_peer(lines, message);
		if (config) {
			assert_string_equal(
				config->peers[0].host, fine ? cases[i].result : "2001:db8::1");
			assert_int_equal(config->peers[0].port, 4567);
		}
		tunnel_config_destroy(config);
	}
}

static void
allowed_ips_that_are_none(void **state)
{
	static const char *const entries[] = {"10.8.3.2/33", "10.8.3.256", "10.8.3", "/", "-",
		"/24", "10.8.3.2/", "10.8.3.2/-1", "10.8.3.2/0x8", "10.8.3.0/255.255.255.0",
		"fd00::/129", "+10.8.3.2/32", "-10.8.3.2/32", "fe80::1%eth0", "[fd00::1]", "host",
		"fd00:::1", TIMES_10(TIMES_10("1"))};

	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		char lines[512];

		snprintf(lines, sizeof(lines), "AllowedIPs = 10.8.3.3, %s\n", entries[i]);
		assert_null(load_peer(lines,
			PUBLIC
			":3: error: AllowedIPs: entry 2 is not ADDRESS or ADDRESS/LENGTH, as "
			"10.8.3.2/32 or fd00::2/128\n"));
	}
	assert_null(load_peer("AllowedIPs = 10.8.3.3,,10.8.3.4,\n",
		PUBLIC ":3: error: AllowedIPs: entry 2 is not ADDRESS or ADDRESS/LENGTH, as "
		       "10.8.3.2/32 or fd00::2/128\n" PUBLIC
		       ":3: error: AllowedIPs: entry 4 is not ADDRESS or ADDRESS/LENGTH, as "
		       "10.8.3.2/32 or fd00::2/128\n"));
}

static void
ai_8_allowed_ips_with_host_bits(void **state)
{
	struct tunnel_config *config = load_peer(
		"AllowedIPs = 10.8.4.0/24, 10.8.3.2/24, fd00::1/0\n",
		PUBLIC ":3: warning: AllowedIPs: entry 2 has host bits; it is read as "
		       "10.8.3.0/24\n" PUBLIC
		       ":3: warning: AllowedIPs: entry 3 has host bits; it is read as ::/0\n");

	assert_string_equal(prefixes_text(&config->peers[0]), "10.8.3.0/24 10.8.4.0/24 ::/0");
	tunnel_config_destroy(config);
}

static void
defect_19_bad_keys(void **state)
{
	static const uint8_t low_order[3][KEY_LEN] = {{0}, {1}, {[KEY_LEN - 1] = 0x80}};
	static const char psk_message[] = PUBLIC
		":3: error: PresharedKey is not a key in base64 (44 characters, the last a =); take it "
		"from wg genpsk\n";

	for (size_t i = 0; i < sizeof(low_order) / sizeof(low_order[0]); i++) {
		char lines[256], key[KEY_BASE64_LEN + 1];

		snprintf(lines, sizeof(lines), "[Peer]\nPublicKey = %s\n",
			key_to_base64(low_order[i], key));
		assert_null(load_peer(lines,
			PUBLIC
			":4: error: PublicKey is one of the few that no private key has; take "
			"it from wg pubkey\n"));
	}
	assert_null(load_peer("PresharedKey = " TIMES_10("AgIC") "AgI\n", psk_message));
	assert_null(load_peer("PresharedKey = " TIMES_10("AgIC") "AgJ=\n", psk_message));
	assert_null(load_peer("PresharedKey =\n", psk_message));
	assert_null(load_texts("[Interface]\nPrivateKey = " TIMES_10("AAAA") "AAA=\n", PEER_2,
		PRIVATE ":2: error: PrivateKey is all zeros; make one with wg genkey\n"));
}

static void
zero_bytes(void **state)
{
	static const char embedded[] = PEER_2 "AllowedIPs = 10.8.3.2\0/32\nNonsense\n";
	static const char utf16[] = "\xff\xfe[\0P\0e\0e\0r\0]\0\n\0P\0u\0b\0l\0i\0c\0\n\0";

	write_text(PRIVATE, A_PRIVATE_FILE);
	write_bytes(PUBLIC, embedded, sizeof(embedded) - 1, 0600);
	assert_null(
		load_expecting(PUBLIC ":3: error: a zero byte: not plain text; save the file as "
				      "UTF-8\n" PUBLIC ":4: " NEITHER));
	write_bytes(PUBLIC, utf16, sizeof(utf16) - 1, 0600);
	assert_null(
		load_expecting(PUBLIC ":1: error: a zero byte: not plain text; save the file as "
				      "UTF-8\n"));
}

/* A line of a megabyte; and a file of nothing but errors, or of nothing but warnings. */
static void
large_things(void **state)
{
	size_t len = 1 << 20;
	char *text = malloc(len + 1);
	struct report report = {0};
	struct tunnel_config *config;

	assert_non_null(text);
	memset(text, 'x', len);
	text[len] = '\0';
	assert_null(load_texts(A_PRIVATE_FILE, text, PUBLIC ":1: " NEITHER));

	for (size_t i = 1; i < len; i += 2)
		text[i] = '\n';
	write_text(PUBLIC, text);
	assert_null(tunnel_config_load(PRIVATE, PUBLIC, false, &report));
	assert_int_equal(report.errors, 1001);
	assert_int_equal(report.entries[1000].line, 1000);
	assert_string_equal(report.entries[1000].text, "too many errors; the rest was not read");
	report_fini(&report);

	strcpy(text, PEER_2);
	for (unsigned i = 0; i < 5000; i++)
		strcat(text, "AllowedIPs=10.8.3.2/24\n");
	write_text(PUBLIC, text);
	config = tunnel_config_load(PRIVATE, PUBLIC, false, &report);
	assert_non_null(config);
	assert_int_equal(report.count, 1001);
	assert_string_equal(report.entries[1000].text, "4000 more warnings not shown");
	tunnel_config_destroy(config);
	report_fini(&report);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blanks_case_comments_and_line_ends),
		cmocka_unit_test(all_keys_of_a_peer),
		cmocka_unit_test(names_of_peers),
		cmocka_unit_test(unknown_keys_and_sections),
		cmocka_unit_test(cf_14_sec_6_messages_hold_no_secret),
		cmocka_unit_test(settings_in_the_wrong_place),
		cmocka_unit_test(peers_without_public_key),
		cmocka_unit_test(some_headers_missing),
		cmocka_unit_test(repeated_scalars),
		cmocka_unit_test(keys_of_wg_quick),
		cmocka_unit_test(numbers),
		cmocka_unit_test(endpoints),
		cmocka_unit_test(allowed_ips_that_are_none),
		cmocka_unit_test(ai_8_allowed_ips_with_host_bits),
		cmocka_unit_test(defect_19_bad_keys),
		cmocka_unit_test(zero_bytes),
		cmocka_unit_test(large_things),
	};

	return cmocka_run_group_tests_name(
		"tunnel_grammar", tests, enter_directory, leave_directory);
}
