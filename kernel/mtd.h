// SPDX-License-Identifier: MIT
/*
 * The partitions of flash that drivers found, by name. They are added while devices are probed,
 * before the first user task, and stay: so the table needs no lock.
 */
#ifndef KERNEL_MTD_H
#define KERNEL_MTD_H

#include "kernel/lib/types.h"

struct medium;

/* of /dev/mtdblock0..., as in Linux; the partition's number is the minor */
#define MTD_BLOCK_MAJOR 31u

/* m, under m->name, lives for ever from now on, and has a node in /dev. 0; -EEXIST: the name is
 * taken; -ENOSPC: the table is full (both logged); -ENOMEM. Task context, during boot. */
int mtd_add(struct medium *m) MUST_CHECK;
/* The i-th partition, NULL past the last. */
struct medium *mtd_get(unsigned i);
/* The partition named "swap": what the others hold is not the kernel's to judge. NULL: there is
 * none. */
struct medium *mtd_swap(void);
/* The name in /dev of the partition that is named so; NULL: there is no such. */
const char *mtd_node_name(const char *name);
/* swapon and swapoff: as swap_attach() and swap_detach(), of the partition for swap; -EINVAL:
 * another one; -EBUSY: somebody has it (open with O_EXCL, or swap already). May sleep. */
int mtd_swap_on(struct medium *m, int prio, bool format);
int mtd_swap_off(struct medium *m) MUST_CHECK;
/* Makes the partition named "swap" the swap area; says in the log why there is none. format:
 * overwrites what it holds. Task context, after reclaim_init() and the probing of devices. */
void mtd_attach_swap(bool format);

#endif
