// SPDX-License-Identifier: MIT
// shmctl(2): what is known about segments, and changes of them.
#include "kernel/cred.h"
#include "kernel/fs/vfs.h"
#include "kernel/ipc/shm_internal.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "kernel/time.h"
#include "mm/usercopy.h"

/* The highest place in use, 0 when none is. */
static int highest_locked(void)
{
	return list_empty(&segments)
		       ? 0
		       : (int)segment_place(list_last(&segments, struct segment, link));
}

static int64_t tell_limits(virt_addr_t to)
{
	struct shminfo64 info = {
		.shmmax = SHM_SIZE_MAX,
		.shmmin = SHMMIN,
		.shmmni = SHMMNI,
		.shmseg = SHMMNI,
		.shmall = SHM_SIZE_MAX,
	};
	int highest;

	mutex_lock(&shm_mutex);
	highest = highest_locked();
	mutex_unlock(&shm_mutex);
	return copy_to_user(to, &info, sizeof(info)) ? -EFAULT : highest;
}

static int64_t tell_use(virt_addr_t to)
{
	struct shm_info info = { 0 };
	struct segment *s;
	int highest;

	mutex_lock(&shm_mutex);
	highest = highest_locked();
	info.used_ids = (int)segment_count;
	list_for_each (s, &segments, link) {
		uint64_t resident, swapped;

		segment_pages(s, &resident, &swapped);
		info.shm_tot += DIV_ROUND_UP(s->size, PAGE_SIZE);
		info.shm_rss += resident;
		info.shm_swp += swapped;
	}
	mutex_unlock(&shm_mutex);
	return copy_to_user(to, &info, sizeof(info)) ? -EFAULT : highest;
}

static void describe(const struct segment *s, struct shmid64_ds *ds)
{
	*ds = (struct shmid64_ds){
		.shm_perm = { .key = s->key,
			      .uid = s->uid,
			      .gid = s->gid,
			      .cuid = s->cuid,
			      .cgid = s->cgid,
			      .mode = s->mode,
			      .seq = (unsigned short)(s->id >> PLACE_SHIFT) },
		.shm_segsz = s->size,
		.shm_atime = s->atime,
		.shm_dtime = s->dtime,
		.shm_ctime = s->ctime,
		.shm_cpid = s->cpid,
		.shm_lpid = s->lpid,
		.shm_nattch = s->attached,
	};
}

static struct segment *find_place_locked(unsigned place)
{
	struct segment *s;

	list_for_each (s, &segments, link) {
		if (segment_place(s) == place)
			return s;
	}
	return NULL;
}

/* IPC_STAT by id; SHM_STAT and SHM_STAT_ANY by place, and answer the id. */
static int64_t tell_segment(int which, int cmd, virt_addr_t to)
{
	struct shmid64_ds ds;
	struct segment *s;
	int64_t result;

	mutex_lock(&shm_mutex);
	s = cmd == IPC_STAT ? segment_find_locked(which) : find_place_locked((unsigned)which);
	result = s ? 0 : -EINVAL;
	if (s && cmd != SHM_STAT_ANY)
		result = segment_permission(s, 0400);
	if (result == 0) {
		describe(s, &ds);
		result = cmd == IPC_STAT ? 0 : s->id;
	}
	mutex_unlock(&shm_mutex);
	if (result < 0)
		return result;
	return copy_to_user(to, &ds, sizeof(ds)) ? -EFAULT : result;
}

static bool owns(const struct segment *s)
{
	const struct cred *c = current()->cred;

	return c->euid == s->uid || c->euid == s->cuid || cred_capable(c, CAP_SYS_ADMIN);
}

/* SHM_LOCK: its pages stay in RAM once they are there. */
static int lock_locked(struct segment *s, bool lock)
{
	if (lock && process_limit(RLIMIT_MEMLOCK) == 0 && !current_capable(CAP_IPC_LOCK))
		return -EPERM;
	s->mode = lock ? s->mode | SHM_LOCKED : s->mode & ~(uint32_t)SHM_LOCKED;
	WRITE_ONCE(s->file->inode->object->keep, lock);
	return 0;
}

static int remove_locked(struct segment *s)
{
	if (s->attached == 0) {
		segment_remove_locked(s);
		return 0;
	}
	s->mode |= SHM_DEST;
	s->key = IPC_PRIVATE; /* the key is free for another */
	return 0;
}

static int change_locked(struct segment *s, int cmd, const struct shmid64_ds *ds)
{
	switch (cmd) {
	case IPC_RMID: return remove_locked(s);
	case SHM_LOCK:
	case SHM_UNLOCK: return lock_locked(s, cmd == SHM_LOCK);
	default: break;
	}
	if (ds->shm_perm.uid == UINT32_MAX || ds->shm_perm.gid == UINT32_MAX)
		return -EINVAL;
	s->uid = ds->shm_perm.uid;
	s->gid = ds->shm_perm.gid;
	s->mode = (s->mode & ~0777u) | (ds->shm_perm.mode & 0777);
	s->ctime = (int64_t)(time_wall() / NSEC_PER_SEC);
	return 0;
}

/* IPC_SET, IPC_RMID, SHM_LOCK, SHM_UNLOCK. */
static int64_t change(int id, int cmd, virt_addr_t from)
{
	struct shmid64_ds ds;
	struct segment *s;
	int64_t err;

	if (cmd == IPC_SET && copy_from_user(&ds, from, sizeof(ds)))
		return -EFAULT;
	mutex_lock(&shm_mutex);
	s = segment_find_locked(id);
	if (!s)
		err = -EINVAL;
	else if (!owns(s))
		err = -EPERM;
	else
		err = change_locked(s, cmd, &ds);
	mutex_unlock(&shm_mutex);
	return err;
}

SYSCALL(shmctl)
{
	int id = (int)args[0], cmd = (int)args[1];

	if (id < 0)
		return -EINVAL;
	switch (cmd) {
	case IPC_INFO: return tell_limits(args[2]);
	case SHM_INFO: return tell_use(args[2]);
	case IPC_STAT:
	case SHM_STAT:
	case SHM_STAT_ANY: return tell_segment(id, cmd, args[2]);
	case IPC_SET:
	case IPC_RMID:
	case SHM_LOCK:
	case SHM_UNLOCK: return change(id, cmd, args[2]);
	default: return -EINVAL;
	}
}
