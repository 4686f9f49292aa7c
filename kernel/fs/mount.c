// SPDX-License-Identifier: MIT
/*
 * Mounts and file system instances. The table of mounts is one short list under dentry_lock: a walk
 * consults it only at a dentry that is flagged DENTRY_MOUNTED. mount_mutex orders mounting and
 * unmounting.
 *
 * References to a mount: one by the table while attached, one by each mount inside it, one by each
 * struct path. So an attached mount that nobody uses has exactly one, and umount decides under
 * dentry_lock, where new ones come from.
 */
#include <linux/mount.h>

#include "kernel/fs/internal.h"
#include "kernel/fs/vfs.h"
#include "kernel/log.h"
#include "mm/slab.h"

#ifndef MNT_DETACH
#define MNT_FORCE       1
#define MNT_DETACH      2
#define MNT_EXPIRE      4
#define UMOUNT_NOFOLLOW 8
#endif

struct mutex mount_mutex = MUTEX_INIT(mount_mutex);

static struct list mounts = LIST_INIT(mounts);
static struct mount *root_mount;
static struct super_type *types;
static uint32_t next_dev = 1;

void super_type_register(struct super_type *t)
{
	struct super_type **p = &types;

	while (*p)
		p = &(*p)->next;
	t->next = NULL;
	*p = t;
}

const struct super_type *super_type_next(const struct super_type *t)
{
	return t ? t->next : types;
}

const struct super_type *super_type_find(const char *name)
{
	const struct super_type *t;

	for (t = types; t; t = t->next)
		if (strcmp(t->name, name) == 0)
			return t;
	return NULL;
}

struct super *super_alloc(const struct super_type *type, const struct super_ops *ops,
			  uint32_t magic, unsigned flags)
{
	struct super *s = kmalloc(sizeof(*s), ALLOC_ZERO);

	if (!s)
		return NULL;
	s->type = type;
	s->ops = ops;
	s->magic = magic;
	s->flags = flags;
	s->dev = DEVNO(0, __atomic_fetch_add(&next_dev, 1, __ATOMIC_RELAXED));
	list_init(&s->link);
	return s;
}

void super_free(struct super *s)
{
	if (s->ops->put)
		s->ops->put(s);
	kfree(s);
}

static void super_put(struct super *s)
{
	uint32_t refs;

	spin_lock(&dentry_lock);
	refs = --s->refs;
	spin_unlock(&dentry_lock);
	if (refs)
		return;
	dentry_drop_tree(s->root);
	super_free(s);
}

void mount_get(struct mount *m)
{
	atomic_inc(&m->refs);
}

void mount_put(struct mount *m)
{
	/* Only detached mounts get here with their last reference, so nobody can find them any
	 * more. */
	if (atomic_dec(&m->refs) != 0)
		return;
	super_put(m->super);
	kfree(m->source);
	kfree(m);
}

struct path path_get(struct path p)
{
	mount_get(p.mount);
	dentry_get(p.dentry);
	return p;
}

void path_put(struct path p)
{
	if (p.dentry)
		dentry_put(p.dentry);
	if (p.mount)
		mount_put(p.mount);
}

struct path mount_root(void)
{
	return path_get((struct path){ root_mount, root_mount->root });
}

static struct mount *mount_find_locked(const struct mount *parent, const struct dentry *point)
{
	struct mount *m;

	list_for_each (m, &mounts, link)
		if (m->parent == parent && m->point == point)
			return m;
	return NULL;
}

void mount_cross(struct path *p)
{
	while (unlikely(READ_ONCE(p->dentry->flags) & DENTRY_MOUNTED)) {
		struct mount *m;
		struct path old = *p;

		spin_lock(&dentry_lock);
		m = mount_find_locked(p->mount, p->dentry);
		if (m) {
			*p = (struct path){ m, m->root };
			mount_get(m);
			dentry_get(m->root);
		}
		spin_unlock(&dentry_lock);
		if (!m)
			return;
		path_put(old);
	}
}

bool mount_climb(struct path *p)
{
	struct path old = *p;
	bool up;

	spin_lock(&dentry_lock);
	up = p->mount->parent != NULL;
	if (up)
		*p = path_get((struct path){ p->mount->parent, p->mount->point });
	spin_unlock(&dentry_lock);
	if (up)
		path_put(old);
	return up;
}

struct mount *mount_at(unsigned i)
{
	struct mount *m;

	spin_lock(&dentry_lock);
	list_for_each (m, &mounts, link)
		if (i-- == 0) {
			mount_get(m);
			spin_unlock(&dentry_lock);
			return m;
		}
	spin_unlock(&dentry_lock);
	return NULL;
}

bool mount_is_rdonly(const struct path *p)
{
	return READ_ONCE(p->mount->flags) & MOUNT_RDONLY;
}

static struct mount *mount_alloc(struct super *s, unsigned flags, const char *source)
{
	struct mount *m = kmalloc(sizeof(*m), ALLOC_ZERO);
	size_t n = strlen(source) + 1;

	if (!m)
		return NULL;
	m->source = kmalloc(n, 0);
	if (!m->source) {
		kfree(m);
		return NULL;
	}
	memcpy(m->source, source, n);
	m->refs = 1;
	m->flags = flags;
	m->super = s;
	m->root = s->root;
	return m;
}

/* False: it was removed since it was looked up. */
static bool usable_locked(const struct path *at)
{
	return at->dentry->flags & DENTRY_HASHED || at->dentry == at->mount->root;
}

static void attach_locked(struct mount *m, const struct path *at)
{
	mount_get(at->mount);
	m->parent = at->mount;
	m->point = dentry_get(at->dentry);
	m->point->flags |= DENTRY_MOUNTED;
}

int mount_add(struct super *s, const struct path *at, unsigned flags, const char *source)
{
	struct mount *m = mount_alloc(s, flags, source);
	int err = 0;

	if (!m) {
		dentry_drop_tree(s->root);
		super_free(s);
		return -ENOMEM;
	}
	mutex_lock(&mount_mutex);
	spin_lock(&dentry_lock);
	s->refs++;
	if (!at)
		root_mount = m;
	else if (!usable_locked(at))
		err = -ENOENT;
	else
		attach_locked(m, at);
	if (!err)
		list_push_back(&mounts, &m->link);
	spin_unlock(&dentry_lock);
	mutex_unlock(&mount_mutex);
	if (err)
		mount_put(m);
	return err;
}

static bool point_in_use_locked(const struct dentry *point)
{
	struct mount *m;

	list_for_each (m, &mounts, link)
		if (m->point == point)
			return true;
	return false;
}

/* Takes m off its place; what it held is returned in *point for the caller to put. */
static void detach_locked(struct mount *m, struct path *point)
{
	*point = (struct path){ m->parent, m->point };
	m->parent = NULL;
	m->point = NULL;
	if (!point_in_use_locked(point->dentry))
		point->dentry->flags &= ~DENTRY_MOUNTED;
}

static struct mount *child_of_locked(const struct mount *m)
{
	struct mount *c;

	list_for_each (c, &mounts, link)
		if (c->parent == m)
			return c;
	return NULL;
}

/* Whoever else has m open, or has mounted something in it, counts beside the table and the caller's
 * path. */
static bool is_busy_locked(const struct mount *m)
{
	return atomic_load(&m->refs) > 2;
}

/* Takes m out of the table, if nobody came while it was synced. What he does to it from now on is
 * written when its super goes. */
static int detach_unused(struct mount *m)
{
	struct path point;
	bool busy;

	spin_lock(&dentry_lock);
	busy = is_busy_locked(m);
	if (!busy) {
		list_remove(&m->link);
		detach_locked(m, &point);
	}
	spin_unlock(&dentry_lock);
	if (busy)
		return -EBUSY;
	path_put(point);
	mount_put(m);
	return 0;
}

/* Takes m and every mount inside it out of the table. */
static void detach_all(struct mount *m)
{
	struct mount *victim, *child;
	struct path point;

	do {
		spin_lock(&dentry_lock);
		for (victim = m; (child = child_of_locked(victim)) != NULL;)
			victim = child;
		list_remove(&victim->link);
		detach_locked(victim, &point);
		spin_unlock(&dentry_lock);
		path_put(point);
		mount_put(victim); /* the table's reference; the caller's path keeps m itself */
	} while (victim != m);
}

int mount_remove(const struct path *at, unsigned flags)
{
	struct mount *m = at->mount;
	int err = 0;

	if (flags & ~(MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW) ||
	    (flags & MNT_EXPIRE))
		return -EINVAL;
	if (at->dentry != m->root)
		return -EINVAL;
	mutex_lock(&mount_mutex);
	spin_lock(&dentry_lock);
	if (list_empty(&m->link) || m == root_mount)
		err = m == root_mount ? -EBUSY : -EINVAL;
	else if (!(flags & MNT_DETACH) && is_busy_locked(m))
		err = -EBUSY;
	spin_unlock(&dentry_lock);
	if (!err) {
		/* It is unmounted all the same, so the caller is told that, as Linux does. */
		if (m->super->ops->sync && m->super->ops->sync(m->super))
			log_error("umount: not all could be written to the disk");
		if (flags & MNT_DETACH)
			detach_all(m);
		else
			err = detach_unused(m);
	}
	mutex_unlock(&mount_mutex);
	return err;
}

/* ---- Moving ---- */

static bool inside_locked(const struct mount *m, const struct mount *top)
{
	while (m && m != top)
		m = m->parent;
	return m != NULL;
}

static int move_locked(struct mount *m, const struct path *from, const struct path *to,
		       struct path *point)
{
	if (from->dentry != m->root || !m->parent || list_empty(&to->mount->link))
		return -EINVAL;
	if (inside_locked(to->mount, m))
		return -ELOOP;
	if (!S_ISDIR(to->dentry->inode->mode))
		return -ENOTDIR;
	if (!usable_locked(to))
		return -ENOENT;
	detach_locked(m, point);
	attach_locked(m, to);
	return 0;
}

int mount_move(const struct path *from, const struct path *to)
{
	struct path point;
	int err;

	mutex_lock(&mount_mutex);
	spin_lock(&dentry_lock);
	err = move_locked(from->mount, from, to, &point);
	spin_unlock(&dentry_lock);
	mutex_unlock(&mount_mutex);
	if (!err)
		path_put(point);
	return err;
}

static int pivot_check_locked(const struct path *root, const struct path *new,
			      const struct path *put_old)
{
	const struct mount *r = root->mount, *n = new->mount;

	if (n == r || put_old->mount == r)
		return -EBUSY;
	if (root->dentry != r->root || new->dentry != n->root || !r->parent || !n->parent ||
	    !inside_locked(n, r) || !inside_locked(put_old->mount, n))
		return -EINVAL;
	return usable_locked(put_old) ? 0 : -ENOENT;
}

int mount_pivot(const struct path *root, const struct path *new, const struct path *put_old)
{
	struct path top, point;
	int err;

	mutex_lock(&mount_mutex);
	spin_lock(&dentry_lock);
	err = pivot_check_locked(root, new, put_old);
	if (!err) {
		detach_locked(new->mount, &point);
		detach_locked(root->mount, &top);
		attach_locked(root->mount, put_old);
		attach_locked(new->mount, &top);
	}
	spin_unlock(&dentry_lock);
	mutex_unlock(&mount_mutex);
	if (err)
		return err;
	path_put(point);
	path_put(top);
	return 0;
}
