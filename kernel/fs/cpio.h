// SPDX-License-Identifier: MIT
/*
 * Reading cpio archives of the "newc" kind (magic 070701 and 070702) from memory: the format of an
 * initramfs. Several archives may follow one another, with zero bytes between. Nothing here
 * allocates or trusts a length.
 */
#ifndef KERNEL_FS_CPIO_H
#define KERNEL_FS_CPIO_H

#include "kernel/lib/types.h"

struct cpio {
	const uint8_t *data;
	size_t size, at;
	unsigned archive; /* which of several, from 0: inode numbers are per archive */
};

struct cpio_entry {
	const char *name; /* terminated, in the archive; may be followed by NULs up to the data's
			     alignment */
	const uint8_t *data;
	size_t size;
	uint32_t ino, mode, uid, gid, nlink, mtime, dev_major, dev_minor, rdev_major, rdev_minor;
};

/* The next entry, trailers skipped: 1 with *e, 0 at the end, -EINVAL when the archive is damaged or
 * cut off at c->at. */
int cpio_next(struct cpio *c, struct cpio_entry *e);

#endif
