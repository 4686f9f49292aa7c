// SPDX-License-Identifier: MIT
// Users' times and the kernel's nanoseconds.
#ifndef KERNEL_TIMESPEC_H
#define KERNEL_TIMESPEC_H

#include "kernel/lib/types.h"

/* Nanoseconds of a user's struct timespec; saturates. 0, -EFAULT, -EINVAL (negative, or tv_nsec out of range). */
int timespec_from_user(virt_addr_t src, uint64_t *ns) MUST_CHECK;
int timespec_to_user(virt_addr_t dst, uint64_t ns) MUST_CHECK;
/* start + ns; UINT64_MAX is never. */
static inline uint64_t time_after(uint64_t start, uint64_t ns)
{
	return ns > UINT64_MAX - start ? UINT64_MAX : start + ns;
}
/* The time_now() at which the wall clock will show `wall`, unless it is set meanwhile. */
uint64_t deadline_from_wall(uint64_t wall);

#endif
