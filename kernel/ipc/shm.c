// SPDX-License-Identifier: MIT
/*
 * shmget(2), shmat(2), shmdt(2), and the table of segments; shmctl(2) is in shmctl.c.
 *
 * Segments are on a list by their place, the low bits of the id; a new one takes the lowest free
 * place and a new sequence number above it, so that an old id does not soon name another segment.
 * There are 4096 at most (SHMMNI), so walks are bounded.
 */
#include <linux/resource.h>
#include <linux/stat.h>

#include "kernel/cred.h"
#include "kernel/fs/vfs.h"
#include "kernel/ipc/shm_internal.h"
#include "kernel/lib/string.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "kernel/time.h"
#include "mm/aspace.h"
#include "mm/commit.h"
#include "mm/huge.h"
#include "mm/slab.h"

struct mutex shm_mutex = MUTEX_INIT(shm_mutex);
struct list segments = LIST_INIT(segments);
unsigned segment_count;
static unsigned sequence; /* of the next id */

static int64_t now(void)
{
	return (int64_t)(time_wall() / NSEC_PER_SEC);
}

static int my_pid(void)
{
	return current()->process ? current()->process->pid : 0;
}

/* ---- The table ---- */

struct segment *segment_find_locked(int id)
{
	struct segment *s;

	list_for_each (s, &segments, link) {
		if (s->id == id)
			return s;
	}
	return NULL;
}

static struct segment *find_key_locked(int key)
{
	struct segment *s;

	list_for_each (s, &segments, link) {
		if (s->key == key)
			return s;
	}
	return NULL;
}

/* Gives s the lowest free place and an id; the list stays in order. */
static void segment_enter_locked(struct segment *s)
{
	unsigned place = 0;
	struct segment *other;

	list_for_each (other, &segments, link) {
		if (segment_place(other) != place)
			break;
		place++;
	}
	s->id = (int)((sequence++ & 0xffff) << PLACE_SHIFT | place);
	list_insert_before(&other->link, &s->link); /* or the head, at the end */
	segment_count++;
}

void segment_remove_locked(struct segment *s)
{
	list_remove(&s->link);
	segment_count--;
	/* Areas that come or go by now find no segment any more: their file has none. */
	s->file->data = NULL;
	file_put(s->file);
	kfree(s);
}

int segment_permission(const struct segment *s, uint32_t wanted)
{
	const struct cred *c = current()->cred;
	uint32_t mode = s->mode;

	if (c->euid == s->cuid || c->euid == s->uid)
		mode >>= 6;
	else if (cred_in_group(c, s->cgid) || cred_in_group(c, s->gid))
		mode >>= 3;
	/* Whoever asks names the right in any of the three classes. */
	wanted = wanted >> 6 | wanted >> 3 | wanted;
	return wanted & ~mode & 7 && !cred_capable(c, CAP_IPC_OWNER) ? -EACCES : 0;
}

void segment_pages(const struct segment *s, uint64_t *resident, uint64_t *swapped)
{
	const struct object *o = s->file->inode->object;

	*resident = READ_ONCE(o->nr_pages) * (object_is_huge(o) ? HUGE_SIZE >> PAGE_SHIFT : 1);
	*swapped = READ_ONCE(o->nr_swapped);
}

bool shm_next(unsigned place, struct shm_report *r, unsigned *next)
{
	struct segment *s;
	bool found;

	mutex_lock(&shm_mutex);
	list_for_each (s, &segments, link)
		if (segment_place(s) >= place)
			break;
	found = &s->link != &segments;
	if (found) {
		*r = (struct shm_report){ s->key,   s->id,    s->mode,     s->size,
					  s->cpid,  s->lpid,  s->attached, s->uid,
					  s->gid,   s->cuid,  s->cgid,     s->atime,
					  s->dtime, s->ctime, 0,           0 };
		segment_pages(s, &r->resident, &r->swapped);
		r->resident *= PAGE_SIZE;
		r->swapped *= PAGE_SIZE;
		*next = segment_place(s) + 1;
	}
	mutex_unlock(&shm_mutex);
	return found;
}

/* ---- Attachments ---- */

void segment_attach_locked(struct segment *s)
{
	s->attached++;
	s->atime = now();
	s->lpid = my_pid();
}

void segment_detach_locked(struct segment *s)
{
	s->attached--;
	s->dtime = now();
	s->lpid = my_pid();
	if (s->attached == 0 && s->mode & SHM_DEST)
		segment_remove_locked(s);
}

static void shm_area(struct file *f, int change)
{
	struct segment *s;

	mutex_lock(&shm_mutex);
	s = f->data;
	if (s && change > 0)
		segment_attach_locked(s);
	else if (s)
		segment_detach_locked(s);
	mutex_unlock(&shm_mutex);
}

static const struct file_ops shm_file_ops = { .area = shm_area };

/* ---- shmget ---- */

/* A file of huge pages, all of them promised unless told otherwise. */
static struct file *huge_file(const char *name, uint64_t size, bool reserve)
{
	struct file *f = file_create_unnamed(name, true, ALIGN_UP(size, HUGE_SIZE), &shm_file_ops);

	if (IS_ERR(f) || !reserve || huge_object_reserve_all(f->inode->object) == 0)
		return f;
	file_put(f);
	return ERR_PTR(-ENOMEM);
}

/* A file for `size` bytes, all of them promised unless told otherwise. ERR_PTR: -ENOMEM. */
static struct file *segment_file(int key, uint64_t size, unsigned flags)
{
	bool reserve = !(flags & SHM_NORESERVE);
	uint64_t pages = reserve ? ALIGN_UP(size, PAGE_SIZE) >> PAGE_SHIFT : 0;
	struct file *f;
	char name[16];

	format(name, sizeof(name), "/SYSV%08x", (unsigned)key);
	if (size >> PAGE_SHIFT >= UINT32_MAX - (HUGE_SIZE >> PAGE_SHIFT))
		return ERR_PTR(-ENOMEM);
	if (flags & SHM_HUGETLB)
		return huge_file(name, size, reserve);
	if (commit_take(pages, pages))
		return ERR_PTR(-ENOMEM);
	f = file_create_unnamed(name, false, ALIGN_UP(size, PAGE_SIZE), &shm_file_ops);
	if (IS_ERR(f))
		commit_give(pages);
	else
		f->inode->object->committed = pages; /* given back with it */
	return f;
}

/* SHM_HUGETLB: 0, -EINVAL, -ENOMEM (no pages of that size); -EPERM: never paged out, so not for
 * everybody. */
static int check_huge(uint64_t size, unsigned flags)
{
	int err = huge_size_check(flags >> SHM_HUGE_SHIFT & SHM_HUGE_MASK);

	if (err == 0 && size > process_limit(RLIMIT_MEMLOCK) && !current_capable(CAP_IPC_LOCK))
		err = -EPERM;
	return err;
}

static int64_t segment_create_locked(int key, uint64_t size, unsigned flags)
{
	struct segment *s;
	int err;

	if (size == 0 || size > SHM_SIZE_MAX)
		return -EINVAL;
	if (segment_count >= SHMMNI)
		return -ENOSPC;
	err = flags & SHM_HUGETLB ? check_huge(size, flags) : 0;
	if (err)
		return err;
	s = kmalloc(sizeof(*s), ALLOC_ZERO);
	if (!s)
		return -ENOMEM;
	s->file = segment_file(key, size, flags);
	if (IS_ERR(s->file)) {
		kfree(s);
		return -ENOMEM;
	}
	s->file->data = s;
	s->key = key;
	s->size = size;
	s->mode = flags & 0777;
	s->uid = s->cuid = current()->cred->euid;
	s->gid = s->cgid = current()->cred->egid;
	s->cpid = my_pid();
	s->ctime = now();
	segment_enter_locked(s);
	return s->id;
}

static int64_t shm_get_locked(int key, uint64_t size, unsigned flags)
{
	struct segment *s = key == IPC_PRIVATE ? NULL : find_key_locked(key);
	int err;

	if (!s)
		return key == IPC_PRIVATE || flags & IPC_CREAT
			       ? segment_create_locked(key, size, flags)
			       : -ENOENT;
	if ((flags & (IPC_CREAT | IPC_EXCL)) == (IPC_CREAT | IPC_EXCL))
		return -EEXIST;
	if (size > s->size)
		return -EINVAL;
	err = segment_permission(s, flags & 0777);
	return err ? err : s->id;
}

SYSCALL(shmget)
{
	int64_t id;

	mutex_lock(&shm_mutex);
	id = shm_get_locked((int)args[0], args[1], (unsigned)args[2]);
	mutex_unlock(&shm_mutex);
	return id;
}

/* ---- shmat, shmdt ---- */

/* The area's flags; *wanted: the permissions that takes. */
static unsigned attach_flags(unsigned flags, uint32_t *wanted)
{
	unsigned area = AREA_SHARED | AREA_READ;

	*wanted = S_IRUSR;
	if (!(flags & SHM_RDONLY)) {
		area |= AREA_WRITE | AREA_MAY_WRITE;
		*wanted |= S_IWUSR;
	}
	if (flags & SHM_EXEC) {
		area |= AREA_EXEC;
		*wanted |= S_IXUSR;
	}
	return area;
}

/* Pins the segment: its file with a reference, ERR_PTR: -EINVAL, -EACCES. */
static struct file *segment_pin(int id, uint32_t wanted)
{
	struct file *f = ERR_PTR(-EINVAL);
	struct segment *s;
	int err;

	mutex_lock(&shm_mutex);
	s = segment_find_locked(id);
	if (s) {
		err = segment_permission(s, wanted);
		f = err ? ERR_PTR(err) : file_get(s->file);
		s->attached += !err;
	}
	mutex_unlock(&shm_mutex);
	return f;
}

static void segment_unpin(struct file *f)
{
	struct segment *s;

	mutex_lock(&shm_mutex);
	s = f->data;
	s->attached--;
	if (s->attached == 0 && s->mode & SHM_DEST)
		segment_remove_locked(s);
	mutex_unlock(&shm_mutex);
	file_put(f);
}

SYSCALL(shmat)
{
	unsigned flags = (unsigned)args[2];
	struct map_request r = { .addr = args[1], .noreplace = !(flags & SHM_REMAP) };
	struct file *f;
	uint32_t wanted;
	int64_t at;

	if (flags & SHM_RND)
		r.addr = ALIGN_DOWN(r.addr, PAGE_SIZE); /* SHMLBA is a page */
	if (r.addr % PAGE_SIZE != 0 || (r.addr == 0 && flags & SHM_REMAP))
		return -EINVAL;
	r.fixed = r.addr != 0;
	r.flags = attach_flags(flags, &wanted);
	f = segment_pin((int)args[0], wanted);
	if (IS_ERR(f))
		return PTR_ERR(f);
	r.file = f;
	r.object = f->inode->object;
	r.length = inode_size(f->inode);
	if (object_is_huge(r.object))
		r.flags |= AREA_HUGETLB;
	at = aspace_map(current()->aspace, &r);
	segment_unpin(f);
	return at == -EEXIST ? -EINVAL : at;
}

static bool is_shm(void *file)
{
	return ((struct file *)file)->ops == &shm_file_ops;
}

SYSCALL(shmdt)
{
	return args[0] % PAGE_SIZE != 0 ? -EINVAL
					: aspace_detach(current()->aspace, args[0], is_shm);
}
