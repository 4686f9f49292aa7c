// SPDX-License-Identifier: MIT
// Partition tables: MBR with extended partitions, GPT.
#ifndef KERNEL_PARTITION_H
#define KERNEL_PARTITION_H

#include "kernel/block.h"

struct partition {
	unsigned number; /* as in its device's name, from 1 */
	uint64_t start, sectors;
	char uuid[UUID_TEXT]; /* as Linux's PARTUUID= has it */
	bool swap;            /* its type says so, and the table is not wrong */
};

/* Reads d's table: how many partitions (0: there is no table), in the order of their numbers; those
 * with numbers above max are left out. Only whole blocks inside the device count. Of a table with
 * partitions that lie over each other, or with a chain in a circle, none is `swap`. -EIO and what
 * block_read() gives; -ENOMEM. What is wrong with a table is in the log. May sleep. */
int partitions_read(struct block_device *d, struct partition *parts, unsigned max) MUST_CHECK;

#endif
