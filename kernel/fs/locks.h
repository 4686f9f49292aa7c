// SPDX-License-Identifier: MIT
#ifndef KERNEL_FS_LOCKS_H
#define KERNEL_FS_LOCKS_H

#include "kernel/fs/vfs.h"

/* fcntl's F_GETLK, F_SETLK, F_SETLKW and their F_OFD_ forms on f, found at fd; arg: user's struct
 * flock. */
int64_t locks_fcntl(struct file *f, int fd, unsigned cmd, uint64_t arg);
/* flock(2) with LOCK_SH, LOCK_EX, LOCK_UN, LOCK_NB. */
int64_t locks_flock(struct file *f, unsigned op);

#endif
