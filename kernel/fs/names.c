// SPDX-License-Identifier: MIT
/*
 * Making, removing and moving names: what is common to all file systems. Each function checks
 * permissions and the state of the directory under its mutex, lets the file system do its part, and
 * then changes the dentry tree, which cannot fail.
 */
#include "kernel/cred.h"
#include "kernel/fs/names.h"

#include "kernel/fs/internal.h"
#include "kernel/log.h"
#include "mm/slab.h"

/* A directory that was removed stays usable for those inside, but nothing new appears in it. */
static bool dir_is_dead(const struct path *dir)
{
	const struct dentry *d = dir->dentry;

	return !(READ_ONCE(d->flags) & DENTRY_HASHED) && d != d->inode->super->root;
}

int dir_may_change(const struct path *dir)
{
	int err;

	if (dir_is_dead(dir))
		return -ENOENT;
	err = inode_permission(dir->dentry->inode, MAY_WRITE | MAY_EXEC);
	if (err)
		return err;
	return mount_is_rdonly(dir) ? -EROFS : 0;
}

int dir_may_remove(const struct path *dir, const struct dentry *victim)
{
	const struct cred *c = current()->cred;
	const struct inode *d = dir->dentry->inode;
	int err = dir_may_change(dir);

	if (err)
		return err;
	if (d->mode & S_ISVTX && c && !cred_capable(c, CAP_FOWNER) && c->fsuid != d->uid &&
	    c->fsuid != victim->inode->uid)
		return -EPERM;
	return READ_ONCE(victim->flags) & DENTRY_MOUNTED ? -EBUSY : 0;
}

int dir_create_locked(const struct path *dir, const struct name *name, uint32_t mode, devno_t rdev,
		      struct dentry **out)
{
	struct inode *d = dir->dentry->inode, *made;
	struct dentry *dentry;
	int err = dir_may_change(dir);

	DEBUG_ASSERT(mutex_held(&d->mutex));
	if (err)
		return err;
	if (!d->ops->create)
		return -EPERM;
	dentry = dentry_alloc(dir->dentry, name);
	if (!dentry)
		return -ENOMEM;
	err = d->ops->create(d, name, mode, rdev, &made);
	if (err) {
		dentry_free_unused(dentry);
		return err;
	}
	if (S_ISDIR(mode))
		d->nlink++;
	inode_touch(d);
	dentry_attach(dentry, made);
	*out = dentry;
	return 0;
}

/* Begins a change of w's last name: the directory's mutex is taken, and the name is not there. 0,
 * or -errno with no mutex. */
static int begin_new(struct walk *w)
{
	struct inode *dir = w->at.dentry->inode;
	struct dentry *d;

	if (w->type != LAST_NAME)
		return -EEXIST;
	if (w->last.len > NAME_MAX)
		return -ENAMETOOLONG;
	mutex_lock(&dir->mutex);
	d = dentry_lookup_locked(w->at.dentry, &w->last);
	if (IS_ERR(d) && PTR_ERR(d) == -ENOENT)
		return 0;
	mutex_unlock(&dir->mutex);
	if (IS_ERR(d))
		return PTR_ERR(d);
	dentry_put(d);
	return -EEXIST;
}

int name_create(struct walk *w, uint32_t mode, devno_t rdev)
{
	struct dentry *made;
	int err = inode_permission(w->at.dentry->inode, MAY_EXEC);

	if (!err)
		err = begin_new(w);
	if (err)
		return err;
	/* A slash behind the name is for directories only. */
	if (w->must_be_dir && !S_ISDIR(mode))
		err = -ENOENT;
	else
		err = dir_create_locked(&w->at, &w->last, mode, rdev, &made);
	mutex_unlock(&w->at.dentry->inode->mutex);
	if (!err)
		dentry_put(made);
	return err;
}

int name_symlink(struct walk *w, const char *target)
{
	struct inode *dir = w->at.dentry->inode, *made;
	struct dentry *d;
	int err = begin_new(w);

	if (err)
		return err;
	err = w->must_be_dir ? -ENOENT : dir_may_change(&w->at);
	if (!err && !dir->ops->symlink)
		err = -EPERM;
	if (err)
		goto unlock;
	d = dentry_alloc(w->at.dentry, &w->last);
	if (!d) {
		err = -ENOMEM;
		goto unlock;
	}
	err = dir->ops->symlink(dir, &w->last, target, &made);
	if (err) {
		dentry_free_unused(d);
		goto unlock;
	}
	inode_touch(dir);
	dentry_attach(d, made);
	dentry_put(d);
unlock:
	mutex_unlock(&dir->mutex);
	return err;
}

static int link_locked(struct walk *w, struct inode *i)
{
	struct inode *dir = w->at.dentry->inode;
	struct dentry *d;
	int err = dir_may_change(&w->at);

	if (err)
		return err;
	if (!dir->ops->link)
		return -EPERM;
	d = dentry_alloc(w->at.dentry, &w->last);
	if (!d)
		return -ENOMEM;
	mutex_lock(&i->mutex);
	err = i->nlink == UINT32_MAX ? -EMLINK : dir->ops->link(dir, &w->last, i);
	if (!err) {
		i->nlink++;
		inode_touch_ctime(i);
	}
	mutex_unlock(&i->mutex);
	if (err) {
		dentry_free_unused(d);
		return err;
	}
	inode_touch(dir);
	dentry_attach(d, inode_get(i));
	dentry_put(d);
	return 0;
}

int name_link(struct walk *w, const struct path *from, bool from_tmpfile)
{
	struct inode *i = from->dentry->inode;
	int err = begin_new(w);

	if (err)
		return err;
	if (from->mount != w->at.mount)
		err = -EXDEV;
	else if (w->must_be_dir)
		err = -ENOENT;
	else if (S_ISDIR(i->mode))
		err = -EPERM;
	else if (i->nlink == 0 && !from_tmpfile)
		err = -ENOENT;
	else
		err = link_locked(w, i);
	mutex_unlock(&w->at.dentry->inode->mutex);
	return err;
}

/* The victim under the directory's mutex. */
static int remove_locked(struct walk *w, bool rmdir, struct dentry **victim)
{
	struct inode *dir = w->at.dentry->inode;
	struct dentry *d = dentry_lookup_locked(w->at.dentry, &w->last);
	bool is_dir;
	int err;

	if (IS_ERR(d))
		return PTR_ERR(d);
	*victim = d;
	err = dir_may_remove(&w->at, d);
	if (err)
		return err;
	is_dir = S_ISDIR(d->inode->mode);
	if (rmdir && !is_dir)
		return -ENOTDIR;
	if (!rmdir && is_dir)
		return -EISDIR;
	if (!rmdir && w->must_be_dir)
		return -ENOTDIR;
	if (rmdir ? !dir->ops->rmdir : !dir->ops->unlink)
		return -EPERM;
	/* The victim's own mutex: nothing may be created in a directory between the check for
	 * emptiness and its end. */
	mutex_lock(&d->inode->mutex);
	err = rmdir ? dir->ops->rmdir(dir, d) : dir->ops->unlink(dir, d);
	if (!err)
		dentry_detach(d);
	mutex_unlock(&d->inode->mutex);
	if (err)
		return err;
	if (rmdir)
		dir->nlink--;
	inode_touch(dir);
	return 0;
}

int name_remove(struct walk *w, bool rmdir)
{
	struct inode *dir = w->at.dentry->inode;
	struct dentry *victim = NULL;
	int err = inode_permission(dir, MAY_EXEC);

	if (err)
		return err;
	if (w->type == LAST_DOT)
		return rmdir ? -EINVAL : -EISDIR;
	if (w->type == LAST_DOTDOT)
		return rmdir ? -ENOTEMPTY : -EISDIR;
	if (w->type == LAST_NOTHING)
		return rmdir ? -EBUSY : -EISDIR;
	if (w->last.len > NAME_MAX)
		return -ENAMETOOLONG;
	mutex_lock(&dir->mutex);
	err = remove_locked(w, rmdir, &victim);
	mutex_unlock(&dir->mutex);
	/* Outside the mutexes: the last reference frees the contents, which may take long. */
	if (victim)
		dentry_put(victim);
	return err;
}
