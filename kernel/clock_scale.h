// SPDX-License-Identifier: MIT
/*
 * Exact scaling of 64-bit clock values by num/den, without division and without overflow in
 * between.
 *
 * value * num/den = value * whole + floor(value * frac / 2^64), where whole = num / den and frac is
 * the remaining fraction times 2^64, rounded up. When den divides num, frac is 0 and the result
 * exact. Otherwise frac is less than one too large, so the product exceeds the true one by less
 * than value / 2^64; as the true one lies at least 1/den below the next integer, the result is the
 * exact floor for every value below 2^64 / den: centuries for the counters there are.
 */
#ifndef KERNEL_CLOCK_SCALE_H
#define KERNEL_CLOCK_SCALE_H

#include "kernel/lib/types.h"

struct clock_scale {
	uint64_t whole, frac;
};

/* The high half of a 64 x 64 bit product. */
static inline uint64_t mul_high(uint64_t a, uint64_t b)
{
#ifdef __SIZEOF_INT128__
	return (uint64_t)(((unsigned __int128)a * b) >> 64);
#else
	uint64_t al = (uint32_t)a, ah = a >> 32, bl = (uint32_t)b, bh = b >> 32;
	uint64_t mid = ah * bl + ((al * bl) >> 32); /* at most (2^32-1)^2 + 2^32-1: no overflow */
	uint64_t mid2 = al * bh + (uint32_t)mid;

	return ah * bh + (mid >> 32) + (mid2 >> 32);
#endif
}

/* num and den above 0 and below 2^63. By long division, bit by bit: for set-up only. */
static inline struct clock_scale clock_scale_make(uint64_t num, uint64_t den)
{
	struct clock_scale s = { .whole = num / den, .frac = 0 };
	uint64_t rest = num % den;

	if (rest == 0)
		return s;
	for (int bit = 63; bit >= 0; bit--) {
		rest <<= 1;
		if (rest >= den) {
			rest -= den;
			s.frac |= (uint64_t)1 << bit;
		}
	}
	if (rest != 0)
		s.frac++;
	return s;
}

static inline uint64_t clock_scale_apply(struct clock_scale s, uint64_t value)
{
	return value * s.whole + mul_high(value, s.frac);
}

#endif
