// SPDX-License-Identifier: MIT
// What ppoll, pselect6 and epoll_pwait share: times and signal masks given by the user.
#ifndef KERNEL_FS_WAIT_H
#define KERNEL_FS_WAIT_H

#include <linux/time_types.h>

#include "kernel/lib/types.h"

/* A relative struct timespec as a deadline: 0 (do not wait), WAIT_FOREVER (null pointer, or beyond
 * reach), else time_now() based. 0, -EFAULT, -EINVAL. */
int wait_time_get(uint64_t uts, uint64_t *deadline);
/* Installs the mask at umask (0: none) for this call. 0, -EFAULT, -EINVAL. */
int wait_mask_begin(uint64_t umask, uint64_t size);
/* Ends it: `restart` instead of -EINTR, anything else unchanged. */
int64_t wait_mask_end(uint64_t umask, int64_t result, int64_t restart);

#endif
