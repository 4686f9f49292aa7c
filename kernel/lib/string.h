// SPDX-License-Identifier: MIT
// C's memory and string functions (arch/arm64/lib supplies the hot ones) and bounded formatting.
#ifndef KERNEL_LIB_STRING_H
#define KERNEL_LIB_STRING_H

#include <stdarg.h>

#include "kernel/lib/types.h"

void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int c, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
char *strstr(const char *haystack, const char *needle);

/* Copies at most size-1 bytes and always terminates (size > 0). Returns strlen(src): >= size means
 * cut. */
size_t string_copy(char *dst, const char *src, size_t size);

/* Formats into buf, always terminated when size > 0. Returns the length the whole text has. Knows
 * %d %i %u %x %X %o %c %s %p %% with flags 0 - + # space, width, precision, h hh l ll z j t. No
 * floating point. */
int format(char *buf, size_t size, const char *fmt, ...) PRINTF_LIKE(3, 4);
int format_va(char *buf, size_t size, const char *fmt, va_list ap);

/* Parses an unsigned number (0x…, 0…, decimal). Returns 0 and *end behind it, or -EINVAL /
 * -ERANGE. */
int parse_uint(const char *s, const char **end, uint64_t *value) MUST_CHECK;
/* Likewise with an optional suffix, k M G T P E: times a power of 1024. */
int parse_size(const char *s, const char **end, uint64_t *value) MUST_CHECK;

#endif
