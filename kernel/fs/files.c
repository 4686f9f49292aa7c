// SPDX-License-Identifier: MIT
/*
 * Descriptor tables: an array of files with two bit maps (used, close-on-exec).
 *
 * Whoever changes a table holds its lock. A task whose table nobody shares (refs 1) reads it
 * without: only it could change it, and a second user can only come from its own clone(2). That is
 * the fast path of every read and write: no lock, no count. Tables grow by doubling, in steps under
 * the lock.
 */
#include <linux/resource.h>

#define FD_INLINE /* here is the copy for those that are compiled for size */
#include "kernel/fs/files.h"
#include "kernel/fs/internal.h"
#include "kernel/process.h"
#include "mm/slab.h"

#define FILES_MAX 65536

struct files *files_create(void)
{
	struct files *fs = kmalloc(sizeof(*fs), ALLOC_ZERO);

	if (!fs)
		return NULL;
	fs->refs = 1;
	fs->size = FILES_INLINE;
	fs->file = fs->first_file;
	fs->used = &fs->first_used;
	fs->cloexec = &fs->first_cloexec;
	mutex_init(&fs->grow_mutex);
	return fs;
}

static void arrays_free(struct files *fs, struct file **file)
{
	if (file != fs->first_file)
		kfree(file); /* one allocation holds all three arrays */
}

/* Larger arrays on their way in: one allocation. */
struct file_arrays {
	struct file **file;
	uint64_t *used, *cloexec;
	uint32_t size, copied;
};

static void copy_slot(struct files *fs, unsigned fd)
{
	struct file_arrays *a = fs->growing;

	if (!a || fd >= a->copied)
		return;
	a->file[fd] = fs->file[fd];
	a->used[fd / 64] = fs->used[fd / 64];
	a->cloexec[fd / 64] = fs->cloexec[fd / 64];
}

/* Copies 64 descriptors at a time, so that the lock is held for a short while only; then the new
 * arrays take over. */
static struct file **copy_arrays(struct files *fs, struct file_arrays *a)
{
	struct file **old = fs->file;

	spin_lock(&fs->lock);
	fs->growing = a;
	while (a->copied < fs->size) {
		unsigned word = a->copied / 64;

		memcpy(a->file + a->copied, fs->file + a->copied, 64 * sizeof(*a->file));
		a->used[word] = fs->used[word];
		a->cloexec[word] = fs->cloexec[word];
		a->copied += 64;
		spin_unlock(&fs->lock);
		spin_lock(&fs->lock);
	}
	fs->growing = NULL;
	fs->file = a->file;
	fs->used = a->used;
	fs->cloexec = a->cloexec;
	fs->size = a->size;
	spin_unlock(&fs->lock);
	return old;
}

/* Makes room for descriptor fd. 0, -EMFILE or -ENOMEM. */
static int files_grow(struct files *fs, unsigned fd)
{
	struct file_arrays a = { .size = FILES_INLINE };
	int err = 0;

	if (fd >= FILES_MAX)
		return -EMFILE;
	while (a.size <= fd)
		a.size *= 2;
	mutex_lock(&fs->grow_mutex);
	if (fs->size < a.size) { /* nobody was faster */
		a.file = kmalloc(a.size * sizeof(*a.file) + 2 * a.size / 8, ALLOC_ZERO);
		if (a.file) {
			a.used = (uint64_t *)(a.file + a.size);
			a.cloexec = a.used + a.size / 64;
			arrays_free(fs, copy_arrays(fs, &a));
		} else {
			err = -ENOMEM;
		}
	}
	mutex_unlock(&fs->grow_mutex);
	return err;
}

/* The lowest free descriptor >= min, perhaps behind the arrays' end. Lock held. */
static unsigned find_free(struct files *fs, unsigned min)
{
	unsigned fd = MAX(min, fs->hint), word;

	if (fd >= fs->size)
		return fd;
	word = fd / 64;
	for (uint64_t mask = ~0ull << fd % 64; word < fs->size / 64; word++, mask = ~0ull) {
		uint64_t open = ~fs->used[word] & mask;

		if (open)
			return word * 64 + (unsigned)__builtin_ctzll(open);
	}
	return fs->size;
}

static void slot_set(struct files *fs, unsigned fd, struct file *f, bool cloexec)
{
	uint64_t bit = 1ull << fd % 64;

	fs->used[fd / 64] |= bit;
	if (cloexec)
		fs->cloexec[fd / 64] |= bit;
	else
		fs->cloexec[fd / 64] &= ~bit;
	/* Release: a reader without lock that sees the pointer sees the file. */
	atomic_store_release(&fs->file[fd], f);
	copy_slot(fs, fd);
}

static struct file *slot_clear(struct files *fs, unsigned fd)
{
	struct file *f = fs->file[fd];

	fs->file[fd] = NULL;
	fs->used[fd / 64] &= ~(1ull << fd % 64);
	fs->cloexec[fd / 64] &= ~(1ull << fd % 64);
	if (fd < fs->hint)
		fs->hint = fd;
	copy_slot(fs, fd);
	return f;
}

int file_install(struct file *f, int min, bool cloexec)
{
	struct files *fs = current()->files;
	uint64_t limit = MIN(process_limit(RLIMIT_NOFILE), (uint64_t)FILES_MAX);
	unsigned fd;
	int err;

	if (min < 0)
		return -EINVAL;
	for (;;) {
		spin_lock(&fs->lock);
		fd = find_free(fs, (unsigned)min);
		if (fd >= limit) {
			spin_unlock(&fs->lock);
			return -EMFILE;
		}
		if (fd < fs->size) {
			slot_set(fs, fd, f, cloexec);
			if ((unsigned)min <= fs->hint)
				fs->hint = fd + 1;
			spin_unlock(&fs->lock);
			return (int)fd;
		}
		spin_unlock(&fs->lock);
		err = files_grow(fs, fd);
		if (err)
			return err;
	}
}

/* Installs f at fd exactly (consumes the reference on success), closing what was there. fd or
 * -EBADF, -ENOMEM. */
int file_install_at(struct file *f, unsigned fd, bool cloexec)
{
	struct files *fs = current()->files;
	struct file *old;
	int err;

	if (fd >= process_limit(RLIMIT_NOFILE) || fd >= FILES_MAX)
		return -EBADF;
	if (fd >= READ_ONCE(fs->size)) {
		err = files_grow(fs, fd);
		if (err)
			return err;
	}
	spin_lock(&fs->lock);
	old = fs->file[fd];
	slot_set(fs, fd, f, cloexec);
	spin_unlock(&fs->lock);
	if (old) {
		file_locks_close(old, fs);
		file_put(old);
	}
	return (int)fd;
}

int file_close_fd_if(unsigned fd, const struct file *only)
{
	struct files *fs = current()->files;
	struct file *f = NULL;

	spin_lock(&fs->lock);
	if (fd < fs->size && fs->file[fd] && (!only || fs->file[fd] == only))
		f = slot_clear(fs, fd);
	spin_unlock(&fs->lock);
	if (!f)
		return -EBADF;
	file_locks_close(f, fs);
	file_put(f);
	return 0;
}

struct file *files_lookup(struct files *fs, unsigned fd)
{
	struct file *f = NULL;

	spin_lock(&fs->lock);
	if (fd < fs->size && fs->file[fd])
		f = file_get(fs->file[fd]);
	spin_unlock(&fs->lock);
	return f;
}

bool files_hold(struct files *fs, unsigned fd, const struct file *f)
{
	bool holds;

	spin_lock(&fs->lock);
	holds = fd < fs->size && fs->file[fd] == f;
	spin_unlock(&fs->lock);
	return holds;
}

struct file *file_get_fd(int fd)
{
	struct fdref r = fd_borrow(fd);

	if (r.file && !r.counted)
		file_get(r.file);
	return r.file;
}

int files_next(struct files *fs, unsigned fd)
{
	int found = -1;

	spin_lock(&fs->lock);
	for (unsigned word = fd / 64; found < 0 && word < fs->size / 64; word++) {
		uint64_t used = fs->used[word];

		if (word == fd / 64)
			used &= ~0ull << fd % 64;
		if (used)
			found = (int)(word * 64) + __builtin_ctzll(used);
	}
	spin_unlock(&fs->lock);
	return found;
}

bool files_get_cloexec(struct files *fs, unsigned fd)
{
	bool on;

	spin_lock(&fs->lock);
	on = fd < fs->size && fs->cloexec[fd / 64] >> fd % 64 & 1;
	spin_unlock(&fs->lock);
	return on;
}

int files_set_cloexec(struct files *fs, unsigned fd, bool on)
{
	int err = -EBADF;

	spin_lock(&fs->lock);
	if (fd < fs->size && fs->file[fd]) {
		slot_set(fs, fd, fs->file[fd], on);
		err = 0;
	}
	spin_unlock(&fs->lock);
	return err;
}

unsigned files_table_size(struct files *fs)
{
	return READ_ONCE(fs->size);
}

struct files *files_copy(struct files *from)
{
	struct files *fs = files_create();
	uint32_t size = READ_ONCE(from->size);

	if (!fs)
		return NULL;
	if (size > FILES_INLINE && files_grow(fs, size - 1)) {
		files_put(fs);
		return NULL;
	}
	/* A word of descriptors at a time: bounded work under the lock. */
	for (unsigned word = 0; word < size / 64; word++) {
		uint64_t used;

		spin_lock(&from->lock);
		used = fs->used[word] = from->used[word];
		fs->cloexec[word] = from->cloexec[word];
		for (; used; used &= used - 1) {
			unsigned fd = word * 64 + (unsigned)__builtin_ctzll(used);

			fs->file[fd] = file_get(from->file[fd]);
		}
		spin_unlock(&from->lock);
	}
	return fs;
}

struct files *files_get(struct files *fs)
{
	atomic_inc(&fs->refs);
	return fs;
}

static void files_close_matching(struct files *fs, bool cloexec_only)
{
	for (unsigned word = 0; word < fs->size / 64; word++) {
		uint64_t bits = cloexec_only ? fs->cloexec[word] : fs->used[word];

		for (; bits; bits &= bits - 1) {
			unsigned fd = word * 64 + (unsigned)__builtin_ctzll(bits);
			struct file *f;

			spin_lock(&fs->lock);
			f = slot_clear(fs, fd);
			spin_unlock(&fs->lock);
			if (f) {
				file_locks_close(f, fs);
				file_put(f);
			}
		}
	}
}

void files_put(struct files *fs)
{
	if (atomic_dec(&fs->refs) != 0)
		return;
	files_close_matching(fs, false);
	arrays_free(fs, fs->file);
	kfree(fs);
}

void files_close_on_exec(struct files *fs)
{
	files_close_matching(fs, true);
}
