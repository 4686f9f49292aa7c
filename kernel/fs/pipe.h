// SPDX-License-Identifier: MIT
#ifndef KERNEL_FS_PIPE_H
#define KERNEL_FS_PIPE_H

#include "kernel/fs/vfs.h"

/* F_SETPIPE_SZ, F_GETPIPE_SZ. Size in bytes, or -EBADF (no pipe), -EINVAL, -EBUSY, -EPERM, -ENOMEM. */
int64_t pipe_fcntl(struct file *f, unsigned cmd, uint64_t arg);

#endif
