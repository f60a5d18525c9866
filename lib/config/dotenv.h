/*
 * Settings out of docker-compose's .env file.
 * On the packet's way: nowhere.
 * Threads: management only.
 */
#pragma once

#include <stddef.h>

/*
 * dotenv_get looks NAME=VALUE up in the file at `path`: blank lines and # comments ignored, an
 * optional "export ", quotes around the value removed, the last assignment wins. Returns 0 with
 * the value (possibly empty) in `value`; -ENOENT if the file or the name is not there; -EISDIR;
 * -E2BIG if the value does not fit; or open's and read's negative errno.
 */
int dotenv_get(const char *path, const char *name, char *value, size_t size)
	__attribute__((warn_unused_result));
