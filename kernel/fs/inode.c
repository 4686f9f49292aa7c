// SPDX-License-Identifier: MIT
/*
 * Inodes: their life, who may use them, and their attributes.
 *
 * An inode lives while it is referenced: by dentries, by open files, by a file system that caches
 * it. What happens at the last reference is the file system's evict operation. Attributes are
 * single words, changed under inode->mutex and read without it: stat(2) may see one attribute new
 * and the next one old, as everywhere.
 */
#include "kernel/cred.h"
#include "kernel/fs/internal.h"
#include "kernel/fs/seals.h"
#include "kernel/fs/vfs.h"
#include "kernel/log.h"
#include "kernel/time.h"
#include "mm/huge.h"
#include "mm/slab.h"

static struct kmem_cache *inode_cache;

int inode_init(void)
{
	inode_cache = kmem_cache_create("inode", sizeof(struct inode), 0);
	return inode_cache ? 0 : -ENOMEM;
}

struct inode *inode_alloc(struct super *s, uint32_t mode)
{
	struct inode *i = kmem_cache_alloc(inode_cache, ALLOC_ZERO);

	if (!i)
		return NULL;
	i->refs = 1;
	i->nlink = 1;
	i->mode = mode;
	i->super = s;
	i->ino = __atomic_add_fetch(&s->next_ino, 1, __ATOMIC_RELAXED);
	i->atime = i->mtime = i->ctime = (int64_t)time_wall();
	mutex_init(&i->mutex);
	spin_init(&i->lock);
	return i;
}

void inode_free(struct inode *i)
{
	if (i->object)
		object_put(i->object);
	file_locks_free(i);
	kmem_cache_free(inode_cache, i);
}

struct inode *inode_get(struct inode *i)
{
	atomic_inc(&i->refs);
	return i;
}

void inode_put(struct inode *i)
{
	if (i->super->ops->drop) {
		uint32_t refs = atomic_load(&i->refs);

		while (refs > 1)
			if (atomic_compare_exchange(&i->refs, &refs, refs - 1))
				return;
		i->super->ops->drop(i);
		return;
	}
	if (atomic_dec(&i->refs) != 0)
		return;
	if (i->super->ops->evict)
		i->super->ops->evict(i);
	else
		inode_free(i);
}

uint64_t inode_size(const struct inode *i)
{
	return i->object ? READ_ONCE(i->object->size) : i->size;
}

void inode_touch(struct inode *i)
{
	int64_t now = (int64_t)time_wall();

	WRITE_ONCE(i->mtime, now);
	WRITE_ONCE(i->ctime, now);
}

void inode_touch_ctime(struct inode *i)
{
	WRITE_ONCE(i->ctime, (int64_t)time_wall());
}

/* The time of access is kept as relatime does, but for its rule of once a day: it changes when the
 * file has changed since. A read of what was read before costs two comparisons. */
void inode_accessed(struct inode *i, const struct mount *m)
{
	if (i->atime > i->mtime && i->atime > i->ctime)
		return;
	if (m && m->flags & (MOUNT_NOATIME | MOUNT_RDONLY))
		return;
	WRITE_ONCE(i->atime, (int64_t)time_wall());
}

static int permission_of(const struct inode *i, unsigned mask, uint64_t caps, uint32_t uid,
			 bool in_group)
{
	unsigned bits = i->mode & 7;

	if (uid == i->uid)
		bits = i->mode >> 6 & 7;
	else if (in_group)
		bits = i->mode >> 3 & 7;
	if ((bits & mask) == mask)
		return 0;
	/* Reads and writes everything, and runs what anyone may run. */
	if (caps >> CAP_DAC_OVERRIDE & 1 &&
	    (!(mask & MAY_EXEC) || S_ISDIR(i->mode) || i->mode & 0111))
		return 0;
	if (caps >> CAP_DAC_READ_SEARCH & 1 && !(mask & MAY_WRITE) &&
	    (S_ISDIR(i->mode) || !(mask & MAY_EXEC)))
		return 0;
	return -EACCES;
}

int inode_permission(const struct inode *i, unsigned mask)
{
	const struct cred *c = current()->cred;

	if (!c)
		return 0;
	return permission_of(i, mask, c->caps.effective, c->fsuid,
			     c->fsuid != i->uid && cred_in_group(c, i->gid));
}

static bool in_real_group(const struct cred *c, uint32_t gid)
{
	if (c->gid == gid)
		return true;
	for (uint32_t k = 0; k < c->ngroups; k++)
		if (c->groups[k] == gid)
			return true;
	return false;
}

int inode_access(const struct inode *i, unsigned mask, bool effective)
{
	const struct cred *c = current()->cred;

	if (!c || effective)
		return inode_permission(i, mask);
	/* access(2): as root by its real id would be able to. */
	return permission_of(i, mask, c->uid == 0 ? c->caps.permitted : 0, c->uid,
			     in_real_group(c, i->gid));
}

bool inode_owner_or_root(const struct inode *i)
{
	const struct cred *c = current()->cred;

	return !c || c->fsuid == i->uid || cred_capable(c, CAP_FOWNER);
}

void inode_init_owner(struct inode *i, const struct inode *dir, uint32_t mode)
{
	const struct cred *c = current()->cred;

	i->uid = c ? c->fsuid : 0;
	i->gid = c ? c->fsgid : 0;
	if (dir && dir->mode & S_ISGID) {
		i->gid = dir->gid;
		if (S_ISDIR(mode))
			mode |= S_ISGID;
	}
	i->mode = mode;
}

static void attr_store(struct inode *i, const struct attr *a)
{
	if (a->valid & ATTR_MODE)
		WRITE_ONCE(i->mode, (i->mode & S_IFMT) | (a->mode & 07777));
	if (a->valid & ATTR_UID)
		WRITE_ONCE(i->uid, a->uid);
	if (a->valid & ATTR_GID)
		WRITE_ONCE(i->gid, a->gid);
	if (a->valid & ATTR_ATIME)
		WRITE_ONCE(i->atime, a->atime);
	if (a->valid & ATTR_MTIME)
		WRITE_ONCE(i->mtime, a->mtime);
}

int inode_setattr(struct inode *i, const struct attr *a)
{
	int err = 0;

	DEBUG_ASSERT(mutex_held(&i->mutex));
	if (a->valid & ATTR_SIZE) {
		if (!i->object)
			return -EINVAL;
		if (object_is_huge(i->object) && a->size % HUGE_SIZE)
			return -EINVAL;
		err = seals_check_size(i, a->size);
		if (err)
			return err;
		err = object_truncate(i->object, a->size);
		if (err)
			return err;
	}
	if (i->ops->setattr)
		err = i->ops->setattr(i, a);
	if (err)
		return err;
	attr_store(i, a);
	if (a->valid & ATTR_SIZE)
		inode_touch(i);
	else
		inode_touch_ctime(i);
	return 0;
}
