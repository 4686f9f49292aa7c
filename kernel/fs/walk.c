// SPDX-License-Identifier: MIT
/*
 * Path walks: from text to a place in the tree, one component at a time, without recursion. The
 * text lies in a buffer of the walk's own; a symbolic link's target is put in front of what remains
 * there, so that a chain of links needs no stack.
 *
 * Each step takes a reference to the next dentry before it drops the one it leaves; the hash
 * look-up is the only lock taken while names are cached. At most 40 links are followed (as Linux:
 * ELOOP), a text longer than PATH_MAX with a link's target in it is ENAMETOOLONG.
 */
#include "kernel/fs/walk.h"

#include "kernel/fs/files.h"
#include "kernel/fs/internal.h"
#include "mm/slab.h"
#include "mm/usercopy.h"

#define LINKS_MAX 40

void walk_end(struct walk *w)
{
	path_put(w->at);
	path_put(w->root);
	kfree(w->buffer);
}

/* The directory behind a descriptor. */
static int dirfd_path(int dirfd, struct path *out)
{
	struct fdref r;
	int err = 0;

	if (dirfd == AT_FDCWD) {
		*out = fs_cwd();
		return 0;
	}
	r = fd_borrow(dirfd);
	if (!r.file)
		return -EBADF;
	if (!S_ISDIR(r.file->inode->mode))
		err = -ENOTDIR;
	else
		*out = path_get(r.file->path);
	fd_return(r);
	return err;
}

static int walk_place(struct walk *w, int dirfd)
{
	int err = 0;

	w->root = fs_root();
	w->rest = w->buffer;
	w->links = 0;
	if (w->buffer[0] == '\0')
		err = -ENOENT;
	else if (w->buffer[0] == '/')
		w->at = path_get(w->root);
	else
		err = dirfd_path(dirfd, &w->at);
	if (err) {
		path_put(w->root);
		kfree(w->buffer);
	}
	return err;
}

int walk_start_user(struct walk *w, int dirfd, uint64_t path)
{
	int64_t n;

	w->buffer = kmalloc(PATH_MAX, 0);
	if (!w->buffer)
		return -ENOMEM;
	n = copy_string_from_user(w->buffer, (virt_addr_t)path, PATH_MAX);
	if (n < 0) {
		kfree(w->buffer);
		return (int)n;
	}
	return walk_place(w, dirfd);
}

int walk_start(struct walk *w, int dirfd, const char *path)
{
	w->buffer = kmalloc(PATH_MAX, 0);
	if (!w->buffer)
		return -ENOMEM;
	if (string_copy(w->buffer, path, PATH_MAX) >= PATH_MAX) {
		kfree(w->buffer);
		return -ENAMETOOLONG;
	}
	return walk_place(w, dirfd);
}

static void walk_set(struct walk *w, struct path p)
{
	path_put(w->at);
	w->at = p;
}

/* One up: never above the task's root; from the root of a mount to the directory it is mounted
 * in. */
static void walk_up(struct walk *w)
{
	struct dentry *up;

	do {
		if (w->at.dentry == w->root.dentry && w->at.mount == w->root.mount)
			return;
		if (w->at.dentry != w->at.mount->root) {
			spin_lock(&dentry_lock);
			up = dentry_get(w->at.dentry->parent);
			spin_unlock(&dentry_lock);
			dentry_put(w->at.dentry);
			w->at.dentry = up;
			mount_cross(&w->at);
			return;
		}
	} while (mount_climb(&w->at));
}

/* The entry of name in the directory reached, mounts crossed. */
static int walk_find(struct walk *w, const struct name *name, struct path *out)
{
	struct dentry *dir = w->at.dentry, *d;
	int err;

	if (!S_ISDIR(dir->inode->mode))
		return -ENOTDIR;
	if (name->len > NAME_MAX)
		return -ENAMETOOLONG;
	err = inode_permission(dir->inode, MAY_EXEC);
	if (err)
		return err;
	d = dentry_find(dir, name);
	if (!d) {
		if (!dir->inode->ops->lookup)
			return -ENOENT;
		mutex_lock(&dir->inode->mutex);
		d = dentry_lookup_locked(dir, name);
		mutex_unlock(&dir->inode->mutex);
		if (IS_ERR(d))
			return PTR_ERR(d);
	}
	mount_get(w->at.mount);
	*out = (struct path){ w->at.mount, d };
	mount_cross(out);
	return 0;
}

/* Puts a link's target in front of the rest and goes to where it starts. */
static int walk_expand(struct walk *w, struct inode *link)
{
	size_t rest = strlen(w->rest) + 1;
	char *tail = w->buffer + PATH_MAX - rest;
	int n;

	memmove(tail, w->rest, rest);
	n = link->ops->readlink ? link->ops->readlink(link, w->buffer, (size_t)(tail - w->buffer))
				: -EINVAL;
	if (n < 0)
		return n;
	if (n == 0)
		return -ENOENT;
	memmove(w->buffer + n, tail, rest);
	w->rest = w->buffer;
	if (w->buffer[0] == '/')
		walk_set(w, path_get(w->root));
	return 0;
}

/* Consumes link's references. */
static int walk_link(struct walk *w, struct path link)
{
	struct inode *i = link.dentry->inode;
	int err;

	if (++w->links > LINKS_MAX) {
		err = -ELOOP;
	} else if (i->ops->follow) {
		struct path to;

		err = i->ops->follow(i, &to);
		if (!err)
			walk_set(w, to);
	} else {
		err = walk_expand(w, i);
	}
	path_put(link);
	return err;
}

/* Cuts the next component off the rest. False at the end of the text. */
static bool walk_next(struct walk *w)
{
	char *p = w->rest, *start;

	while (*p == '/')
		p++;
	start = p;
	while (*p && *p != '/')
		p++;
	w->rest = p;
	w->last.text = start;
	w->last.len = (uint32_t)(p - start);
	if (p == start)
		w->type = LAST_NOTHING;
	else if (start[0] == '.' && p - start == 1)
		w->type = LAST_DOT;
	else if (start[0] == '.' && start[1] == '.' && p - start == 2)
		w->type = LAST_DOTDOT;
	else
		w->type = LAST_NAME;
	return p != start;
}

static bool only_slashes(const char *p)
{
	while (*p == '/')
		p++;
	return *p == '\0';
}

static int walk_step(struct walk *w)
{
	struct path next;
	int err;

	if (!S_ISDIR(w->at.dentry->inode->mode))
		return -ENOTDIR;
	if (w->type == LAST_DOT)
		return 0;
	if (w->type == LAST_DOTDOT) {
		err = inode_permission(w->at.dentry->inode, MAY_EXEC);
		if (!err)
			walk_up(w);
		return err;
	}
	w->last.hash = name_hash(w->last.text, w->last.len);
	err = walk_find(w, &w->last, &next);
	if (err)
		return err;
	if (S_ISLNK(next.dentry->inode->mode))
		return walk_link(w, next);
	walk_set(w, next);
	return 0;
}

int walk_parent(struct walk *w)
{
	for (;;) {
		int err;

		if (!walk_next(w)) {
			w->must_be_dir = true;
			return 0;
		}
		if (only_slashes(w->rest)) {
			w->must_be_dir = w->rest[0] != '\0';
			w->last.hash = name_hash(w->last.text, w->last.len);
			if (!S_ISDIR(w->at.dentry->inode->mode))
				return -ENOTDIR;
			return 0;
		}
		err = walk_step(w);
		if (err)
			return err;
	}
}

int walk_follow(struct walk *w, struct path link)
{
	bool slash = w->must_be_dir;
	int err = walk_link(w, link);

	if (!err)
		err = walk_parent(w);
	/* A slash behind the link counts when the link led straight to a place and no text is left
	 * to say so. */
	if (!err && w->type != LAST_NAME)
		w->must_be_dir = slash;
	return err;
}

int walk_last(struct walk *w, bool follow, struct path *out)
{
	struct path p;
	int err;

	for (;;) {
		if (w->type != LAST_NAME) {
			if (w->type == LAST_DOTDOT)
				walk_up(w);
			p = path_get(w->at);
			break;
		}
		err = walk_find(w, &w->last, &p);
		if (err)
			return err;
		if (!S_ISLNK(p.dentry->inode->mode) || !(follow || w->must_be_dir))
			break;
		err = walk_follow(w, p);
		if (err)
			return err;
	}
	if (w->must_be_dir && w->type == LAST_NAME && !S_ISDIR(p.dentry->inode->mode)) {
		path_put(p);
		return -ENOTDIR;
	}
	*out = p;
	return 0;
}

static int walk_finish(struct walk *w, unsigned flags, struct path *out)
{
	int err = walk_parent(w);

	if (!err)
		err = walk_last(w, !(flags & AT_SYMLINK_NOFOLLOW), out);
	walk_end(w);
	return err;
}

static bool path_is_empty(uint64_t path)
{
	char c;

	return !path || (!copy_from_user(&c, (virt_addr_t)path, 1) && c == '\0');
}

int path_of_fd(int fd, struct path *out)
{
	struct fdref r;

	if (fd == AT_FDCWD) {
		*out = fs_cwd();
		return 0;
	}
	r = fd_borrow(fd);
	if (!r.file)
		return -EBADF;
	*out = path_get(r.file->path);
	fd_return(r);
	return 0;
}

int path_lookup_user(int dirfd, uint64_t path, unsigned flags, struct path *out)
{
	struct walk w;
	int err;

	if (flags & AT_EMPTY_PATH && path_is_empty(path))
		return path_of_fd(dirfd, out);
	err = walk_start_user(&w, dirfd, path);
	return err ? err : walk_finish(&w, flags, out);
}

int path_lookup(int dirfd, const char *path, unsigned flags, struct path *out)
{
	struct walk w;
	int err = walk_start(&w, dirfd, path);

	return err ? err : walk_finish(&w, flags, out);
}

int walk_to_parent(struct walk *w, int dirfd, uint64_t path)
{
	int err = walk_start_user(w, dirfd, path);

	if (err)
		return err;
	err = walk_parent(w);
	if (err)
		walk_end(w);
	return err;
}
