// SPDX-License-Identifier: MIT
/*
 * struct object: a page cache. It maps page indices to frames for a file, for shared anonymous
 * memory and for tmpfs. read(2)/write(2) and mmap(2) share it. What is not resident comes from the
 * object's ops (a disk file), from its swap slot (tmpfs, shared anonymous), or is a hole (zeroes).
 *
 * Lock order: aspace mutex -> object mutex -> object lock -> page lock; neither object lock is held
 * together with a table lock. The index tree is under the spin lock alone, so that the page daemon
 * can take pages out (replace by slot or nothing) without the mutex.
 *
 * A page belongs to its object from object_get_page's insertion until truncation, eviction or the
 * object's end: then u.file.object becomes NULL under the page lock. While the page lock is held
 * and u.file.object is not NULL, the object is alive: whoever takes pages out for good needs that
 * lock for each of them before it may free the object. object_pin() turns this into a reference.
 */
#ifndef MM_OBJECT_H
#define MM_OBJECT_H

#include "kernel/lib/list.h"
#include "kernel/lib/radix.h"
#include "mm/page.h"

struct object;

struct object_ops {
	/* Fills page p (index p->u.file.index) from the backing store. May sleep. 0 or -EIO. NULL
	 * op: holes are zero. */
	int (*read_page)(struct object *o, struct page *p);
	/* Begins to read n (1..OBJECT_RUN_MAX) pages of consecutive indices, all PAGE_READING, and
	 * does not wait for contents. Takes over a reference to each, which object_read_ended()
	 * gives back: now or later. May sleep. NULL op: nothing is read ahead. */
	void (*read_pages)(struct object *o, struct page **pages, unsigned n);
	/* Writes n (1..OBJECT_RUN_MAX) pages of consecutive indices back; may sleep. 0 or -errno,
	 * then none counts as written; -EAGAIN: not now, what the file system has in memory must be
	 * flushed first. NULL op: swap is the backing (tmpfs). */
	int (*write_pages)(struct object *o, struct page **pages, unsigned n);
	/* The last reference went: free the container. All pages are gone already. */
	void (*release)(struct object *o);
};

/* What the pages of several objects may come to together, in RAM or in swap: a mount of tmpfs, or
 * without limit. Each is a promise (mm/commit.h) as long as it is there. */
struct object_room {
	uint64_t used;                                     /* pages; atomic */
	uint64_t (*limit)(const struct object_room *room); /* as it is now; any context */
};

struct object {
	struct mutex mutex;   /* one change of size at a time */
	struct spinlock lock; /* pages, nr_pages, nr_swapped; size is changed under both locks and
				 read without */
	struct radix pages;   /* index -> struct page *, or a tagged swap slot */
	uint64_t size;        /* bytes; beyond it a mapping gets SIGBUS */
	uint64_t growing; /* as far as a write under way goes, or less than size; changed as size
			     is */
	uint32_t nr_pages, nr_swapped;
	uint32_t refs;
	int32_t writers; /* shared areas that may write; -1: there must be none any more. Atomic */
	bool keep;       /* pages that are there are not evicted (SHM_LOCK); a single word */
	struct spinlock areas_lock;
	struct list areas;        /* that map it, by object_link; areas_lock (mm/rmap_file.c) */
	struct object_room *room; /* that its pages count in, or NULL; lock */
	uint64_t committed; /* pages promised at once, given back with the object; 0: in a room,
			       each as it comes */
	struct list copies; /* areas that may hold private copies of pages (mm/copies.c); lock */
	const struct object_ops *ops;
};

/*
 * How far contents go: bytes that a write has brought count before the size tells of them. Without
 * o->lock too: who finds that nothing grows any more sees the size that it grew to, as `growing` is
 * looked at first here and given up last there (object_grown).
 */
static inline uint64_t object_reach(const struct object *o)
{
	uint64_t growing = atomic_load_acquire(&o->growing);

	return MAX(READ_ONCE(o->size), growing);
}

/* Nothing grows any more; o->size has been set. o->lock is held. */
static inline void object_grown(struct object *o)
{
	atomic_store_release(&o->growing, (uint64_t)0);
}

/* Sets up o (embedded in an inode, or alone) with refs 1. */
void object_init(struct object *o, const struct object_ops *ops, uint64_t size);

/* An object with write_pages: a file on a disk. It knows how much of it is dirty
 * (mm/object_write.c). */
struct disk_object {
	struct object object; /* first */
	/* dirty_lock in object_write.c: */
	struct list link;              /* on the list of those with dirty pages */
	uint64_t since;                /* when it was put there, or begun to be written last */
	uint32_t nr_dirty, nr_writing; /* pages */
	uint32_t error;                /* of writing: object_error_tell(); atomic */
	uint32_t *all_errors; /* of its file system: errors are noted there too; NULL: there is
				 none */
};
void disk_object_init(struct disk_object *d, const struct object_ops *ops, uint64_t size);
/* o, new and empty, counts in `room` until it leaves that: when no more pages can come to it, and
 * before the room goes. */
void object_enter_room(struct object *o, struct object_room *room);
void object_leave_room(struct object *o);
/* A shared anonymous object of `size` bytes, or NULL. */
struct object *object_create_anon(uint64_t size);
struct object *object_get(struct object *o);
void object_put(struct object *o);
/* A shared area with AREA_MAY_WRITE counts as a writer. get: 0, or -EPERM after a denial, which
 * cannot come while there is a writer; deny: 0, for good, or -EBUSY. Any context. */
int object_writer_get(struct object *o) MUST_CHECK;
void object_writer_put(struct object *o);
int object_deny_writers(struct object *o) MUST_CHECK;

enum object_want {
	OBJECT_READ,  /* holes give NULL with *err 0 (the reader supplies zeroes) */
	OBJECT_WRITE, /* holes and swapped pages become resident; marked dirty */
	OBJECT_MAP,   /* as READ, but a hole becomes a page (for a mapping) */
};
/* The page at index, resident and readable, with a reference for the caller; NULL and *err: 0
 * (hole), -ENOMEM, -EIO, -EINTR, -ENXIO (beyond size), -ENOSPC (its room is full, or no page more
 * may be promised). *major is set when it had to be read. May sleep; no aspace mutex held when the
 * page may have to be read (object_lookup tells). */
struct page *object_get_page(struct object *o, uint32_t index, enum object_want want, int *err,
			     bool *major);
/* A page for the hole at index of an object that is not read, with a reference. NULL: *err, as
 * above, or -EAGAIN: it is none, or beyond the end. May sleep, on memory alone. */
struct page *object_make_page(struct object *o, uint32_t index, int *err);
/* Only what is resident and not being read, with a reference, or NULL. Never sleeps. */
struct page *object_lookup(struct object *o, uint32_t index);
/* object_lookup for `count` indices from `first` on: pages[i] gets a page or NULL. count at most
 * OBJECT_RUN_MAX. Never sleeps. */
#define OBJECT_RUN_MAX 16
void object_lookup_run(struct object *o, uint32_t first, unsigned count, struct page **pages);
/* Counts an entry for each page that is resident at first + i, for the bits i of `mask` (less than
 * OBJECT_RUN_MAX); the entries are the caller's to make, from pages[i]. No pages that are
 * PAGE_AHEAD, so that who comes to one notices; exec: only those that are PAGE_FETCHABLE. Returns
 * the bits of those. The lock of the entries' table held. */
unsigned object_map_run(struct object *o, uint32_t first, unsigned mask, bool exec,
			struct page **pages);
/* Gives frame p (refs 1, contents final) to o at index without copying: the initramfs. 0, -EEXIST
 * (also: it may not be promised), -ENOMEM; on success the cache owns the reference. */
int object_adopt(struct object *o, uint32_t index, struct page *p) MUST_CHECK;
/* Changes the size: pages beyond are unmapped from every area, dropped and their slots freed,
 * private copies of them too; what lies behind the smaller of both ends in its page reads as
 * zeroes. 0, -EFBIG, or why that page could not be had: then nothing has changed. May sleep; takes
 * address spaces' mutexes, unless no area maps it. */
int object_truncate(struct object *o, uint64_t size) MUST_CHECK;
/* Drops whole pages in [first, last] (hole punching). */
void object_punch(struct object *o, uint32_t first, uint32_t last);

/* ---- Writing back. Pages of disk files only; nothing to do where swap is the backing. ---- */

/* p has been written to, or is about to be through an entry. The kernel itself: after the last byte
 * and page_changed(), with a reference. An entry that gets PTE_WRITE, or is copied or moved with
 * it: under its table's lock, when the reverse map knows it. Takes the page lock. */
void page_dirty_slow(struct page *p);
static inline void page_dirty(struct page *p)
{
	if (!page_flag(p, PAGE_DIRTY))
		page_dirty_slow(p);
}
/* p, o's, has left it: nothing of it is counted any more. Takes the page lock. */
void page_forget(struct object *o, struct page *p);
/* Writes p, o's, if it is dirty and nobody else writes it, and the dirty pages right behind it: 0,
 * or why it failed; then all are dirty again. The caller has a reference. May sleep. */
int object_write_page(struct object *o, struct page *p) MUST_CHECK;
/* Writes what is dirty in [first, last] when it comes to it, and waits, also for what others write.
 * 0 or the first error, which has also been noted for object_error_tell() unless it is -EAGAIN. May
 * sleep. */
int object_sync(struct object *o, uint32_t first, uint32_t last) MUST_CHECK;
/* Nothing of o is dirty or being written. Any context without locks of files and pages. */
bool object_is_clean(struct object *o);
/* Errors of writing back are told once to each open file, as fsync(2) has it: *told belongs to the
 * file. What it is at open: an error that nobody has been told of will be. */
#define WRITE_ERROR_TOLD 0x100u
static inline uint32_t write_error_open(const uint32_t *word)
{
	uint32_t now = atomic_load(word);

	return now & WRITE_ERROR_TOLD ? now : 0;
}
/* 0, or the last error since. Any context. */
int write_error_tell(uint32_t *word, uint32_t *told) MUST_CHECK;
/* The same of an object's own. */
uint32_t object_error_open(struct object *o);
int object_error_tell(struct object *o, uint32_t *told) MUST_CHECK;
/* Pages in the caches; of disk files, how many are dirty, or being written. Snapshots. */
struct object_stats {
	uint32_t disk, shmem, dirty, writing;
};
void object_stats(struct object_stats *s);
/* Whoever dirties pages calls it when it holds no lock but its files' and address space's: may
 * sleep while there are too many (mm/writeback.c). */
void object_throttle(void);

/* ---- Reading ahead (mm/readahead.c) ---- */

#define READAHEAD_PAGES  32 /* a window's usual size when it has grown */
#define READAHEAD_AROUND 16 /* aligned, around a fault */
/* which page of a window that a fault begins has PAGE_AHEAD */
#define READAHEAD_MARK 16
/* What an open file remembers. Single words, written by whoever reads: a race costs a wrong
 * guess. */
struct readahead {
	uint32_t max;                /* pages; 0: read at random, nothing ahead */
	uint32_t start, size, ahead; /* the last window */
	uint32_t last;               /* page read last */
};
/* index, of which `asked` pages are wanted, is not there; or is, and had PAGE_AHEAD. May sleep, but
 * not for contents. */
void readahead_miss(struct object *o, struct readahead *ra, uint32_t index, uint32_t asked);
void readahead_hit(struct object *o, struct readahead *ra, uint32_t index);
/* Begins to read what is not there of [first, first + n): madvise, fadvise; a fault, with a mark if
 * there are more than lie around one. */
void object_read_ahead(struct object *o, uint32_t first, uint32_t n);
void readahead_fault(struct object *o, uint32_t first, uint32_t n);
/* p of read_pages() has been read; or could not be (err), and leaves the cache: whoever wants it
 * reads it then. Task context, does not wait. */
void object_read_ended(struct object *o, struct page *p, int err);
/* Drops what is clean and unused of [first, last]. */
void object_drop(struct object *o, uint32_t first, uint32_t last);

/* ---- For the page daemon: spin locks only, except where said. The caller holds a reference to p.
 * ---- */

/* The object of file page p with a reference (object_put it: may sleep), or NULL: p was truncated
 * or its object is going away. */
struct object *object_pin(struct page *p);
/* p (o's page at index; unmapped, clean since its contents went to `slot`) leaves the cache, and
 * the index names the slot instead (slot references + 1). False, nothing changed: somebody uses p
 * (references other than the cache's and the caller's, mappings), or it is dirty or no longer
 * o's. */
bool object_swap_out(struct object *o, uint32_t index, struct page *p, uint32_t slot);
/* As object_swap_out for a page whose contents can be had again (it was read by ops->read_page and
 * is clean, or is a hole never written): the index becomes empty. */
bool object_drop_clean(struct object *o, uint32_t index, struct page *p);

/* Whether the index has nothing there: neither a page nor a slot. */
bool object_is_hole(struct object *o, uint32_t index);
/* The first index in [*index, last] whose page is in swap; false: none. Any context. */
bool object_next_swapped(struct object *o, uint32_t *index, uint32_t last);

/* Copies between the cache and kernel memory or user memory. What is written beyond the end extends
 * the size when it is there; one such write at a time (the inode's mutex). Returns bytes done or
 * negative errno when none. May sleep. */
int64_t object_read(struct object *o, uint64_t pos, void *user_or_kernel, size_t n, bool user);
int64_t object_write(struct object *o, uint64_t pos, const void *user_or_kernel, size_t n,
		     bool user);
/* object_read() that reads ahead by ra where there is a disk. */
int64_t object_read_file(struct object *o, struct readahead *ra, uint64_t pos, void *user_or_kernel,
			 size_t n, bool user);

#endif
