// SPDX-License-Identifier: MIT
/*
 * The root file system from the initramfs: cpio archives that the boot loader left in memory.
 *
 * File data that starts on a page boundary is not copied: its whole frames are handed to the file's
 * page cache as they lie; the last, partial one is copied, because the next header follows in the
 * same frame. All other frames are given to the buddy as soon as the parser is past them, so that
 * unpacking needs no second copy of anything.
 *
 * A later archive overlays an earlier one: directories merge, everything else is replaced. Missing
 * parent directories are made.
 */
#include "kernel/fs/initramfs.h"

#include "kernel/fs/cpio.h"
#include "kernel/fs/internal.h"
#include "kernel/fs/names.h"
#include "kernel/log.h"
#include "kernel/time.h"
#include "mm/buddy.h"
#include "mm/memblock.h"
#include "mm/slab.h"

/* A file with several names, until its archive ends. */
struct hard_link {
	struct hard_link *next;
	uint32_t ino, dev_major, dev_minor;
	struct path path;
};

struct unpack {
	struct cpio cpio;
	phys_addr_t start;
	phys_addr_t kept; /* frames below are adopted or released */
	struct hard_link *links;
	unsigned archive, files, adopted;
	char path[PATH_MAX];
};

/* Gives back the frames from the last one kept up to `end`, which the parser needs no more. */
static void release_until(struct unpack *u, phys_addr_t end)
{
	phys_addr_t from = ALIGN_UP(u->kept, PAGE_SIZE);

	end = ALIGN_DOWN(end, PAGE_SIZE);
	if (end > from)
		memblock_release(from, end - from);
	u->kept = MAX(u->kept, end);
}

/* Frames [pa, pa + n pages) become pages 0.. of o. Returns how many did. */
static uint32_t adopt_frames(struct object *o, phys_addr_t pa, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct page *p = memblock_claim(pa + ((phys_addr_t)i << PAGE_SHIFT));

		if (object_adopt(o, i, p)) {
			page_free(p, 0);
			return i;
		}
	}
	return n;
}

/* Fills i: by adopting frames where they lie on page boundaries, else by copying. */
static int fill_object(struct unpack *u, struct inode *i, const struct cpio_entry *e)
{
	phys_addr_t pa = u->start + (phys_addr_t)(e->data - u->cpio.data);
	uint32_t pages = 0;
	int err = object_truncate(i->object, e->size);
	int64_t n;

	if (err)
		return err;
	if (IS_ALIGNED(pa, PAGE_SIZE)) {
		uint32_t whole = (uint32_t)(e->size >> PAGE_SHIFT);

		release_until(u, pa);
		pages = adopt_frames(i->object, pa, whole);
		u->kept = pa + ((phys_addr_t)whole << PAGE_SHIFT);
		u->adopted += pages;
		if (pages < whole)
			return -ENOMEM; /* the frames from here on are lost with the file's rest */
	}
	n = (int64_t)(e->size - ((uint64_t)pages << PAGE_SHIFT));
	if (n == 0)
		return 0;
	if (object_write(i->object, (uint64_t)pages << PAGE_SHIFT,
			 e->data + ((size_t)pages << PAGE_SHIFT), (size_t)n, false) != n)
		return -ENOMEM;
	return 0;
}

static int fill_file(struct unpack *u, struct inode *i, const struct cpio_entry *e)
{
	int err;

	if (e->size == 0)
		return 0;
	mutex_lock(&i->mutex);
	err = fill_object(u, i, e);
	mutex_unlock(&i->mutex);
	return err;
}

/* Makes the directories above the last name of u->path. */
static int make_parents(struct unpack *u)
{
	for (char *p = strchr(u->path + 1, '/'); p; p = strchr(p + 1, '/')) {
		struct walk w;
		int err;

		*p = '\0';
		err = walk_start(&w, AT_FDCWD, u->path);
		if (!err) {
			err = walk_parent(&w);
			if (!err)
				err = name_create(&w, S_IFDIR | 0755, 0);
			walk_end(&w);
		}
		*p = '/';
		if (err && err != -EEXIST)
			return err;
	}
	return 0;
}

static int make_link(struct unpack *u, struct walk *w, const struct cpio_entry *e, bool *linked)
{
	struct hard_link *l;

	*linked = false;
	if (!S_ISREG(e->mode) || e->nlink < 2)
		return 0;
	for (l = u->links; l; l = l->next)
		if (l->ino == e->ino && l->dev_major == e->dev_major &&
		    l->dev_minor == e->dev_minor) {
			*linked = true;
			return name_link(w, &l->path, false);
		}
	return 0;
}

static void remember_link(struct unpack *u, const struct cpio_entry *e, const struct path *p)
{
	struct hard_link *l;

	if (!S_ISREG(e->mode) || e->nlink < 2)
		return;
	l = kmalloc(sizeof(*l), 0);
	if (!l)
		return; /* further names become files of their own */
	*l = (struct hard_link){ u->links, e->ino, e->dev_major, e->dev_minor, path_get(*p) };
	u->links = l;
}

static void forget_links(struct unpack *u)
{
	struct hard_link *l;

	while ((l = u->links) != NULL) {
		u->links = l->next;
		path_put(l->path);
		kfree(l);
	}
}

static int make_symlink(struct walk *w, const struct cpio_entry *e)
{
	char *target;
	int err;

	if (e->size == 0 || e->size >= PATH_MAX)
		return -EINVAL;
	target = kmalloc(e->size + 1, 0);
	if (!target)
		return -ENOMEM;
	memcpy(target, e->data, e->size);
	target[e->size] = '\0';
	err = name_symlink(w, target);
	kfree(target);
	return err;
}

/* The name itself, replacing what an earlier archive had there. */
static int make_name(struct unpack *u, struct walk *w, const struct cpio_entry *e, bool *linked)
{
	int err = walk_parent(w);

	if (err)
		return err;
	if (!S_ISDIR(e->mode)) {
		err = make_link(u, w, e, linked);
		if (*linked && err != -EEXIST)
			return err;
		err = name_remove(w, false);
		if (err && err != -ENOENT)
			return err;
		if (*linked)
			return make_link(u, w, e, linked);
	}
	switch (e->mode & S_IFMT) {
	case S_IFLNK: return make_symlink(w, e);
	case S_IFDIR:
		if (w->type != LAST_NAME)
			return 0;
		err = name_create(w, e->mode & (S_IFMT | 07777), 0);
		return err == -EEXIST ? 0 : err;
	case S_IFREG:
	case S_IFIFO:
	case S_IFCHR:
	case S_IFBLK:
		return name_create(w, e->mode & (S_IFMT | 07777),
				   DEVNO(e->rdev_major, e->rdev_minor));
	default: return -EINVAL;
	}
}

static int set_attributes(struct unpack *u, const struct cpio_entry *e)
{
	struct path p;
	struct inode *i;
	int err = path_lookup(AT_FDCWD, u->path, AT_SYMLINK_NOFOLLOW, &p);

	if (err)
		return err;
	i = p.dentry->inode;
	/* A directory that an earlier archive made may turn up as something else only by damage. */
	if ((i->mode & S_IFMT) != (e->mode & S_IFMT)) {
		err = -EEXIST;
		goto out;
	}
	if (S_ISREG(e->mode)) {
		err = fill_file(u, i, e);
		remember_link(u, e, &p);
	}
	mutex_lock(&i->mutex);
	i->mode = (i->mode & S_IFMT) | (e->mode & 07777);
	i->uid = e->uid;
	i->gid = e->gid;
	i->atime = i->mtime = (int64_t)e->mtime * (int64_t)NSEC_PER_SEC;
	mutex_unlock(&i->mutex);
out:
	path_put(p);
	return err;
}

static int unpack_entry(struct unpack *u, const struct cpio_entry *e)
{
	bool linked = false;
	struct walk w;
	int err;

	/* "./a", "/a" and "a" all mean the same place. */
	u->path[0] = '/';
	if (string_copy(u->path + 1, e->name, sizeof(u->path) - 1) >= sizeof(u->path) - 1)
		return -ENAMETOOLONG;
	for (int again = 0;; again++) {
		err = walk_start(&w, AT_FDCWD, u->path);
		if (err)
			return err;
		err = make_name(u, &w, e, &linked);
		walk_end(&w);
		if (err != -ENOENT || again)
			break;
		err = make_parents(u);
		if (err)
			return err;
	}
	if (err)
		return err;
	u->files++;
	/* The data of a file with several names comes with one of them. */
	return linked && e->size == 0 ? 0 : set_attributes(u, e);
}

int initramfs_unpack(phys_addr_t start, uint64_t size)
{
	struct unpack *u = kmalloc(sizeof(*u), ALLOC_ZERO);
	struct cpio_entry e;
	int err = 0, got = 0;

	if (!u)
		return -ENOMEM;
	u->cpio = (struct cpio){ .data = phys_to_virt(start), .size = size };
	u->start = u->kept = start;
	while (!err && (got = cpio_next(&u->cpio, &e)) > 0) {
		if (u->cpio.archive != u->archive)
			forget_links(u);
		u->archive = u->cpio.archive;
		err = unpack_entry(u, &e);
		if (err)
			log_error("initramfs: %s: error %d", e.name, err);
	}
	if (!err && got < 0) {
		err = got;
		log_error("initramfs: damaged at byte %zu of %ju; %u files were read before it",
			  u->cpio.at, size, u->files);
	}
	forget_links(u);
	release_until(u, start + size);
	log_info("initramfs: %u files, %u frames adopted", u->files, u->adopted);
	kfree(u);
	return err;
}
