// SPDX-License-Identifier: MIT
/*
 * The partitions of flash that drivers found, by name. They are added while devices are probed, before the first user task, and stay: so the
 * table needs no lock.
 */
#ifndef KERNEL_MTD_H
#define KERNEL_MTD_H

#include "kernel/lib/types.h"

struct medium;

/* m, under m->name, lives for ever from now on. 0; -EEXIST: the name is taken; -ENOSPC: the table is full (both logged). Task context, during boot. */
int mtd_add(struct medium *m) MUST_CHECK;
/* The i-th partition, NULL past the last. */
struct medium *mtd_get(unsigned i);
/* The partition named "swap": what the others hold is not the kernel's to judge. NULL: there is none. */
struct medium *mtd_swap(void);
/* Makes the partition named "swap" the swap area; says in the log why there is none. format: overwrites what it
 * holds. Task context, after reclaim_init() and the probing of devices. */
void mtd_attach_swap(bool format);

#endif
