// SPDX-License-Identifier: MIT
// Descriptors that stand for processes (kernel/fs/pidfd.c), as the rest of the kernel sees them.
#ifndef KERNEL_FS_PIDFD_H
#define KERNEL_FS_PIDFD_H

#include "kernel/lib/types.h"

struct file;
struct process;

/* The process behind descriptor fd of the running task, with a reference, or ERR_PTR(-EBADF): not
 * open, or something else. It may have been reaped by now: then it has no leader. nonblock, when
 * not NULL, tells of PIDFD_NONBLOCK. */
struct process *pidfd_process(int fd, bool *nonblock);
/* Likewise; a descriptor of the directory /proc/PID will do too. */
struct process *pidfd_process_or_dir(int fd);

/* For clone(2): a descriptor for p, whose number is stored at user. The file, with a reference, and
 * *fd; or ERR_PTR: -EMFILE, -ENOMEM, -EFAULT. May sleep. */
struct file *pidfd_offer(struct process *p, virt_addr_t user, int *fd);
/* Ends it: p has become a process (keep), or never will, and the descriptor goes. Consumes f. */
void pidfd_settle(struct file *f, int fd, bool keep);

#endif
