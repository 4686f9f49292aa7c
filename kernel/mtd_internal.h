// SPDX-License-Identifier: MIT
// What mtd.c (which partitions there are, and whose) and mtd_node.c (their files) share.
#ifndef KERNEL_MTD_INTERNAL_H
#define KERNEL_MTD_INTERNAL_H

#include "kernel/fs/dev.h"
#include "kernel/mtd.h"
#include "mm/reclaim.h"

struct mtd {
	struct medium *medium;
	const void *owner; /* whose it is; NULL: nobody's; atomic */
	struct device_node node;
	char name[16];
};

/* Makes d owner's, if it is nobody's. */
static inline bool mtd_claim(struct mtd *d, const void *owner)
{
	const void *nobody = NULL;

	return atomic_compare_exchange(&d->owner, &nobody, owner);
}

/* Makes it nobody's, if it is owner's. */
static inline void mtd_release(struct mtd *d, const void *owner)
{
	(void)atomic_compare_exchange(&d->owner, &owner, NULL);
}

/* Makes d appear in /dev, for good. May sleep. */
void mtd_node_show(struct mtd *d, unsigned number);

#endif
