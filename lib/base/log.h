/*
 * Levelled log lines, to a sink that the owner of the process supplies.
 * On the packet's way: nowhere; lanes do not log.
 * Threads: any but lanes; the sink must be thread-safe.
 */
#pragma once

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

struct log {
	enum log_level level; /* lines above this level are not formatted */
	/* Takes one line without newline. Must not be NULL. */
	void (*write)(void *context, enum log_level level, const char *line);
	void *context;
};

/*
 * log_write formats a line of at most 1,023 bytes (longer ones are cut) and hands it to the sink
 * if `level` is at or below the log's. Never pass it secrets, inner addresses or packet contents;
 * public keys are abbreviated by key_abbreviate() of config/key.h. A NULL log drops everything.
 */
void log_write(const struct log *log, enum log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#define log_error(log, ...) log_write(log, LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(log, ...) log_write(log, LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(log, ...) log_write(log, LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(log, ...) log_write(log, LOG_LEVEL_DEBUG, __VA_ARGS__)

/* log_level_name returns "error", "warning", "info" or "debug". */
const char *log_level_name(enum log_level level);
