// SPDX-License-Identifier: MIT
// Tasks that never take a page fault: real-time ones whose process has locked all its memory,
// present and future.
#ifndef KERNEL_NOFAULT_H
#define KERNEL_NOFAULT_H

#include "kernel/lib/types.h"

/* current(), of that class, took a fault at va that mm has resolved. Counts it, and says so or ends
 * the process, as chosen. Task context, no locks. */
void nofault_broken(virt_addr_t va);

/* What is done about it, for /proc/sys/kernel/nofault_action: the i-th name, NULL: no more; and a
 * choice by name, 0 or -EINVAL. */
const char *nofault_action(unsigned i, bool *in_force);
int nofault_choose(const char *name);

#endif
