/*
 * UAPI's "set", read: text to operations, one after the other.
 * On the packet's way: nowhere.
 * Threads: one at a time; no I/O.
 */
#include "control/uapi_set.h"

#include "base/secret.h"
#include "config/wg_file.h"

#include <errno.h>
#include <string.h>

/* The longest that is good is an endpoint; a zone may have as many characters as an interface. */
#define VALUE_MAX (ENDPOINT_TEXT_MAX + 16)
#define OPERATION_LEN (sizeof("set=1\n") - 1)

enum value_kind {
	VALUE_KEY,
	VALUE_NUMBER,
	VALUE_TRUE,
	VALUE_ENDPOINT,
	VALUE_ALLOWED_IP,
};

/* A key that a line may have. */
struct name {
	const char *text;
	enum uapi_operation_kind kind;
	bool of_peer;
	enum value_kind value;
	uint32_t min, max; /* of a number */
	const char *fault; /* what a bad value is told */
};

static const struct name names[] = {
	{"private_key", UAPI_PRIVATE_KEY, false, VALUE_KEY, 0, 0, "give 64 hexadecimal digits"},
	{"listen_port", UAPI_LISTEN_PORT, false, VALUE_NUMBER, 0, UINT16_MAX,
		"give a number from 0 to 65535"},
	{"fwmark", UAPI_FWMARK, false, VALUE_NUMBER, 0, UINT32_MAX,
		"give a decimal number of 32 bits"},
	{"replace_peers", UAPI_REPLACE_PEERS, false, VALUE_TRUE, 0, 0, "give true"},
	{"public_key", UAPI_PUBLIC_KEY, true, VALUE_KEY, 0, 0, "give 64 hexadecimal digits"},
	{"remove", UAPI_REMOVE, true, VALUE_TRUE, 0, 0, "give true"},
	{"update_only", UAPI_UPDATE_ONLY, true, VALUE_TRUE, 0, 0, "give true"},
	{"preshared_key", UAPI_PRESHARED_KEY, true, VALUE_KEY, 0, 0, "give 64 hexadecimal digits"},
	{"endpoint", UAPI_ENDPOINT, true, VALUE_ENDPOINT, 0, 0,
		"give ADDRESS:PORT or [IPV6]:PORT, numeric"},
	{"persistent_keepalive_interval", UAPI_KEEPALIVE, true, VALUE_NUMBER, 0, UINT16_MAX,
		"give seconds from 0 to 65535"},
	{"replace_allowed_ips", UAPI_REPLACE_ALLOWED_IPS, true, VALUE_TRUE, 0, 0, "give true"},
	{"allowed_ip", UAPI_ALLOWED_IP, true, VALUE_ALLOWED_IP, 0, 0,
		"give ADDRESS/LENGTH, or -ADDRESS/LENGTH to remove it"},
	{"protocol_version", UAPI_PROTOCOL_VERSION, true, VALUE_NUMBER, 1, 1, "there is only 1"},
};

void
uapi_set_init(struct uapi_set *set, const char *text, size_t len)
{
	*set = (struct uapi_set){
		.next = text + OPERATION_LEN,
		.end = text + len,
		.line = 1,
	};
}

static const struct name *
name_find(const char *text, size_t len)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i].text) == len && memcmp(names[i].text, text, len) == 0)
			return &names[i];
	return NULL;
}

static bool
read_allowed_ip(const char *value, struct uapi_operation *operation)
{
	if (value[0] == '-') {
		operation->kind = UAPI_REMOVE_ALLOWED_IP;
		value++;
	}
	return strchr(value, '/') != NULL && prefix_parse(value, &operation->prefix, NULL) == 0;
}

static bool
read_value(const struct name *name, const char *value, struct uapi_operation *operation)
{
	switch (name->value) {
	case VALUE_KEY:
		return key_from_hex(operation->key, value);
	case VALUE_NUMBER:
		return wg_number(value, false, name->max, &operation->number) &&
			operation->number >= name->min;
	case VALUE_TRUE:
		return strcmp(value, "true") == 0;
	case VALUE_ENDPOINT:
		return endpoint_parse(value, &operation->endpoint) == 0;
	case VALUE_ALLOWED_IP:
		return read_allowed_ip(value, operation);
	}
	return false;
}

/* Copies the value as a text; false if it holds a zero byte, or is longer than any good one. */
static bool
value_copy(char to[static VALUE_MAX], const char *from, size_t len)
{
	if (len >= VALUE_MAX || memchr(from, '\0', len) != NULL)
		return false;
	memcpy(to, from, len);
	to[len] = '\0';
	return true;
}

static int
read_line(struct uapi_set *set, const char *line, size_t len, struct uapi_operation *operation)
{
	const char *equals = memchr(line, '=', len);
	const struct name *name;
	char value[VALUE_MAX];
	bool good;

	if (equals == NULL) {
		set->fault = "it has no =; give key=value";
		return -EPROTO;
	}
	name = name_find(line, (size_t)(equals - line));
	if (name == NULL) {
		set->fault = "its key is not one of set's";
		return -EINVAL;
	}
	set->name = name->text;
	if (name->of_peer ? !set->in_peer && name->kind != UAPI_PUBLIC_KEY : set->in_peer) {
		set->fault = name->of_peer ? "it is of a peer; give a public_key before"
					   : "it is of the interface; give it before any peer";
		return -EINVAL;
	}
	operation->kind = name->kind;
	good = value_copy(value, equals + 1, (size_t)(line + len - equals) - 1) &&
		read_value(name, value, operation);
	secret_wipe(value, sizeof(value));
	if (!good) {
		set->fault = name->fault;
		return -EINVAL;
	}
	set->in_peer = name->of_peer;
	return 1;
}

int
uapi_set_next(struct uapi_set *set, struct uapi_operation *operation)
{
	const char *line = set->next;
	const char *newline = memchr(line, '\n', (size_t)(set->end - line));
	int result;

	set->line++;
	set->name = NULL;
	if (newline == line || newline == NULL)
		return 0;
	set->next = newline + 1;
	result = read_line(set, line, (size_t)(newline - line), operation);
	if (result < 0)
		set->next = set->end;
	return result;
}
