// SPDX-License-Identifier: MIT
// Swap on block devices: which partitions, and the medium that a swap store needs.
#ifndef KERNEL_SWAP_DISK_H
#define KERNEL_SWAP_DISK_H

#include "kernel/block.h"

/* mkswap's header, from byte 1024 of the device; little-endian. */
struct swap_header {
	uint32_t version, last_page, bad_pages;
	uint8_t uuid[16];
	char label[16];
};
#define SWAP_HEADER_AT     1024
#define SWAP_SIGNATURE     "SWAPSPACE2"
#define SWAP_SIGNATURE_LEN 10
#define SWAP_SIGNATURE_AT  (PAGE_SIZE - SWAP_SIGNATURE_LEN)

/* Makes d a swap area: one with mkswap's signature, whatever else is on it, or one that its
 * partition table calls swap and that is blank or was used so before (format: or holds anything).
 * prio as swap_attach(). 0, -EINVAL (neither, bad blocks, or shorter than its signature says),
 * -EBUSY, -EROFS, -ENOMEM, what swap_attach() gives. May sleep. */
int swap_disk_on(struct block_device *d, int prio, bool format) MUST_CHECK;
/* The opposite, as swap_detach(). */
int swap_disk_off(struct block_device *d) MUST_CHECK;
/* At boot: all partitions that are swap by their tables; says in the log what is wrong with one. */
void swap_disks_attach(bool format);

#endif
