// SPDX-License-Identifier: MIT
// Spin locks by class: how often taken, waited for, how long held. For /proc/lock_stat of kernels
// with LOCK_HOLDS; the theory is in kernel/lock_hold.c.
#ifndef KERNEL_LOCK_HOLD_H
#define KERNEL_LOCK_HOLD_H

#include "kernel/lib/types.h"

struct lock_times {
	uint64_t count, sum;
	uint64_t least, most; /* least: plus 1 while it is counted, 0: none yet */
};

struct lock_class {
	const char *name; /* NULL: none */
	struct lock_times waits, holds;
};

/* This CPU has taken the spin lock, for which it began to try at `began` (hw_counter()) and maybe
 * had to wait. Preemption or interrupts off. */
void lock_taken(const void *lock, const char *name, bool contended, uint64_t began);
/* It is about to let go of it. */
void lock_dropped(const void *lock);

/* The i-th class, in no order, in ns; false: no more. */
bool lock_class_get(unsigned i, struct lock_class *c);
/* Forgets all but names. What is noted meanwhile may be lost. */
void lock_classes_reset(void);

#endif
