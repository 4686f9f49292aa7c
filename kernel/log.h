// SPDX-License-Identifier: MIT
// The kernel log: a ring that never blocks, copied to the console by a thread (or at once in a
// panic).
#ifndef KERNEL_LOG_H
#define KERNEL_LOG_H

#include <stdarg.h>

#include "kernel/lib/types.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* One line, without newline. Any context, interrupts included; at most 240 bytes of text are
 * kept. */
void log_line(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Formats it as a line: what a program's name may have of control characters becomes '?'. The
 * length, cut to size - 1. */
int log_format(char *line, size_t size, const char *fmt, va_list ap);
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

/* Where console output goes: the early console, then the serial driver, or the emulator's. write
 * may be called from a thread, and from any context before log_start() and in a panic: it polls,
 * and takes no lock that sleeps. */
struct log_sink {
	void (*write)(const char *s, size_t n);
};
/* NULL: nowhere. What the ring still holds is written to the first sink ever set. */
void log_set_sink(const struct log_sink *sink);
/* Starts the thread that feeds the sink: until then log_line() writes itself. Reads loglevel= and
 * quiet from the command line. Task context. */
void log_start(void);
/* Lines of levels above this reach the ring only. As Linux's loglevel=: 0..8, where 4 is errors, 5
 * warnings too, 7 information, 8 all. */
void log_set_level(unsigned loglevel);
/* Writes out what the ring holds, polled. From task context it lets the thread finish its line
 * first. */
void log_flush(void);
/* From now on every line is written at once by its caller; for panic(). Any context, no way
 * back. */
void log_set_synchronous(void);

/* A line as dmesg(1) reads it, "<6>[    1.234567] text\n", without terminator. *seq says where to
 * read (0: the oldest line) and is moved behind the line. Returns its length, 0 when there is no
 * more, -EINVAL when size is below LOG_LINE_MAX. Any context. */
#define LOG_LINE_MAX 288
int log_read(uint64_t *seq, char *buf, size_t size) MUST_CHECK;
/* Sleeps until there is a line at or after seq: 0 or -EINTR. */
int log_wait(uint64_t seq) MUST_CHECK;
uint64_t log_end(void); /* seq that the next line will have */
#define LOG_RING_SIZE 16384

/* Prints the reason ("PANIC: ..."), registers, back trace and the task's areas, stops the other
 * CPUs, and ends the machine with status 255 (or resets, as the command line says). Any context. */
NORETURN void panic(const char *fmt, ...) PRINTF_LIKE(1, 2);

#ifndef CONFIG_DEBUG
#define CONFIG_DEBUG 0
#endif
/* Checks that stay in every build: cheap invariants whose breach means memory is no longer
 * trustworthy. There are many, so what each passes is little: the condition's words in debug builds
 * alone, which are found by file and line. */
#define ASSERT(cond)                                                                               \
	do {                                                                                       \
		if (unlikely(!(cond)))                                                             \
			assert_failed(CONFIG_DEBUG ? #cond ", " __FILE__ : __FILE__, __LINE__);    \
	} while (0)
NORETURN void assert_failed(const char *what, int line);

/* Checks for debug builds (CONFIG_DEBUG 1) and host tests only: on hot paths or costly. */
#define DEBUG_ASSERT(cond)                                                                         \
	do {                                                                                       \
		if (CONFIG_DEBUG)                                                                  \
			ASSERT(cond);                                                              \
	} while (0)

#endif
