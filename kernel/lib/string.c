// SPDX-License-Identifier: MIT
/*
 * C's string functions, byte by byte: the kernel calls them on short strings only. The functions
 * that move memory (memcpy, memmove, memset, memcmp) are the architecture's. Host tests link the
 * host's C library instead of this file.
 *
 * A compiler may recognise a loop as one of these very functions and call it, which would never
 * end. strlen is the one at risk: it is written as a bounded scan, which is not recognised.
 */
#include "kernel/lib/string.h"

size_t strnlen(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n] != '\0')
		n++;
	return n;
}

/* Has w a byte that is 0? */
static inline bool word_has_zero(uint64_t w)
{
	return ((w - 0x0101010101010101) & ~w & 0x8080808080808080) != 0;
}

/* By aligned words, which never lie across the end of a page: what is read behind the string is
 * mapped. */
__attribute__((no_sanitize("address"))) size_t strlen(const char *s)
{
	const char *p = s;

	while ((uintptr_t)p % sizeof(uint64_t) != 0) {
		if (*p == '\0')
			return (size_t)(p - s);
		p++;
	}
	while (!word_has_zero(*(const uint64_t *)p))
		p += sizeof(uint64_t);
	while (*p != '\0')
		p++;
	return (size_t)(p - s);
}

void *memchr(const void *s, int c, size_t n)
{
	uint64_t pattern = (unsigned char)c * 0x0101010101010101;
	const unsigned char *p = s, *end = p + n;

	for (; p < end && (uintptr_t)p % sizeof(uint64_t) != 0; p++)
		if (*p == (unsigned char)c)
			return (void *)p;
	while (end - p >= (ptrdiff_t)sizeof(uint64_t) &&
	       !word_has_zero(*(const uint64_t *)p ^ pattern))
		p += sizeof(uint64_t);
	for (; p < end; p++)
		if (*p == (unsigned char)c)
			return (void *)p;
	return NULL;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n > 0; n--, a++, b++) {
		if (*a != *b)
			return (unsigned char)*a - (unsigned char)*b;
		if (*a == '\0')
			break;
	}
	return 0;
}

int strcmp(const char *a, const char *b)
{
	return strncmp(a, b, SIZE_MAX);
}

char *strchr(const char *s, int c)
{
	for (;; s++) {
		if (*s == (char)c)
			return (char *)s;
		if (*s == '\0')
			return NULL;
	}
}

char *strrchr(const char *s, int c)
{
	const char *found = NULL;

	for (;; s++) {
		if (*s == (char)c)
			found = s;
		if (*s == '\0')
			return (char *)found;
	}
}

char *strstr(const char *haystack, const char *needle)
{
	size_t n = strlen(needle);

	for (;; haystack++) {
		if (strncmp(haystack, needle, n) == 0)
			return (char *)haystack;
		if (*haystack == '\0')
			return NULL;
	}
}
