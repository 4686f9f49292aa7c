// SPDX-License-Identifier: MIT
// Users' times and the kernel's nanoseconds.
#ifndef KERNEL_TIMESPEC_H
#define KERNEL_TIMESPEC_H

#include "kernel/time.h"

/* Nanoseconds of a user's struct timespec; at most TIME_WALL - 1. 0, -EFAULT, -EINVAL (negative, or
 * tv_nsec out of range). */
int timespec_from_user(virt_addr_t src, uint64_t *ns) MUST_CHECK;
int timespec_to_user(virt_addr_t dst, uint64_t ns) MUST_CHECK;
/* start + ns; below TIME_WALL, or UINT64_MAX, which is never. */
static inline uint64_t time_after(uint64_t start, uint64_t ns)
{
	uint64_t end;

	return __builtin_add_overflow(start, ns, &end) || end >= TIME_WALL ? UINT64_MAX : end;
}

#endif
