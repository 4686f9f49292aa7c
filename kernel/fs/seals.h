// SPDX-License-Identifier: MIT
// Seals of files in memory (fcntl(2), File Sealing): what a file lets nobody do to it any more. All
// for tmpfs files; others have none.
#ifndef KERNEL_FS_SEALS_H
#define KERNEL_FS_SEALS_H

#include <linux/fcntl.h>

#include "kernel/fs/vfs.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x10
#endif
#define SEALS_WRITE (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)

/* fcntl(2) with F_ADD_SEALS, F_GET_SEALS. May sleep; no mutex held. */
int64_t seals_fcntl(struct file *f, unsigned cmd, uint64_t arg);
/* May the file become `size` long? 0 or -EPERM. Inode mutex held. */
int seals_check_size(const struct inode *i, uint64_t size) MUST_CHECK;
/* Bytes of [pos, pos+n) that may be written, at least 1, or -EPERM. Inode mutex held. */
int64_t seals_check_write(const struct inode *i, uint64_t pos, uint64_t n);
/* For mmap(2): may f be mapped shared, and (*may_write, only ever cleared) have PROT_WRITE later? 0
 * or -EPERM. */
int seals_check_map(const struct file *f, bool write, bool *may_write) MUST_CHECK;

#endif
