/*
 * What is odd about files without an error, each by its text, and what is not odd.
 * On the packet's way: nowhere.
 * Threads: one.
 */
#include "config/lint.h"

#include "files.h"

#define PEER(key, ips, endpoint) \
	"[Peer]\nPublicKey = " key "\nAllowedIPs = " ips "\nEndpoint = " endpoint "\n"
#define OWN PEER(OWN_PUBLIC, "10.8.3.1", "198.51.100.1:4567")
#define SECOND PEER(KEY_2, "10.8.3.2", "198.51.100.2:4567")
#define THIRD PEER(KEY_3, "10.8.3.3", "198.51.100.3:4567")

#define WARNING ": warning: "

/* The instance is 10.8.3.1 of 10.8.3.0/24, and its host 198.51.100.1, unless a test says other. */
static const struct prefix vpn_address = {{{10, 8, 3, 1}, ADDRESS_IPV4}, 24};
static const struct address host_addresses[] = {
	{{127, 0, 0, 1}, ADDRESS_IPV4}, {{198, 51, 100, 1}, ADDRESS_IPV4}};
static const struct lint_facts usual = {
	.vpn_address = &vpn_address,
	.host_addresses = host_addresses,
	.host_address_count = 2,
};

static void
expect_facts(const char *private_path, const char *public_text, const struct lint_facts *facts,
	const char *messages)
{
	static char text[1 << 16];
	struct report report = {0};
	struct tunnel_config *config;
	size_t found;

	write_text(PRIVATE, A_PRIVATE_FILE);
	write_text(PUBLIC, public_text);
	config = tunnel_config_load(private_path, PUBLIC, false, &report);
	assert_non_null(config);
	report_fini(&report);
	found = lint_config(config, facts, &report);
	report_text(&report, text, sizeof(text));
	assert_string_equal(text, messages);
	assert_true(found >= report.count || report.count == LINT_KIND_MAX + 1);
	assert_int_equal(report.errors, 0);
	report_fini(&report);
	tunnel_config_destroy(config);
}

static void
expect(const char *public_text, const char *messages)
{
	expect_facts(PRIVATE, public_text, &usual, messages);
}

static void
nothing_is_odd(void **state)
{
	expect(OWN SECOND THIRD, "");
	expect(PEER(OWN_PUBLIC, "10.8.3.1, fd00::1", "a.example:4567")
			PEER(KEY_2, "10.8.3.2, fd00::2, 192.168.0.0/16", "b.example:4567"),
		"");
	/* One may be without an endpoint: the other begins. */
	expect(OWN "[Peer]\nPublicKey = " KEY_2
		   "\nAllowedIPs = 10.8.3.2\nPersistentKeepalive = 5\n",
		"");
	/* Without a peer table. */
	expect("# none\n", "");
	/* Nothing is known besides the file, not even who we are. */
	expect_facts(NULL, OWN SECOND, &(const struct lint_facts){0}, "");
}

static void
our_own_entry_is_missing(void **state)
{
	static const struct lint_facts port = {.listen_port = 4568};

	expect(SECOND THIRD,
		PUBLIC ": warning: our own entry is missing: the other instances do not know us. "
		       "Add to it, on all instances: [Peer], PublicKey = " OWN_PUBLIC
		       ", AllowedIPs = 10.8.3.1, Endpoint = OUR-ADDRESS:4567\n");
	expect_facts(PRIVATE, PEER(KEY_2, "10.8.3.2", "198.51.100.2:4568"), &port,
		PUBLIC ": warning: our own entry is missing: the other instances do not know us. "
		       "Add to it, on all instances: [Peer], PublicKey = " OWN_PUBLIC
		       ", AllowedIPs = OUR-VPN-ADDRESS, Endpoint = OUR-ADDRESS:4568\n");
}

static void
our_own_entry_has_another_key(void **state)
{
	expect(SECOND PEER(KEY_3, "10.8.3.1/32", "198.51.100.3:4567"),
		PUBLIC ":7" WARNING "this peer has our VPN address, 10.8.3.1, and no entry of this "
		       "file has our public key. If this is meant to be our own entry, put "
		       "PublicKey = " OWN_PUBLIC " into it, on all instances\n");
	expect(SECOND PEER(KEY_3, "10.8.3.3/32", "198.51.100.1:4567"),
		PUBLIC ": warning: our own entry is missing: the other instances do not know us. "
		       "Add to it, on all instances: [Peer], PublicKey = " OWN_PUBLIC
		       ", AllowedIPs = 10.8.3.1, Endpoint = OUR-ADDRESS:4567\n" PUBLIC ":8" WARNING
		       "Endpoint 198.51.100.1:4567 is this instance itself. If this is meant to be "
		       "our own entry, its PublicKey must be " OWN_PUBLIC
		       "; else give the peer's\n");
}

static void
the_vpn_address_is_not_the_own_entrys(void **state)
{
	expect(PEER(OWN_PUBLIC, "10.8.3.9", "198.51.100.1:4567") SECOND,
		PUBLIC ":3" WARNING "the VPN address 10.8.3.1 (MITIGATOR_VPN_ADDRESS) is not among "
		       "the AllowedIPs of our own entry (10.8.3.9/32): the other instances will "
		       "not take packets from it; correct one of the two\n");
	expect(PEER(OWN_PUBLIC, "10.8.3.9, 10.8.3.8", "198.51.100.1:4567")
			PEER(KEY_2, "10.8.3.1", "198.51.100.2:4567"),
		PUBLIC
		":3" WARNING "the VPN address 10.8.3.1 (MITIGATOR_VPN_ADDRESS) is not among "
		"the AllowedIPs of our own entry (10.8.3.8/32, ...), but that of the peer at "
		"line 5: the other instances will not take packets from it; correct one of "
		"the two\n");
	expect("[Peer]\nPublicKey = " OWN_PUBLIC "\nEndpoint = 198.51.100.1:4567\n" SECOND,
		PUBLIC ":1" WARNING "the VPN address 10.8.3.1 (MITIGATOR_VPN_ADDRESS) is not among "
		       "the AllowedIPs of our own entry (none): the other instances will not take "
		       "packets from it; correct one of the two\n");
}

static void
the_vpn_address_is_no_hosts(void **state)
{
	static const struct prefix network = {{{10, 8, 3, 0}, ADDRESS_IPV4}, 24};
	static const struct prefix broadcast = {{{10, 8, 3, 255}, ADDRESS_IPV4}, 24};
	static const struct prefix odd = {{{10, 8, 3, 255}, ADDRESS_IPV4}, 16};

	expect_facts(PRIVATE, PEER(OWN_PUBLIC, "10.8.3.0", "198.51.100.1:4567") SECOND,
		&(const struct lint_facts){.vpn_address = &network},
		"warning: the VPN address 10.8.3.0/24 (MITIGATOR_VPN_ADDRESS) is the first, the "
		"network's address of its own network; give this instance another, or the right "
		"mask\n");
	expect_facts(PRIVATE, PEER(OWN_PUBLIC, "10.8.3.255", "198.51.100.1:4567") SECOND,
		&(const struct lint_facts){.vpn_address = &broadcast},
		"warning: the VPN address 10.8.3.255/24 (MITIGATOR_VPN_ADDRESS) is the broadcast "
		"address of its own network; give this instance another, or the right mask\n");
	expect_facts(PRIVATE, PEER(OWN_PUBLIC, "10.8.3.255", "198.51.100.1:4567") SECOND,
		&(const struct lint_facts){.vpn_address = &odd}, "");
}

static void
our_private_key_as_a_public_one(void **state)
{
	expect(OWN PEER(OWN_PRIVATE, "10.8.3.2", "198.51.100.2:4567"),
		PUBLIC ":5" WARNING "the PublicKey of this peer is our own PrivateKey, and whoever "
		       "has this file can pass for us. Make a new one (wg genkey) and put what wg "
		       "pubkey makes of it here, on all instances\n");
}

static void
allowed_ips_that_are_none(void **state)
{
	expect(OWN "[Peer]\nPublicKey = " KEY_2 "\nAllowedIPs =\nEndpoint = 198.51.100.2:4567\n",
		PUBLIC ":7" WARNING "no AllowedIPs: no packet can go to this peer or come from it; "
		       "add its VPN address\n");
}

static void
peers_outside_the_vpn(void **state)
{
	static const struct prefix wide = {{{10, 8, 3, 1}, ADDRESS_IPV4}, 16};
	struct lint_facts facts = usual;

	expect(OWN PEER(KEY_2, "10.8.4.2, 10.8.5.0/24", "198.51.100.2:4567"),
		PUBLIC ":7" WARNING "AllowedIPs 10.8.4.2/32, ...: outside the VPN's network, "
		       "10.8.3.0/24. Correct it, or, if it is right, give our VPN address a mask "
		       "that takes it in (MITIGATOR_VPN_ADDRESS=10.8.3.1/LENGTH)\n");
	facts.vpn_address = &wide;
	expect_facts(
		PRIVATE, OWN PEER(KEY_2, "10.8.4.2, 10.8.5.0/24", "198.51.100.2:4567"), &facts, "");
	facts.vpn_address = NULL;
	expect_facts(PRIVATE, OWN PEER(KEY_2, "10.8.4.2", "198.51.100.2:4567"), &facts, "");
}

static void
allowed_ips_around_others(void **state)
{
	expect(OWN SECOND PEER(KEY_3, "10.8.3.2/24", "198.51.100.3:4567"),
		PUBLIC
		":11" WARNING
		"AllowedIPs 10.8.3.0/24 is around 2 of other peers, the first 10.8.3.1/32 of "
		"our own entry at line 1: the longer prefix wins, and this peer has only "
		"what is left. Narrow it if that is not meant\n");
	/* One's own are none of others. */
	expect(OWN PEER(KEY_2, "10.8.3.4/30, 10.8.3.5, 10.8.3.6", "198.51.100.2:4567"), "");
}

static void
endpoints_that_can_be_no_other_host(void **state)
{
	static const char *const hosts[] = {"0.0.0.0", "127.0.0.2", "224.0.0.1", "255.255.255.255",
		"[::]", "[::1]", "[ff02::1]"};

	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		char text[1024], message[1024];

		snprintf(text, sizeof(text), OWN PEER(KEY_2, "10.8.3.2", "%s:4567"), hosts[i]);
		snprintf(message, sizeof(message),
			PUBLIC ":8" WARNING "Endpoint %s:4567 can be no other host; give the "
			       "address by which the others reach that instance\n",
			hosts[i]);
		expect(text, message);
	}
	expect(OWN PEER(KEY_2, "10.8.3.2", "[fe80::1]:4567"), "");
}

static void
endpoints_that_name_an_interface(void **state)
{
	expect(OWN PEER(KEY_2, "10.8.3.2", "[FE80::1%eth0]:4567"),
		PUBLIC ":8" WARNING "Endpoint [fe80::1%eth0]:4567 names an interface, and where "
		       "there is none of that name, wg(8) refuses the file; give an address that "
		       "needs none\n");
}

static void
an_endpoint_of_our_own(void **state)
{
	static const struct lint_facts other_port = {.vpn_address = &vpn_address,
		.host_addresses = host_addresses,
		.host_address_count = 2,
		.listen_port = 4568};

	expect(PEER(OWN_PUBLIC, "10.8.3.1", "gw.example:4567")
			PEER(KEY_2, "10.8.3.2", "198.51.100.1:4567"),
		PUBLIC ":8" WARNING "Endpoint 198.51.100.1:4567 is this instance itself; give that "
		       "of the peer\n");
	/* On another port there may be another instance. */
	expect(OWN PEER(KEY_2, "10.8.3.2", "198.51.100.1:4568"), "");
	expect_facts(PRIVATE,
		PEER(OWN_PUBLIC, "10.8.3.1", "gw.example:4568")
			PEER(KEY_2, "10.8.3.2", "198.51.100.1:4567"),
		&other_port, "");
}

static void
an_endpoint_inside_the_vpn(void **state)
{
	expect(OWN PEER(KEY_2, "10.8.3.2", "10.8.3.2:4567"),
		PUBLIC ":8" WARNING "Endpoint 10.8.3.2:4567 is inside the VPN itself "
		       "(10.8.3.0/24), where packets to it would go round for ever; give the "
		       "address that the instance has outside\n");
	expect(OWN PEER(KEY_2, "10.8.3.2, 198.51.100.128/25", "198.51.100.130:4567"),
		PUBLIC ":8" WARNING "Endpoint 198.51.100.130:4567 is inside AllowedIPs "
		       "198.51.100.128/25 of the peer at line 5, and where that is routed into the "
		       "VPN, packets to it go round for ever; give the address that the instance "
		       "has outside, or narrow the AllowedIPs\n");
}

static void
the_same_endpoint_twice(void **state)
{
	static const struct lint_facts one_port = {.peer_port = 4567};

	expect(OWN PEER(KEY_2, "10.8.3.2", "198.51.100.1:4567"),
		PUBLIC ":8" WARNING "Endpoint 198.51.100.1:4567 is also that of our own entry at "
		       "line 1, and only one instance can be there; correct one of the two\n");
	expect(OWN PEER(KEY_2, "10.8.3.2", "[2001:db8:0::1]:4567")
			PEER(KEY_3, "10.8.3.3", "[2001:DB8::0001]:4567"),
		PUBLIC ":12" WARNING "Endpoint [2001:db8::1]:4567 is also that of the peer at line "
		       "5, and only one instance can be there; correct one of the two\n");
	expect(OWN PEER(KEY_2, "10.8.3.2", "gw.example:4567")
			PEER(KEY_3, "10.8.3.3", "GW.Example:4567"),
		PUBLIC ":12" WARNING "Endpoint gw.example:4567 is also that of the peer at line 5, "
		       "and only one instance can be there; correct one of the two\n");
	/* Behind one NAT, until one port stands for all. */
	expect_facts(PRIVATE,
		OWN PEER(KEY_2, "10.8.3.2", "gw.example:1") PEER(KEY_3, "10.8.3.3", "gw.example:2"),
		&(const struct lint_facts){0}, "");
	expect_facts(PRIVATE,
		OWN PEER(KEY_2, "10.8.3.2", "gw.example:1") PEER(KEY_3, "10.8.3.3", "gw.example:2"),
		&one_port,
		PUBLIC ":12" WARNING "Endpoint gw.example:4567 is also that of the peer at line 5, "
		       "and only one instance can be there; correct one of the two\n");
}

static void
ports_unlike_the_others(void **state)
{
	static const struct lint_facts dataplane = {.listen_port = 4568, .peer_port = 4568};

	expect(PEER(OWN_PUBLIC, "10.8.3.1", "198.51.100.1:4576") SECOND,
		PUBLIC ":4" WARNING "our own entry's Endpoint has port 4576, and we listen on "
		       "4567: the others do not reach us, unless a NAT maps the port. Correct one "
		       "of the two (ListenPort is in " PRIVATE ")\n");
	expect(OWN SECOND PEER(KEY_3, "10.8.3.3", "198.51.100.3:4576"),
		PUBLIC ":12" WARNING "Endpoint has port 4576, where most have 4567, as ListenPort "
		       "has. Correct it, unless a NAT maps the port\n");
	/* Two against one is no majority of others. */
	expect(OWN PEER(KEY_3, "10.8.3.3", "198.51.100.3:4576"), "");
	expect_facts(PRIVATE, OWN SECOND THIRD, &dataplane, "");
}

static void
no_endpoint_on_both_sides(void **state)
{
	expect("[Peer]\nPublicKey = " OWN_PUBLIC "\nAllowedIPs = 10.8.3.1\n"
	       "[Peer]\nPublicKey = " KEY_2 "\nAllowedIPs = 10.8.3.2\n" THIRD,
		PUBLIC ":4" WARNING "this peer has no Endpoint, nor has our own entry at line 1 (2 "
		       "in all): between two such instances no tunnel comes up, since neither "
		       "knows where the other is; add Endpoint = ADDRESS:4567\n");
}

static void
preshared_keys_that_differ(void **state)
{
	expect(OWN "PresharedKey = " KEY_4 "\n" SECOND "PresharedKey = " KEY_4 "\n" THIRD,
		PUBLIC ":11" WARNING "its PresharedKey is not that of our own entry at line 1, and "
		       "no handshake between the two can succeed, since each takes the key from "
		       "the other's entry; give all entries the same one, or none\n");
	expect_facts(NULL, SECOND "PresharedKey = " KEY_4 "\n" THIRD "PresharedKey = " KEY_3 "\n",
		&(const struct lint_facts){0},
		PUBLIC ":6" WARNING "its PresharedKey is not that of the peer at line 1, and no "
		       "handshake between the two can succeed, since each takes the key from the "
		       "other's entry; give all entries the same one, or none\n");
}

static void
keepalives_that_are_too_short(void **state)
{
	expect(OWN SECOND "PersistentKeepalive = 4\n",
		PUBLIC ":9" WARNING "PersistentKeepalive of 4 s is needless load; 25 keeps any NAT "
		       "open\n");
}

/* A whole cluster that is outside is one mistake, not hundreds. */
static void
many_of_a_kind_are_counted(void **state)
{
	static char text[8192], messages[8192];
	size_t len = (size_t)snprintf(text, sizeof(text), OWN);
	size_t said = (size_t)snprintf(messages, sizeof(messages),
		PUBLIC ": warning: 3 more peers outside the VPN's network\n");

	for (unsigned i = 0; i < LINT_KIND_MAX + 3; i++) {
		uint8_t bytes[KEY_LEN];
		char key[KEY_BASE64_LEN + 1];

		memset(bytes, (int)(i + 9), sizeof(bytes));
		len += (size_t)snprintf(text + len, sizeof(text) - len,
			PEER("%s", "10.8.4.%u", "198.51.101.%u:4567"), key_to_base64(bytes, key), i,
			i);
		if (i < LINT_KIND_MAX)
			said += (size_t)snprintf(messages + said, sizeof(messages) - said,
				PUBLIC ":%u" WARNING "AllowedIPs 10.8.4.%u/32: outside the VPN's "
				       "network, 10.8.3.0/24. Correct it, or, if it is right, give "
				       "our VPN address a mask that takes it in "
				       "(MITIGATOR_VPN_ADDRESS=10.8.3.1/LENGTH)\n",
				4 * i + 7, i);
	}
	expect(text, messages);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_odd),
		cmocka_unit_test(our_own_entry_is_missing),
		cmocka_unit_test(our_own_entry_has_another_key),
		cmocka_unit_test(the_vpn_address_is_not_the_own_entrys),
		cmocka_unit_test(the_vpn_address_is_no_hosts),
		cmocka_unit_test(our_private_key_as_a_public_one),
		cmocka_unit_test(allowed_ips_that_are_none),
		cmocka_unit_test(peers_outside_the_vpn),
		cmocka_unit_test(allowed_ips_around_others),
		cmocka_unit_test(endpoints_that_can_be_no_other_host),
		cmocka_unit_test(endpoints_that_name_an_interface),
		cmocka_unit_test(an_endpoint_of_our_own),
		cmocka_unit_test(an_endpoint_inside_the_vpn),
		cmocka_unit_test(the_same_endpoint_twice),
		cmocka_unit_test(ports_unlike_the_others),
		cmocka_unit_test(no_endpoint_on_both_sides),
		cmocka_unit_test(preshared_keys_that_differ),
		cmocka_unit_test(keepalives_that_are_too_short),
		cmocka_unit_test(many_of_a_kind_are_counted),
	};

	return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
