// SPDX-License-Identifier: MIT
// Tables of descriptors from inside this room: their layout, for the one look-up that every read
// and write begins with.
#ifndef KERNEL_FS_FILES_H
#define KERNEL_FS_FILES_H

#include "kernel/fs/internal.h"

#define FILES_INLINE 64

struct files {
	struct spinlock lock;
	uint32_t refs; /* atomic: tasks, and transient readers in /proc */
	uint32_t size; /* descriptors the arrays hold: a multiple of 64 */
	uint32_t hint; /* no descriptor below is free */
	struct file **file;
	uint64_t *used, *cloexec; /* bit per descriptor */
	struct file *first_file[FILES_INLINE];
	uint64_t first_used, first_cloexec;
	struct mutex grow_mutex; /* one growth at a time */
	struct file_arrays
		*growing; /* half filled; who changes a slot changes it there too. lock */
};

/*
 * The file behind a descriptor, for the length of a call: pair with fd_return. It is counted only
 * when others use the table too: a table with one user can only be changed by that user.
 */
struct fdref {
	struct file *file;
	bool counted;
};

/* Inline for speed; what is compiled for size calls the copy in files.c. */
#if defined(__OPTIMIZE_SIZE__) && !defined(FD_INLINE)
struct fdref fd_borrow(int fd);
#else
#ifndef FD_INLINE
#define FD_INLINE static inline
#endif
FD_INLINE struct fdref fd_borrow(int fd)
{
	struct files *fs = current()->files;
	struct file *f;

	/* Acquire: what the user before the last one did to the table. */
	if (likely(atomic_load_acquire(&fs->refs) == 1)) {
		/* Unsigned: negative descriptors are beyond any size. */
		f = (unsigned)fd < fs->size ? fs->file[fd] : NULL;
		return (struct fdref){ f, false };
	}
	f = files_lookup(fs, (unsigned)fd);
	return (struct fdref){ f, f != NULL };
}
#endif

static inline void fd_return(struct fdref r)
{
	if (unlikely(r.counted))
		file_put(r.file);
}

#endif
