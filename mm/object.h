// SPDX-License-Identifier: MIT
/*
 * struct object: a page cache. It maps page indices to frames for a file, for shared anonymous memory and for tmpfs. read(2)/write(2)
 * and mmap(2) share it. What is not resident comes from the object's ops (a disk file), from its swap slot (tmpfs, shared
 * anonymous), or is a hole (zeroes).
 *
 * Lock order: aspace mutex -> object mutex -> table lock -> page lock. The index tree itself is under a spin lock so that the page
 * daemon can take pages out (replace by slot or nothing) without the mutex.
 */
#ifndef MM_OBJECT_H
#define MM_OBJECT_H

#include "kernel/lib/radix.h"
#include "mm/page.h"

struct object;

struct object_ops {
	/* Fills page p (index p->u.file.index) from the backing store. May sleep. 0 or -EIO. NULL op: holes are zero. */
	int (*read_page)(struct object *o, struct page *p);
	/* Writes p back; may sleep. 0 or -errno. NULL op: swap is the backing (tmpfs). */
	int (*write_page)(struct object *o, struct page *p);
	/* The last reference went: free the container. All pages are gone already. */
	void (*release)(struct object *o);
};

struct object {
	struct mutex mutex;	/* size changes, and populating an index */
	struct spinlock lock;	/* pages; nr_pages */
	struct radix pages;	/* index -> struct page *, or a tagged swap slot */
	uint64_t size;		/* bytes; beyond it a mapping gets SIGBUS */
	uint32_t nr_pages, nr_swapped;
	uint32_t refs;
	const struct object_ops *ops;
	struct list areas;	/* areas that map it, for truncation; object mutex */
};

/* Sets up o (embedded in an inode, or alone) with refs 1. */
void object_init(struct object *o, const struct object_ops *ops, uint64_t size);
/* A shared anonymous object of `size` bytes, or NULL. */
struct object *object_create_anon(uint64_t size);
struct object *object_get(struct object *o);
void object_put(struct object *o);

enum object_want {
	OBJECT_READ,	/* holes give NULL with *err 0 (the reader supplies zeroes) */
	OBJECT_WRITE,	/* holes and swapped pages become resident; marked dirty */
	OBJECT_MAP,	/* as READ, but a hole becomes a page (for a mapping) */
};
/* The page at index, resident and readable, with a reference for the caller; NULL and *err: 0 (hole), -ENOMEM, -EIO, -EINTR, -ENXIO (beyond size). *major is
 * set when it had to be read. May sleep; no aspace mutex held when the page may have to be read (object_lookup tells). */
struct page *object_get_page(struct object *o, uint32_t index, enum object_want want, int *err, bool *major);
/* Only what is resident and not being read, with a reference, or NULL. Never sleeps. */
struct page *object_lookup(struct object *o, uint32_t index);
/* Gives frame p (refs 1, contents final) to o at index without copying: the initramfs. 0, -EEXIST, -ENOMEM; on success the cache owns the reference. */
int object_adopt(struct object *o, uint32_t index, struct page *p) MUST_CHECK;
/* Changes the size: pages beyond are unmapped from every area, dropped and their slots freed; the tail of the last page is zeroed. May sleep. */
int object_truncate(struct object *o, uint64_t size) MUST_CHECK;
/* Drops whole pages in [first, last] (hole punching). */
void object_punch(struct object *o, uint32_t first, uint32_t last);

/* Copies between the cache and kernel memory (kva non-NULL) or user memory (uva). Extends size when writing. Returns bytes done or negative errno when none. May sleep. */
int64_t object_read(struct object *o, uint64_t pos, void *user_or_kernel, size_t n, bool user);
int64_t object_write(struct object *o, uint64_t pos, const void *user_or_kernel, size_t n, bool user);

#endif
