// SPDX-License-Identifier: MIT
// Changes of names, for the system calls and the initramfs. Walks are after walk_parent(). 0 or
// negative errno; task context, may sleep.
#ifndef KERNEL_FS_NAMES_H
#define KERNEL_FS_NAMES_H

#include "kernel/fs/walk.h"

/* A regular file, directory, device, FIFO or socket; mode is used as it is (umask applied by the
 * caller). */
int name_create(struct walk *w, uint32_t mode, devno_t rdev) MUST_CHECK;
int name_symlink(struct walk *w, const char *target) MUST_CHECK;
/* from_tmpfile: a file without any name left may get one (O_TMPFILE). */
int name_link(struct walk *w, const struct path *from, bool from_tmpfile) MUST_CHECK;
int name_remove(struct walk *w, bool rmdir) MUST_CHECK;
/* rename.c. flags: RENAME_NOREPLACE, RENAME_EXCHANGE. */
int name_rename(struct walk *from, struct walk *to, unsigned flags) MUST_CHECK;

#endif
