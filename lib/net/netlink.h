/*
 * Questions to the kernel by rtnetlink, and the parts of its answers (inside net only).
 * On the packet's way: nowhere.
 * Threads: whoever holds the socket; one at a time.
 */
#pragma once

#include "base/address.h"

#include <libmnl/libmnl.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Marks routes and neighbours that are ours (field "protocol" of the kernel's entries). */
#define NETLINK_PROTOCOL 103

/* Room for any request that we build. */
#define NETLINK_REQUEST_MAX 512

/* A request being built; zero it before netlink_begin. */
union netlink_request {
	struct nlmsghdr header;
	uint8_t bytes[NETLINK_REQUEST_MAX];
};

/* A socket for questions; it stays in the network namespace in which it was opened. */
struct netlink {
	struct mnl_socket *socket;
	uint32_t sequence;
};

/* netlink_open returns 0 or a negative errno. netlink_close may be called twice. */
int netlink_open(struct netlink *netlink) __attribute__((warn_unused_result));
void netlink_close(struct netlink *netlink);

/*
 * netlink_begin starts a request of `type` and returns its family header of `family_header_len`
 * zero bytes, to be filled. `flags` are added to NLM_F_REQUEST.
 */
void *netlink_begin(
	union netlink_request *request, uint16_t type, uint16_t flags, size_t family_header_len);

/*
 * netlink_ask sends the request and waits for the kernel's answer, which it gives at once.
 * `each`, unless NULL, sees every message of it. Returns 0; -EINTR for a dump that changed while
 * it was read (ask again); or the kernel's or the socket's negative errno.
 */
int
netlink_ask(struct netlink *netlink, union netlink_request *request, mnl_cb_t each, void *context);

/*
 * netlink_header returns the family header of `len` bytes of a message, or NULL if the message is
 * too short for it. netlink_string tells whether the attribute, which may be NULL, is that text.
 */
const void *netlink_header(const struct nlmsghdr *message, size_t len);
bool netlink_string(const struct nlattr *attribute, const char *text);

/*
 * netlink_attributes fills table[0..max] with the message's attributes by type, NULL where there
 * is none; `family_header_len` is the length of the header before them.
 */
void netlink_attributes(const struct nlmsghdr *message, size_t family_header_len,
	const struct nlattr *table[], uint16_t max);

/* netlink_nested does the same for the attributes inside `attribute`. */
void netlink_nested(const struct nlattr *attribute, const struct nlattr *table[], uint16_t max);

/* netlink_u32 reads a 32-bit attribute; 0 if it is NULL or of another length. */
uint32_t netlink_u32(const struct nlattr *attribute);

/*
 * netlink_address reads an address of the kernel's `family` (AF_INET, AF_INET6); ADDRESS_NONE if
 * the attribute is NULL, of another length or of another family.
 */
struct address netlink_address(const struct nlattr *attribute, uint8_t family);

/* netlink_put_address adds an address as an attribute; netlink_family is its AF_*. */
void
netlink_put_address(union netlink_request *request, uint16_t type, const struct address *address);
uint8_t netlink_family(const struct address *address);
