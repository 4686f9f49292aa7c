// SPDX-License-Identifier: MIT
/*
 * Numbers from text: the kernel command line and files of /proc. Strict: every digit must fit the
 * base, and a value that does not fit 64 bits is an error rather than a wrong number.
 */
#include "kernel/errno.h"
#include "kernel/lib/string.h"

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 99;
}

/* "0x" counts as a prefix only when a digit follows; else it is the number 0 and an x behind it. */
static unsigned parse_base(const char **s)
{
	if ((*s)[0] != '0')
		return 10;
	if (((*s)[1] == 'x' || (*s)[1] == 'X') && digit_value((*s)[2]) < 16) {
		*s += 2;
		return 16;
	}
	return 8;
}

static unsigned suffix_shift(char c)
{
	static const char units[] = "kmgtpe";
	const char *unit = c ? strchr(units, c | 0x20) : NULL; /* small letters */

	return unit ? 10 * (unsigned)(unit - units + 1) : 0;
}

int parse_uint(const char *s, const char **end, uint64_t *value)
{
	unsigned base = parse_base(&s);
	uint64_t v = 0;

	if (digit_value(*s) >= (int)base)
		return -EINVAL;
	for (; digit_value(*s) < (int)base; s++)
		if (__builtin_mul_overflow(v, (uint64_t)base, &v) ||
		    __builtin_add_overflow(v, (uint64_t)digit_value(*s), &v))
			return -ERANGE;
	*end = s;
	*value = v;
	return 0;
}

int parse_size(const char *s, const char **end, uint64_t *value)
{
	int err = parse_uint(s, end, value);
	unsigned shift = err ? 0 : suffix_shift(**end);

	if (shift != 0) {
		if (*value >> (64 - shift) != 0)
			return -ERANGE;
		*value <<= shift;
		++*end;
	}
	return err;
}
