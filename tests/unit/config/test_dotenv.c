/*
 * Tests of settings out of .env files.
 * On the packet's way: nowhere.
 * Threads: one.
 */
#include "config/dotenv.h"

#include "files.h"

#include <errno.h>

static void
expect_setting(const char *file, const char *name, const char *expected)
{
	char value[64] = "untouched";

	write_text(".env", file);
	assert_int_equal(dotenv_get(".env", name, value, sizeof(value)), 0);
	assert_string_equal(value, expected);
}

static void
operators_file(void **state)
{
	const char *file = "COMPOSE_FILE=docker-compose.yml:docker-compose.vpn.yml\n"
			   "MITIGATOR_VPN_ADDRESS=10.8.3.1\n";

	expect_setting(file, "MITIGATOR_VPN_ADDRESS", "10.8.3.1");
	expect_setting(file, "COMPOSE_FILE", "docker-compose.yml:docker-compose.vpn.yml");
}

static void
forms_of_a_line(void **state)
{
	expect_setting("A=1", "A", "1");
	expect_setting("A=\n", "A", "");
	expect_setting("\n  \n# B=2\nA=1\n", "A", "1");
	expect_setting("\xef\xbb\xbf"
		       "A=1\n",
		"A", "1");
	expect_setting("A=1\r\nB=2\r\n", "A", "1");
	expect_setting("  export A = 1  \n", "A", "1");
	expect_setting("export=3\n", "export", "3");
	expect_setting("exportA=4\nA=1\n", "A", "1");
	expect_setting("A=\"1 # 2\" # 3\n", "A", "1 # 2");
	expect_setting("A='x\"y'\n", "A", "x\"y");
	expect_setting("A=\"\"\n", "A", "");
	expect_setting("A=\"open\n", "A", "\"open");
	expect_setting("A=10.8.3.1 # mine\n", "A", "10.8.3.1");
	expect_setting("A=10#8\n", "A", "10#8");
	expect_setting("A=# nothing\n", "A", "");
	expect_setting("A=a=b\n", "A", "a=b");
	expect_setting("AA=2\nA=1\nA_A=3\n", "A", "1");
	expect_setting("A=1\nA=2\nB=3\nA=4\n#A=5\n", "A", "4");
}

static void
errors(void **state)
{
	char value[5] = "same";

	write_text(".env", "#A=1\nB=2\nA\n=A\n");
	assert_int_equal(dotenv_get(".env", "A", value, sizeof(value)), -ENOENT);
	write_text(".env", "");
	assert_int_equal(dotenv_get(".env", "A", value, sizeof(value)), -ENOENT);
	write_text(".env", NULL);
	assert_int_equal(dotenv_get(".env", "A", value, sizeof(value)), -ENOENT);
	assert_int_equal(dotenv_get(".", "A", value, sizeof(value)), -EISDIR);
	write_text(".env", "A=12345\n");
	assert_int_equal(dotenv_get(".env", "A", value, sizeof(value)), -E2BIG);
	assert_string_equal(value, "same");
	write_text(".env", "A=12345\nA=1234\n");
	assert_int_equal(dotenv_get(".env", "A", value, sizeof(value)), 0);
	assert_string_equal(value, "1234");
	assert_int_equal(dotenv_get(".env/x", "A", value, sizeof(value)), -ENOTDIR);
	(void)unlink(".env");
	assert_int_equal(mkfifo(".env", 0600), 0);
	assert_int_equal(dotenv_get(".env", "A", value, sizeof(value)), -ENOTSUP);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(operators_file),
		cmocka_unit_test(forms_of_a_line),
		cmocka_unit_test(errors),
	};

	return cmocka_run_group_tests_name("dotenv", tests, enter_directory, leave_directory);
}
