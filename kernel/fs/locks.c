// SPDX-License-Identifier: MIT
/*
 * Advisory locks: POSIX record locks of a process (owner: its table of descriptors),
 * open-file-description locks (owner: the struct file) and flock locks of an open file (owner too;
 * a kind of their own, always the whole file).
 *
 * An inode's locks hang on inode->locks, which is made with the first and lives as long as the
 * inode. Its mutex covers the list. A change of ranges needs at most two new records, which are
 * allocated before anything is touched. A lock that has to wait sleeps until any lock of that inode
 * goes away and tries again; a cycle of waiting processes is not looked for, a signal ends it.
 */
#include "kernel/fs/locks.h"

#include "kernel/fs/internal.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "mm/slab.h"
#include "mm/usercopy.h"

enum lock_kind { KIND_POSIX, KIND_FLOCK };

struct file_lock {
	struct list link;
	const void *owner;
	int pid; /* for F_GETLK; -1: of an open file */
	enum lock_kind kind;
	bool exclusive;
	uint64_t start, end; /* first and last byte */
};

struct file_locks {
	struct mutex mutex;
	struct list list;
	struct waitq freed;
	uint32_t changes; /* counts removals, so that a waiter sees one that came before it slept */
};

static struct file_locks *locks_of(struct inode *i)
{
	struct file_locks *l = READ_ONCE(i->locks), *made;

	if (l)
		return l;
	made = kmalloc(sizeof(*made), ALLOC_ZERO);
	if (!made)
		return NULL;
	mutex_init(&made->mutex);
	list_init(&made->list);
	waitq_init(&made->freed);
	spin_lock(&i->lock);
	if (!i->locks) {
		atomic_store_release(&i->locks, made);
		made = NULL;
	}
	l = i->locks;
	spin_unlock(&i->lock);
	kfree(made);
	return l;
}

void file_locks_free(struct inode *i)
{
	/* Every lock went with its file or process before the last reference to the inode. */
	kfree(i->locks);
}

static bool overlaps(const struct file_lock *a, const struct file_lock *b)
{
	return a->start <= b->end && b->start <= a->end;
}

static struct file_lock *conflict(struct file_locks *l, const struct file_lock *want)
{
	struct file_lock *o;

	list_for_each (o, &l->list, link)
		if (o->kind == want->kind && o->owner != want->owner && overlaps(o, want) &&
		    (o->exclusive || want->exclusive))
			return o;
	return NULL;
}

static void drop(struct file_locks *l, struct file_lock *o)
{
	list_remove(&o->link);
	kfree(o);
	l->changes++;
}

/* Takes [want->start, want->end] out of what its owner has. spare: a record for the case that one
 * lock becomes two; consumed then. */
static void cut_out(struct file_locks *l, const struct file_lock *want, struct file_lock **spare)
{
	struct file_lock *o, *next;

	list_for_each_safe (o, next, &l->list, link) {
		if (o->kind != want->kind || o->owner != want->owner || !overlaps(o, want))
			continue;
		if (o->start < want->start && o->end > want->end) {
			struct file_lock *tail = *spare;

			*spare = NULL;
			*tail = *o;
			tail->start = want->end + 1;
			o->end = want->start - 1;
			list_push_back(&l->list, &tail->link);
			l->changes++;
			return;
		}
		if (o->start < want->start)
			o->end = want->start - 1;
		else if (o->end > want->end)
			o->start = want->end + 1;
		else
			drop(l, o);
		l->changes++;
	}
}

/* Joins `added` with neighbours of the same owner and type. */
static void merge(struct file_locks *l, struct file_lock *added)
{
	struct file_lock *o, *next;

	list_for_each_safe (o, next, &l->list, link) {
		if (o == added || o->kind != added->kind || o->owner != added->owner ||
		    o->exclusive != added->exclusive)
			continue;
		if (o->end + 1 == added->start || added->end + 1 == o->start) {
			added->start = MIN(added->start, o->start);
			added->end = MAX(added->end, o->end);
			list_remove(&o->link);
			kfree(o);
		}
	}
}

/* Sets (type F_RDLCK, F_WRLCK) or clears (F_UNLCK) want. 0, -EAGAIN (conflict) or -ENOMEM. */
static int apply(struct file_locks *l, const struct file_lock *want, bool unlock)
{
	struct file_lock *spare = kmalloc(sizeof(*spare), 0), *added = NULL;

	if (!unlock)
		added = kmalloc(sizeof(*added), 0);
	if (!spare || (!unlock && !added)) {
		kfree(spare);
		kfree(added);
		return -ENOMEM;
	}
	mutex_lock(&l->mutex);
	if (!unlock && conflict(l, want)) {
		mutex_unlock(&l->mutex);
		kfree(spare);
		kfree(added);
		return -EAGAIN;
	}
	cut_out(l, want, &spare);
	if (added) {
		*added = *want;
		list_push_back(&l->list, &added->link);
		merge(l, added);
	}
	mutex_unlock(&l->mutex);
	kfree(spare);
	waitq_wake_all(&l->freed);
	return 0;
}

static int apply_waiting(struct file_locks *l, const struct file_lock *want, bool unlock, bool wait)
{
	for (;;) {
		uint32_t seen = READ_ONCE(l->changes);
		int err = apply(l, want, unlock);

		if (err != -EAGAIN || !wait)
			return err;
		if (wait_event(&l->freed, READ_ONCE(l->changes) != seen, WAIT_INTERRUPTIBLE,
			       WAIT_FOREVER))
			return -ERESTART;
	}
}

/* The range of a struct flock as first and last byte. */
static int flock_range(struct file *f, const struct flock *fl, struct file_lock *want)
{
	int64_t base = 0, start, end;

	if (fl->l_whence == 1)
		base = (int64_t)f->pos;
	else if (fl->l_whence == 2)
		base = (int64_t)inode_size(f->inode);
	else if (fl->l_whence != 0)
		return -EINVAL;
	if (__builtin_add_overflow(base, fl->l_start, &start))
		return -EOVERFLOW;
	end = INT64_MAX;
	if (fl->l_len > 0 && __builtin_add_overflow(start, fl->l_len - 1, &end))
		return -EOVERFLOW;
	if (fl->l_len < 0) {
		end = start - 1;
		if (__builtin_add_overflow(start, fl->l_len, &start))
			return -EOVERFLOW;
	}
	if (start < 0)
		return -EINVAL;
	want->start = (uint64_t)start;
	want->end = (uint64_t)end;
	return 0;
}

static int64_t get_lock(struct file_locks *l, const struct file_lock *want, struct flock *fl,
			uint64_t arg)
{
	const struct file_lock *o;

	mutex_lock(&l->mutex);
	o = conflict(l, want);
	fl->l_type = F_UNLCK;
	if (o) {
		fl->l_type = o->exclusive ? F_WRLCK : F_RDLCK;
		fl->l_whence = 0;
		fl->l_start = (int64_t)o->start;
		fl->l_len = o->end == INT64_MAX ? 0 : (int64_t)(o->end - o->start + 1);
		fl->l_pid = o->pid;
	}
	mutex_unlock(&l->mutex);
	return copy_to_user((virt_addr_t)arg, fl, sizeof(*fl));
}

static void drop_owned(struct inode *i, const void *owner)
{
	struct file_locks *l = READ_ONCE(i->locks);
	struct file_lock *o, *next;

	mutex_lock(&l->mutex);
	list_for_each_safe (o, next, &l->list, link)
		if (o->owner == owner)
			drop(l, o);
	mutex_unlock(&l->mutex);
	waitq_wake_all(&l->freed);
}

int64_t locks_fcntl(struct file *f, int fd, unsigned cmd, uint64_t arg)
{
	bool ofd = cmd == F_OFD_GETLK || cmd == F_OFD_SETLK || cmd == F_OFD_SETLKW;
	struct file_lock want = {
		.kind = KIND_POSIX,
		.owner = ofd ? (const void *)f : (const void *)current()->files,
		.pid = ofd ? -1 : current()->process->pid,
	};
	struct file_locks *l;
	struct flock fl;
	int err;

	if (copy_from_user(&fl, (virt_addr_t)arg, sizeof(fl)))
		return -EFAULT;
	if (fl.l_type != F_RDLCK && fl.l_type != F_WRLCK && fl.l_type != F_UNLCK)
		return -EINVAL;
	if (ofd && fl.l_pid != 0)
		return -EINVAL;
	err = flock_range(f, &fl, &want);
	if (err)
		return err;
	want.exclusive = fl.l_type == F_WRLCK;
	l = locks_of(f->inode);
	if (!l)
		return -ENOLCK;
	if (cmd == F_GETLK || cmd == F_OFD_GETLK)
		return fl.l_type == F_UNLCK ? -EINVAL : get_lock(l, &want, &fl, arg);
	if ((fl.l_type == F_RDLCK && !(f->mode & FILE_READ)) ||
	    (fl.l_type == F_WRLCK && !(f->mode & FILE_WRITE)))
		return -EBADF;
	err = apply_waiting(l, &want, fl.l_type == F_UNLCK, cmd == F_SETLKW || cmd == F_OFD_SETLKW);
	/* Closing clears the descriptor, then drops the locks: those that it did not find any more
	 * go here. */
	if (!err && !ofd && !files_hold(current()->files, (unsigned)fd, f)) {
		drop_owned(f->inode, want.owner);
		err = -EBADF;
	}
	return err;
}

int64_t locks_flock(struct file *f, unsigned op)
{
	struct file_lock want = {
		.kind = KIND_FLOCK, .owner = f, .pid = -1, .start = 0, .end = INT64_MAX
	};
	struct file_locks *l;
	unsigned what = op & ~(unsigned)LOCK_NB;
	int err;

	if (what != LOCK_SH && what != LOCK_EX && what != LOCK_UN)
		return -EINVAL;
	l = locks_of(f->inode);
	if (!l)
		return -ENOLCK;
	want.exclusive = what == LOCK_EX;
	err = apply_waiting(l, &want, what == LOCK_UN, !(op & LOCK_NB));
	return err == -EAGAIN ? -EWOULDBLOCK : err;
}

void file_locks_close(struct file *f, struct files *owner)
{
	if (unlikely(READ_ONCE(f->inode->locks)))
		drop_owned(f->inode, owner);
}

void file_locks_release(struct file *f)
{
	drop_owned(f->inode, f);
}
