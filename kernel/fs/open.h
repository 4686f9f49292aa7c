// SPDX-License-Identifier: MIT
// Opening by path, for the system calls and the boot code. ERR_PTR on failure; task context, may
// sleep.
#ifndef KERNEL_FS_OPEN_H
#define KERNEL_FS_OPEN_H

#include "kernel/fs/vfs.h"

struct file *open_user(int dirfd, uint64_t path, unsigned flags, uint32_t mode);
struct file *open_kernel(int dirfd, const char *path, unsigned flags, uint32_t mode);

#endif
