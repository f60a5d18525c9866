/*
 * Sources for the tests of tables that go by them.
 * Threads: any; no state.
 */
#pragma once

#include "base/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static inline struct address
address_of(const char *text)
{
	struct address address;

	assert_int_equal(address_parse(text, &address), 0);
	return address;
}

/* The n-th of many IPv4 addresses. */
static inline struct address
numbered(uint32_t n)
{
	const uint8_t bytes[4] = {10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};

	return address_from_bytes(ADDRESS_IPV4, bytes);
}
