// SPDX-License-Identifier: MIT
/*
 * rename(2). Locks: rename_mutex when the directories differ (so that the shape of the tree above
 * them stands still while it is checked that no directory moves below itself), then both
 * directories, the upper one first when one is inside the other, else by address; then the victim's
 * own mutex. Everything is checked and every byte allocated before the file system's rename; after
 * it nothing fails.
 */
#include <linux/fs.h>

#include "kernel/fs/internal.h"
#include "kernel/fs/names.h"
#include "mm/slab.h"

struct move {
	struct path *old_at, *new_at;
	const struct name *name;      /* the new one */
	struct dentry *from, *target; /* target: NULL when there is nothing yet */
	unsigned flags;
	bool from_slash, to_slash; /* a slash behind the name: directories only */
};

static void lock_pair(struct dentry *a, struct dentry *b)
{
	if (a == b) {
		mutex_lock(&a->inode->mutex);
		return;
	}
	mutex_lock(&rename_mutex);
	if (dentry_is_below(b, a) || (!dentry_is_below(a, b) && a < b)) {
		mutex_lock(&a->inode->mutex);
		mutex_lock(&b->inode->mutex);
	} else {
		mutex_lock(&b->inode->mutex);
		mutex_lock(&a->inode->mutex);
	}
}

static void unlock_pair(struct dentry *a, struct dentry *b)
{
	mutex_unlock(&a->inode->mutex);
	if (a == b)
		return;
	mutex_unlock(&b->inode->mutex);
	mutex_unlock(&rename_mutex);
}

/* What the names alone forbid. */
static int check_names(const struct move *m)
{
	bool exchange = m->flags & RENAME_EXCHANGE, from_dir = S_ISDIR(m->from->inode->mode);

	if (m->target && m->flags & RENAME_NOREPLACE)
		return -EEXIST;
	if (!m->target && exchange)
		return -ENOENT;
	if (exchange && m->to_slash && !S_ISDIR(m->target->inode->mode))
		return -ENOTDIR;
	if (!from_dir && (m->from_slash || (m->to_slash && !exchange)))
		return -ENOTDIR;
	/* A directory may not end up inside itself. Within one directory it cannot. */
	if (m->new_at->dentry == m->old_at->dentry)
		return 0;
	if (dentry_is_below(m->new_at->dentry, m->from))
		return -EINVAL;
	if (m->target && dentry_is_below(m->old_at->dentry, m->target))
		return exchange ? -EINVAL : -ENOTEMPTY;
	return 0;
}

/* What permissions and types forbid. */
static int check_move(const struct move *m)
{
	bool from_dir = S_ISDIR(m->from->inode->mode);
	bool target_dir = m->target && S_ISDIR(m->target->inode->mode);
	int err = dir_may_remove(m->old_at, m->from);

	if (!err)
		err = m->target ? dir_may_remove(m->new_at, m->target) : dir_may_change(m->new_at);
	if (err)
		return err;
	if (m->target && !(m->flags & RENAME_EXCHANGE) && from_dir != target_dir)
		return from_dir ? -ENOTDIR : -EISDIR;
	/* A directory that moves to another parent gets a new "..". */
	if (m->old_at->dentry != m->new_at->dentry && from_dir)
		err = inode_permission(m->from->inode, MAY_WRITE);
	return err;
}

static void count_links(struct inode *old_dir, struct inode *new_dir, const struct move *m)
{
	bool from_dir = S_ISDIR(m->from->inode->mode);
	bool target_dir = m->target && S_ISDIR(m->target->inode->mode);

	if (m->flags & RENAME_EXCHANGE) {
		old_dir->nlink += (uint32_t)target_dir - (uint32_t)from_dir;
		new_dir->nlink += (uint32_t)from_dir - (uint32_t)target_dir;
		return;
	}
	if (from_dir) {
		old_dir->nlink--;
		new_dir->nlink++;
	}
	if (target_dir)
		new_dir->nlink--;
}

static int commit(const struct move *m)
{
	struct inode *old_dir = m->old_at->dentry->inode, *new_dir = m->new_at->dentry->inode;
	bool exchange = m->flags & RENAME_EXCHANGE;
	char *room = NULL;
	int err;

	if (!old_dir->ops->rename)
		return -EPERM;
	if (!exchange && m->name->len >= DENTRY_INLINE) {
		room = kmalloc(m->name->len + 1, 0);
		if (!room)
			return -ENOMEM;
	}
	if (m->target)
		mutex_lock(&m->target->inode->mutex);
	err = old_dir->ops->rename(old_dir, m->from, new_dir, m->name, m->target, exchange);
	if (!err && m->target && !exchange)
		dentry_detach(m->target);
	if (m->target)
		mutex_unlock(&m->target->inode->mutex);
	if (err) {
		kfree(room);
		return err;
	}
	count_links(old_dir, new_dir, m);
	if (exchange)
		dentry_exchange(m->from, m->target);
	else
		dentry_move(m->from, m->new_at->dentry, m->name, room);
	inode_touch(old_dir);
	inode_touch(new_dir);
	inode_touch_ctime(m->from->inode);
	return 0;
}

static int rename_locked(struct move *m, const struct name *old_name)
{
	int err;

	m->from = dentry_lookup_locked(m->old_at->dentry, old_name);
	if (IS_ERR(m->from))
		return PTR_ERR(m->from);
	m->target = dentry_lookup_locked(m->new_at->dentry, m->name);
	err = IS_ERR(m->target) ? PTR_ERR(m->target) : 0;
	if (err)
		m->target = NULL;
	if (err == -ENOENT)
		err = 0;
	if (!err)
		err = check_names(m);
	/* Two names of one file: nothing to do (POSIX). */
	if (err || (m->target && m->target->inode == m->from->inode))
		return err;
	err = check_move(m);
	return err ? err : commit(m);
}

int name_rename(struct walk *from, struct walk *to, unsigned flags)
{
	struct move m = {
		.old_at = &from->at,
		.new_at = &to->at,
		.name = &to->last,
		.flags = flags,
		.from_slash = from->must_be_dir,
		.to_slash = to->must_be_dir,
	};
	int err;

	if (flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE) ||
	    flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	if (from->at.mount != to->at.mount)
		return -EXDEV;
	if (from->type != LAST_NAME)
		return -EBUSY;
	if (to->type != LAST_NAME)
		return flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
	if (from->last.len > NAME_MAX || to->last.len > NAME_MAX)
		return -ENAMETOOLONG;
	err = inode_permission(from->at.dentry->inode, MAY_EXEC);
	if (!err)
		err = inode_permission(to->at.dentry->inode, MAY_EXEC);
	if (err)
		return err;
	lock_pair(from->at.dentry, to->at.dentry);
	err = rename_locked(&m, &from->last);
	unlock_pair(from->at.dentry, to->at.dentry);
	if (!IS_ERR(m.from))
		dentry_put(m.from);
	if (m.target)
		dentry_put(m.target);
	return err;
}
