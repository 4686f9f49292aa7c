// SPDX-License-Identifier: MIT
#include <linux/resource.h>

#include "kernel/cred.h"
#include "kernel/fs/dev.h"
#include "kernel/fs/internal.h"
#include "kernel/process.h"
#include "mm/aspace.h"
#include "mm/commit.h"
#include "mm/huge.h"
#include "mm/slab.h"
#include "mm/swap.h"
#include "tests/mock/mock.h"
#include "tests/unit/kernel/fs/fs_fake.h"
#include "tests/unit/kernel/user_fake.h"

uint64_t fake_limit_nofile = 1024, fake_limit_memlock = RLIM64_INFINITY;
uint32_t fake_uid;
int fake_signal;

static struct process process;
static struct cred cred;
static struct user fake_user;

/* ---- Process, credentials, signals ---- */

WEAK uint64_t process_limit(unsigned resource)
{
	return resource == RLIMIT_NOFILE    ? fake_limit_nofile
	       : resource == RLIMIT_MEMLOCK ? fake_limit_memlock
					    : RLIM64_INFINITY;
}

WEAK int signal_send(struct task *t, int signo, const struct ksiginfo *info)
{
	(void)t, (void)info;
	fake_signal = signo;
	return 0;
}

WEAK bool signal_pending(void)
{
	return false;
}

WEAK bool cred_in_group(const struct cred *c, uint32_t gid)
{
	return c->egid == gid || c->fsgid == gid;
}

WEAK bool current_capable(unsigned cap)
{
	return cred_capable(&cred, cap);
}

WEAK void aspace_set_file_ops(const struct area_file_ops *ops)
{
	(void)ops;
}

/* ---- Objects ---- */

struct fake_object {
	struct object o;
	char *data;
	uint64_t room;
};

static unsigned objects;

unsigned fake_objects(void)
{
	return objects;
}

WEAK struct object *object_create_anon(uint64_t size)
{
	struct fake_object *f;

	if (mock_alloc_should_fail())
		return NULL;
	f = calloc(1, sizeof(*f));
	f->o.size = size;
	f->o.refs = 1;
	objects++;
	return &f->o;
}

WEAK struct object *object_get(struct object *o)
{
	o->refs++;
	return o;
}

WEAK void object_put(struct object *o)
{
	struct fake_object *f = container_of(o, struct fake_object, o);

	if (--o->refs)
		return;
	free(f->data);
	free(f);
	objects--;
}

static void set_size(struct fake_object *f, uint64_t size)
{
	if (size > f->room) {
		f->data = realloc(f->data, size);
		memset(f->data + f->room, 0, size - f->room);
		f->room = size;
	}
	if (size < f->o.size)
		memset(f->data + size, 0, f->o.size - size);
	f->o.size = size;
	if (f->o.room)
		f->o.room->used += DIV_ROUND_UP(size, PAGE_SIZE) - f->o.nr_pages;
	f->o.nr_pages = (uint32_t)DIV_ROUND_UP(size, PAGE_SIZE);
}

/* Threads do not run. */
WEAK struct task *task_create_kernel(const char *name, void (*fn)(void *arg), void *arg, int policy,
				     int priority)
{
	static struct task thread;

	(void)name, (void)fn, (void)arg, (void)policy, (void)priority;
	return &thread;
}

WEAK uint32_t object_error_open(struct object *o)
{
	(void)o;
	return 0;
}

WEAK int write_error_tell(uint32_t *word, uint32_t *told)
{
	(void)word, (void)told;
	return 0;
}

WEAK void page_dirty_slow(struct page *p)
{
	page_set_flag(p, PAGE_DIRTY);
}

WEAK int object_truncate(struct object *o, uint64_t size)
{
	if (mock_alloc_should_fail())
		return -ENOMEM;
	set_size(container_of(o, struct fake_object, o), size);
	return 0;
}

/* Nothing here is on a disk. */
WEAK int64_t object_read_file(struct object *o, struct readahead *ra, uint64_t pos, void *dst,
			      size_t n, bool user)
{
	(void)ra;
	return object_read(o, pos, dst, n, user);
}

WEAK int64_t object_read(struct object *o, uint64_t pos, void *dst, size_t n, bool user)
{
	struct fake_object *f = container_of(o, struct fake_object, o);

	(void)user;
	if (pos >= o->size)
		return 0;
	n = MIN(n, o->size - pos);
	memcpy(dst, f->data + pos, n);
	return (int64_t)n;
}

WEAK int64_t object_write(struct object *o, uint64_t pos, const void *src, size_t n, bool user)
{
	struct fake_object *f = container_of(o, struct fake_object, o);

	(void)user;
	if (mock_alloc_should_fail())
		return -ENOMEM;
	if (pos + n > o->size && o->room) {
		uint64_t most = (o->room->limit(o->room) - o->room->used + o->nr_pages)
				<< PAGE_SHIFT;

		if (pos >= most)
			return -ENOSPC;
		n = MIN(n, most - pos);
	}
	if (pos + n > o->size)
		set_size(f, pos + n);
	memcpy(f->data + pos, src, n);
	return (int64_t)n;
}

WEAK struct page *object_get_page(struct object *o, uint32_t index, enum object_want want, int *err,
				  bool *major)
{
	(void)o, (void)index, (void)want, (void)major;
	*err = 0;
	return NULL;
}

/* ---- Room: by sizes, as there are no holes ---- */

WEAK void object_enter_room(struct object *o, struct object_room *room)
{
	o->room = room;
}

WEAK void object_leave_room(struct object *o)
{
	if (o->room)
		o->room->used -= o->nr_pages;
	o->room = NULL;
}

bool fake_commit_refuses;

WEAK int commit_take(uint64_t pages, uint64_t request)
{
	(void)request;
	return pages > 0 && fake_commit_refuses ? -ENOMEM : 0;
}

WEAK void commit_give(uint64_t pages)
{
	(void)pages;
}

WEAK bool object_is_hole(struct object *o, uint32_t index)
{
	(void)o, (void)index;
	return false;
}

WEAK void object_punch(struct object *o, uint32_t first, uint32_t last)
{
	struct fake_object *f = container_of(o, struct fake_object, o);
	uint64_t from = (uint64_t)first << PAGE_SHIFT, to = ((uint64_t)last + 1) << PAGE_SHIFT;

	memset(f->data + from, 0, MIN(to, o->size) - from);
}

/* ---- Parts of this room that a test leaves out ---- */

WEAK const struct file_ops fifo_ops;
WEAK void epoll_file_gone(struct file *f)
{
	(void)f;
}

WEAK void file_locks_free(struct inode *i)
{
	(void)i;
}

WEAK void file_locks_close(struct file *f, struct files *owner)
{
	(void)f, (void)owner;
}

WEAK void file_locks_release(struct file *f)
{
	(void)f;
}

/* ---- Fixture ---- */

void fake_begin(void)
{
	memset(&process, 0, sizeof(process));
	memset(&cred, 0, sizeof(cred));
	cred.caps.effective = CAPS_ALL;
	memset(&fake_user, 0, sizeof(fake_user));
	cred.user = &fake_user;
	process.pid = 1;
	fake_uid = 0;
	fake_signal = 0;
	fake_limit_nofile = 1024;
	current()->process = &process;
	current()->cred = &cred;
}

void fake_end(void)
{
	current()->process = NULL;
	current()->cred = NULL;
}

WEAK int object_deny_writers(struct object *o)
{
	(void)o;
	return 0;
}

WEAK bool object_is_huge(const struct object *o)
{
	(void)o;
	return false;
}

WEAK const struct file_ops huge_file_ops;

WEAK int device_nodes_create(struct dentry *root)
{
	(void)root;
	return 0;
}

WEAK const struct file_ops *device_ops(uint32_t mode, devno_t rdev)
{
	(void)mode, (void)rdev;
	return NULL;
}

WEAK void swap_stats(struct swap_stats *s)
{
	*s = (struct swap_stats){ .slots_total = 100 };
}
