// SPDX-License-Identifier: MIT
// What regular files of every file system share: reads and the frame of writes, all through the
// object.
#ifndef KERNEL_FS_REGULAR_H
#define KERNEL_FS_REGULAR_H

#include "kernel/fs/vfs.h"

int64_t regular_read(struct file *f, struct io *io);
/* Settles where a write goes (O_APPEND) and how much of it fits limits: bytes (io->n is cut), 0, or
 * -EFBIG. Inode mutex held. */
int64_t regular_write_begin(struct file *f, struct io *io, uint64_t max_size);
/* Times and set-id bits after a write. Inode mutex held. */
void regular_written(struct file *f);
/* Makes [from, to) read as zeroes, dropping whole pages. Inode mutex held. */
int regular_punch(struct inode *i, uint64_t from, uint64_t to) MUST_CHECK;
/* Whether files in memory do what this mode of fallocate(2) asks: allocate, or punch a hole. */
bool regular_allocate_known(int mode);
/* lseek(2) by the size of the object or inode; pos_mutex held. */
int64_t regular_seek(struct file *f, int64_t off, int whence);

#endif
