// SPDX-License-Identifier: MIT
// Error numbers come from the Linux UAPI headers of the cross toolchain: they are the system call
// ABI.
#ifndef KERNEL_ERRNO_H
#define KERNEL_ERRNO_H

#include <asm/errno.h>

#define ERRNO_MAX 4095
/* Pointers that carry a negative errno. */
#define ERR_PTR(e) ((void *)(intptr_t)(e))
#define PTR_ERR(p) ((int)(intptr_t)(p))
#define IS_ERR(p)  ((uintptr_t)(p) >= (uintptr_t)-ERRNO_MAX)

#endif
