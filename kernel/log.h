// SPDX-License-Identifier: MIT
// The kernel log: a ring that never blocks, copied to the console by a thread (or at once in a panic).
#ifndef KERNEL_LOG_H
#define KERNEL_LOG_H

#include "kernel/lib/types.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* One line, without newline. Any context, interrupts included; at most 240 bytes of text are kept. */
void log_line(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

/* Prints the reason ("PANIC: ..."), registers, back trace and the task's areas, stops the other CPUs, and
 * ends the machine with status 255 (or resets, as the command line says). Any context. */
NORETURN void panic(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* Checks that stay in every build: cheap invariants whose breach means memory is no longer trustworthy. */
#define ASSERT(cond)                                                                               \
	do {                                                                                       \
		if (unlikely(!(cond)))                                                             \
			panic("%s:%d: assertion failed: %s", __FILE__, __LINE__, #cond);           \
	} while (0)

/* Checks for debug builds (CONFIG_DEBUG 1) and host tests only: on hot paths or costly. */
#ifndef CONFIG_DEBUG
#define CONFIG_DEBUG 0
#endif
#define DEBUG_ASSERT(cond)                                                                         \
	do {                                                                                       \
		if (CONFIG_DEBUG)                                                                  \
			ASSERT(cond);                                                              \
	} while (0)

#endif
