// SPDX-License-Identifier: MIT
// Waiting for locks, by place: /proc/lock_stat. The theory is in kernel/lock_stat.c.
#ifndef KERNEL_LOCK_STAT_H
#define KERNEL_LOCK_STAT_H

#include "kernel/lib/types.h"

enum lock_kind { LOCK_SPIN, LOCK_MUTEX, LOCK_KINDS };

/* Waits for locks of one kind that were taken at one place. */
struct lock_waits {
	enum lock_kind kind;
	virt_addr_t site, caller; /* of the kernel; caller 0: not known; both 0: of places that
				     found no room */
	uint64_t waits, ns, longest;
};

/* current(), or an interrupt, has waited for ns. Any context. */
void lock_waited(enum lock_kind kind, virt_addr_t site, virt_addr_t caller, uint64_t ns);
/* The i-th place, in no order; false: no more. */
bool lock_waits(unsigned i, struct lock_waits *w);
/* Forgets everything. What is noted meanwhile may be lost. */
void lock_waits_reset(void);

#endif
