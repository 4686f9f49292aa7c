// SPDX-License-Identifier: MIT
#ifndef KERNEL_FS_INITRAMFS_H
#define KERNEL_FS_INITRAMFS_H

#include "kernel/lib/types.h"

/* Unpacks the archives at [start, start+size) into the running task's root; their frames become
 * file pages or free memory. 0, or the first error: a damaged archive (-EINVAL), no memory; what
 * was unpacked until then stays. Task context, once. */
int initramfs_unpack(phys_addr_t start, uint64_t size);

#endif
