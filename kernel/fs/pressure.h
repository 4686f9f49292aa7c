// SPDX-License-Identifier: MIT
/*
 * Files of pressure (kernel/psi.h), of /proc/pressure and of groups: reading gives both lines of a
 * resource; writing "some|full THRESHOLD WINDOW" makes the open file a trigger, once (else -EBUSY),
 * which poll tells of with POLLPRI. Whoever opened it without CAP_SYS_RESOURCE has windows of whole
 * 2 s alone.
 */
#ifndef KERNEL_FS_PRESSURE_H
#define KERNEL_FS_PRESSURE_H

#include "kernel/fs/vfs.h"
#include "kernel/psi.h"

/* For file_ops.open; f's inode keeps p. 0 or -ENOMEM. */
int pressure_open(struct file *f, struct psi *p, enum psi_resource r);
/* The rest of its file_ops. */
void pressure_release(struct file *f);
int64_t pressure_read(struct file *f, struct io *io);
int64_t pressure_write(struct file *f, struct io *io);
unsigned pressure_poll(struct file *f, struct poll_table *pt);

#endif
