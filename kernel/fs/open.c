// SPDX-License-Identifier: MIT
/*
 * Opening files by path: the O_ flags, permissions, creation.
 *
 * A file that is created is looked up again under the directory's mutex, so of two tasks with
 * O_CREAT | O_EXCL exactly one succeeds. A final symbolic link is followed by going on with the
 * same walk, which may end at a name yet to be created, as POSIX wants.
 */
#include "kernel/cred.h"
#include "kernel/fs/internal.h"
#include "kernel/fs/walk.h"
#include "kernel/fs/open.h"

/* Bits that openat(2) knows; others are ignored, as ever. */
#define O_KNOWN                                                                                    \
	(O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_DSYNC |     \
	 FASYNC | O_DIRECT | O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC |      \
	 __O_SYNC | O_PATH | __O_TMPFILE)

static unsigned access_mask(unsigned flags)
{
	static const uint8_t masks[] = { MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE,
					 MAY_READ | MAY_WRITE };

	return masks[flags & O_ACCMODE] | (flags & O_TRUNC ? MAY_WRITE : 0);
}

/* Flags as the rest uses them: 0 or -EINVAL. */
static int flags_normalise(unsigned *flags)
{
	unsigned f = *flags & O_KNOWN;

	if (f & O_PATH)
		f &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	else
		f |= O_LARGEFILE; /* as Linux says of every file a 64-bit program opens */
	if (f & __O_TMPFILE && ((f & O_TMPFILE) != O_TMPFILE || !(access_mask(f) & MAY_WRITE)))
		return -EINVAL;
	if ((f & O_DIRECTORY) && (f & O_CREAT) && !(f & __O_TMPFILE))
		return -EINVAL;
	*flags = f;
	return 0;
}

static int may_open(const struct path *p, unsigned flags, bool created)
{
	struct inode *i = p->dentry->inode;
	int err;

	if (flags & O_PATH)
		return flags & O_DIRECTORY && !S_ISDIR(i->mode) ? -ENOTDIR : 0;
	if (flags & O_DIRECTORY && !S_ISDIR(i->mode))
		return -ENOTDIR;
	if (S_ISLNK(i->mode))
		return -ELOOP;
	if (S_ISDIR(i->mode) && (access_mask(flags) & MAY_WRITE || flags & O_CREAT))
		return -EISDIR;
	if (created)
		return 0;
	err = inode_permission(i, access_mask(flags));
	if (err)
		return err;
	if (access_mask(flags) & MAY_WRITE && (S_ISREG(i->mode) || S_ISDIR(i->mode)) &&
	    mount_is_rdonly(p))
		return -EROFS;
	if (flags & O_NOATIME && !inode_owner_or_root(i))
		return -EPERM;
	return 0;
}

static int truncate_now(const struct path *p)
{
	struct inode *i = p->dentry->inode;
	struct attr a = { .valid = ATTR_SIZE, .size = 0 };
	int err;

	mutex_lock(&i->mutex);
	err = inode_setattr(i, &a);
	mutex_unlock(&i->mutex);
	return err;
}

/* Consumes p's references on failure too. */
static struct file *open_place(struct path p, unsigned flags, bool created)
{
	int err = may_open(&p, flags, created);
	struct file *f;

	f = err ? ERR_PTR(err) : file_open_path(&p, flags);
	if (IS_ERR(f)) {
		path_put(p);
		return f;
	}
	if (flags & O_TRUNC && !created && f->inode->object) {
		err = truncate_now(&p);
		if (err) {
			file_put(f);
			return ERR_PTR(err);
		}
	}
	return f;
}

static uint32_t mode_masked(uint32_t mode)
{
	struct fs_context *c = current()->fs;

	return mode & 07777 & ~(c ? READ_ONCE(c->umask) : 0);
}

/* The last name, made when it is not there. *created tells. 0 with references in *out. */
static int find_or_create(struct walk *w, unsigned flags, uint32_t mode, struct path *out,
			  bool *created)
{
	struct dentry *d, *dir = w->at.dentry;
	int err = 0;

	*created = false;
	if (w->last.len > NAME_MAX)
		return -ENAMETOOLONG;
	err = inode_permission(dir->inode, MAY_EXEC);
	if (err)
		return err;
	mutex_lock(&dir->inode->mutex);
	d = dentry_lookup_locked(dir, &w->last);
	if (IS_ERR(d) && PTR_ERR(d) == -ENOENT) {
		err = dir_create_locked(&w->at, &w->last, S_IFREG | mode_masked(mode), 0, &d);
		*created = !err;
	} else if (IS_ERR(d)) {
		err = PTR_ERR(d);
	} else if (flags & O_EXCL) {
		dentry_put(d);
		err = -EEXIST;
	}
	mutex_unlock(&dir->inode->mutex);
	if (err)
		return err;
	mount_get(w->at.mount);
	*out = (struct path){ w->at.mount, d };
	mount_cross(out);
	return 0;
}

static struct file *open_create(struct walk *w, unsigned flags, uint32_t mode)
{
	struct path p;
	bool created;
	int err;

	for (;;) {
		if (w->type != LAST_NAME) {
			err = flags & O_EXCL ? -EEXIST : walk_last(w, true, &p);
			return err ? ERR_PTR(err) : open_place(p, flags, false);
		}
		/* A slash behind the name asks for a directory, which this cannot make. */
		err = w->must_be_dir ? -EISDIR : find_or_create(w, flags, mode, &p, &created);
		if (err)
			return ERR_PTR(err);
		if (!S_ISLNK(p.dentry->inode->mode) || flags & O_NOFOLLOW)
			break;
		err = walk_follow(w, p);
		if (err)
			return ERR_PTR(err);
	}
	return open_place(p, flags, created);
}

static struct file *open_tmpfile(const struct path *dir, unsigned flags, uint32_t mode)
{
	struct inode *d = dir->dentry->inode, *i;
	struct path p = { dir->mount, NULL };
	int err;

	if (!S_ISDIR(d->mode))
		return ERR_PTR(-ENOTDIR);
	if (!d->ops->tmpfile)
		return ERR_PTR(-EOPNOTSUPP);
	err = mount_is_rdonly(dir) ? -EROFS : inode_permission(d, MAY_WRITE | MAY_EXEC);
	if (!err)
		err = d->ops->tmpfile(d, S_IFREG | mode_masked(mode), &i);
	if (err)
		return ERR_PTR(err);
	/* O_EXCL: it is never to get a name (open(2)). linkat(2) tells by this one. */
	p.dentry = dentry_create_alone(i, flags & O_EXCL ? "/#nameless" : "/#tmpfile");
	if (!p.dentry)
		return ERR_PTR(-ENOMEM);
	mount_get(p.mount);
	return open_place(p, flags & ~(unsigned)(O_DIRECTORY | O_CREAT), true);
}

static struct file *open_walk(struct walk *w, unsigned flags, uint32_t mode)
{
	struct path p;
	int err = walk_parent(w);
	struct file *f;

	if (err)
		return ERR_PTR(err);
	if (flags & O_CREAT)
		return open_create(w, flags, mode);
	err = walk_last(w, !(flags & O_NOFOLLOW), &p);
	if (err)
		return ERR_PTR(err);
	if (!(flags & __O_TMPFILE))
		return open_place(p, flags, false);
	f = open_tmpfile(&p, flags, mode);
	path_put(p);
	return f;
}

struct file *open_user(int dirfd, uint64_t path, unsigned flags, uint32_t mode)
{
	struct walk w;
	struct file *f;
	int err = flags_normalise(&flags);

	if (!err)
		err = walk_start_user(&w, dirfd, path);
	if (err)
		return ERR_PTR(err);
	f = open_walk(&w, flags, mode);
	walk_end(&w);
	return f;
}

struct file *open_kernel(int dirfd, const char *path, unsigned flags, uint32_t mode)
{
	struct walk w;
	struct file *f;
	int err = walk_start(&w, dirfd, path);

	if (err)
		return ERR_PTR(err);
	f = open_walk(&w, flags, mode);
	walk_end(&w);
	return f;
}

static struct file *exec_path(struct path p)
{
	struct inode *i = p.dentry->inode;
	struct file *f;
	int err = 0;

	if (S_ISLNK(i->mode))
		err = -ELOOP;
	else if (!S_ISREG(i->mode) || p.mount->flags & MOUNT_NOEXEC)
		err = -EACCES;
	else
		err = inode_permission(i, MAY_EXEC);
	f = err ? ERR_PTR(err) : file_open_path(&p, O_RDONLY);
	if (IS_ERR(f)) {
		path_put(p);
		return f;
	}
	err = file_deny_write(f);
	if (err) {
		file_put(f);
		return ERR_PTR(err);
	}
	return f;
}

struct file *file_open_exec(int dirfd, const char *path, int flags)
{
	struct path p;
	int err;

	if (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return ERR_PTR(-EINVAL);
	if (flags & AT_EMPTY_PATH && path[0] == '\0')
		err = path_of_fd(dirfd, &p);
	else
		err = path_lookup(dirfd, path, (unsigned)flags, &p);
	return err ? ERR_PTR(err) : exec_path(p);
}
