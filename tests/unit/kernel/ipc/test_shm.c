// SPDX-License-Identifier: MIT
// SOURCES: kernel/ipc/shm.c kernel/ipc/shmctl.c kernel/lib/format.c tests/unit/kernel/fs/fs_fake.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/slab.c
// Segments: keys and places, permissions, attachments by every way an area comes or goes, removal,
// promises, huge pages, what shmctl tells and sets.
#include "tests/mock/mock.h"

#include "kernel/cred.h"
#include "kernel/ipc/shm_internal.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "mm/aspace.h"
#include "mm/commit.h"
#include "mm/huge.h"
#include "tests/mock/objects.h"
#include "tests/unit/kernel/fs/fs_fake.h"

SYSCALL(shmget);
SYSCALL(shmat);
SYSCALL(shmdt);
SYSCALL(shmctl);

#define ARGS(...) ((const uint64_t[6]){ __VA_ARGS__ })
#define KEY       77
#define MB2       ((uint64_t)1 << 21)

/* A file with all that belongs to it. */
struct made {
	struct file file;
	struct inode inode;
	struct object object;
	bool huge;
};

static int files_out, attach_error;
static uint64_t promised, promise_limit, huge_promised, huge_limit;
static struct map_request mapped; /* the last */
static struct file *areas[8];     /* that map segments */

/* ---- The rest of the kernel ---- */

struct file *file_create_unnamed(const char *name, bool huge, uint64_t size,
				 const struct file_ops *ops)
{
	struct made *m = mock_alloc_should_fail() ? NULL : calloc(1, sizeof(*m));

	assert_int_equal(memcmp(name, "/SYSV", 5), 0);
	if (!m)
		return ERR_PTR(-ENOMEM);
	m->object.size = size;
	m->huge = huge;
	m->inode.object = &m->object;
	m->file = (struct file){ .refs = 1, .ops = ops, .inode = &m->inode };
	files_out++;
	return &m->file;
}

struct file *file_get(struct file *f)
{
	f->refs++;
	return f;
}

void file_put(struct file *f)
{
	struct made *m = container_of(f, struct made, file);

	if (--f->refs)
		return;
	files_out--;
	commit_give(m->object.committed);
	huge_promised -= m->huge ? huge_promised : 0; /* the tests have one at a time */
	free(m);
}

uint64_t inode_size(const struct inode *i)
{
	return i->object->size;
}

bool object_is_huge(const struct object *o)
{
	return container_of(o, struct made, object)->huge;
}

int huge_object_reserve_all(struct object *o)
{
	if (huge_promised + o->size / MB2 > huge_limit)
		return -ENOMEM;
	huge_promised += o->size / MB2;
	return 0;
}

int huge_size_check(unsigned log2)
{
	return log2 == 0 || log2 == 21 ? 0 : log2 == 25 ? -ENOMEM : -EINVAL;
}

int commit_take(uint64_t pages, uint64_t request)
{
	assert_int_equal(pages, request);
	if (promised + pages > promise_limit)
		return -ENOMEM;
	promised += pages;
	return 0;
}

void commit_give(uint64_t pages)
{
	promised -= pages;
}

bool current_capable(unsigned cap)
{
	return cred_capable(current()->cred, cap);
}

/* An area comes: the file room tells of it. */
int64_t aspace_map(struct aspace *as, const struct map_request *r)
{
	unsigned i = 0;

	(void)as;
	mapped = *r;
	if (attach_error)
		return attach_error;
	while (areas[i])
		i++;
	areas[i] = file_get(r->file);
	areas[i]->ops->area(areas[i], 1);
	return 0x100000 * (i + 1);
}

static void area_goes(unsigned i)
{
	struct file *f = areas[i];

	areas[i] = NULL;
	f->ops->area(f, -1);
	file_put(f);
}

int aspace_detach(struct aspace *as, virt_addr_t addr, bool (*mine)(void *file))
{
	unsigned i = (unsigned)(addr / 0x100000) - 1;

	(void)as;
	if (i >= ARRAY_SIZE(areas) || !areas[i] || !mine(areas[i]))
		return -EINVAL;
	area_goes(i);
	return 0;
}

/* ---- Fixture ---- */

static void act_as(uint32_t uid)
{
	current()->cred->euid = uid;
	current()->cred->caps.effective = uid == 0 ? CAPS_ALL : 0;
}

static int setup(void **state)
{
	mock_setup(state);
	fake_begin();
	act_as(0);
	current()->process->pid = 5;
	promised = huge_promised = 0;
	promise_limit = 1000;
	huge_limit = 2;
	attach_error = 0;
	fake_limit_memlock = RLIM64_INFINITY;
	return 0;
}

static int teardown(void **state)
{
	assert_int_equal(segment_count, 0);
	assert_int_equal(files_out, 0);
	assert_int_equal(promised + huge_promised, 0);
	assert_int_equal(mock_objects_out(), 0);
	fake_end();
	return mock_teardown(state);
}

static int get(int key, uint64_t size, unsigned flags)
{
	return (int)sys_shmget(ARGS((uint64_t)key, size, flags));
}

static int64_t attach(int id, unsigned flags)
{
	return sys_shmat(ARGS((uint64_t)id, 0, flags));
}

static int detach(int64_t at)
{
	return (int)sys_shmdt(ARGS((uint64_t)at));
}

static int control(int id, int cmd, void *data)
{
	return (int)sys_shmctl(ARGS((uint64_t)id, (uint64_t)cmd, (uintptr_t)data));
}

static unsigned attached(int id)
{
	struct shmid64_ds ds;

	assert_int_equal(control(id, IPC_STAT, &ds), 0);
	return (unsigned)ds.shm_nattch;
}

/* ---- Tests ---- */

static void test_keys(void **state)
{
	int id;

	(void)state;
	assert_int_equal(get(KEY, 100, 0600), -ENOENT);
	id = get(KEY, 5000, IPC_CREAT | 0600);
	assert_true(id >= 0);
	assert_int_equal(promised, 2);
	assert_int_equal(get(KEY, 5000, 0600), id);
	assert_int_equal(get(KEY, 0, IPC_CREAT), id);
	assert_int_equal(get(KEY, 5001, 0600), -EINVAL);
	assert_int_equal(get(KEY, 5000, IPC_CREAT | IPC_EXCL | 0600), -EEXIST);
	act_as(9);
	assert_int_equal(get(KEY, 0, 0400), -EACCES);
	assert_int_equal(get(KEY, 0, 0), id);
	act_as(0);
	assert_int_equal(get(IPC_PRIVATE, 0, 0600), -EINVAL);
	assert_int_equal(get(IPC_PRIVATE, UINT64_MAX, 0600), -EINVAL);
	assert_int_equal(get(IPC_PRIVATE, (uint64_t)1 << 60, 0600), -ENOMEM);
	assert_int_equal(get(IPC_PRIVATE, 999 * PAGE_SIZE, 0600), -ENOMEM);
	assert_int_equal(promised, 2);
	assert_int_equal(control(get(IPC_PRIVATE, 999 * PAGE_SIZE, 0600 | SHM_NORESERVE), IPC_RMID,
				 NULL),
			 0);
	assert_int_equal(control(id, IPC_RMID, NULL), 0);
	assert_int_equal(get(KEY, 0, 0), -ENOENT);
}

/* The lowest place is taken again, by another id. */
static void test_places(void **state)
{
	struct shm_report r;
	unsigned next;
	int id[3];

	(void)state;
	for (int i = 0; i < 3; i++)
		id[i] = get(IPC_PRIVATE, 1, 0600);
	assert_int_equal(id[2] & 0x7fff, 2);
	assert_int_equal(control(id[1], IPC_RMID, NULL), 0);
	assert_true(shm_next(1, &r, &next) && r.id == id[2] && next == 3);
	assert_false(shm_next(3, &r, &next));
	assert_int_equal(control(id[1], IPC_RMID, NULL), -EINVAL);
	id[1] = get(IPC_PRIVATE, 1, 0600);
	assert_int_equal(id[1] & 0x7fff, 1);
	assert_int_not_equal(id[1], id[2]);
	assert_true(shm_next(1, &r, &next) && r.id == id[1] && next == 2);
	for (int i = 0; i < 3; i++)
		assert_int_equal(control(id[i], IPC_RMID, NULL), 0);
}

static void test_attaching(void **state)
{
	int id = get(IPC_PRIVATE, 5000, 0604);
	int64_t at, again;

	(void)state;
	at = attach(id, 0);
	assert_true(at > 0);
	assert_int_equal(mapped.length, 8192);
	assert_int_equal(mapped.flags, AREA_SHARED | AREA_READ | AREA_WRITE | AREA_MAY_WRITE);
	assert_false(mapped.fixed);
	again = attach(id, SHM_RDONLY | SHM_EXEC);
	assert_int_equal(mapped.flags, AREA_SHARED | AREA_READ | AREA_EXEC);
	assert_int_equal(attached(id), 2);
	assert_int_equal(sys_shmat(ARGS((uint64_t)id, 5000, 0)), -EINVAL);
	assert_int_equal(sys_shmat(ARGS((uint64_t)id, 0, SHM_REMAP)), -EINVAL);
	attach_error = -EEXIST;
	assert_int_equal(sys_shmat(ARGS((uint64_t)id, 8191, SHM_RND)), -EINVAL);
	assert_true(mapped.fixed && mapped.noreplace && mapped.addr == 4096);
	attach_error = -ENOMEM;
	assert_int_equal(attach(id, 0), -ENOMEM);
	attach_error = 0;
	assert_int_equal(attached(id), 2);
	act_as(9);
	assert_int_equal(attach(id, 0), -EACCES);
	assert_int_equal(attach(99999, 0), -EINVAL);
	act_as(0);
	assert_int_equal(detach(at + 1), -EINVAL);
	assert_int_equal(detach(at), 0);
	assert_int_equal(detach(at), -EINVAL);
	assert_int_equal(attached(id), 1);
	assert_int_equal(detach(again), 0);
	assert_int_equal(control(id, IPC_RMID, NULL), 0);
}

/* Removed while it is attached: its key is free, it stays until the last area goes, and nobody else
 * can come. */
static void test_removal(void **state)
{
	int id = get(KEY, 100, IPC_CREAT | 0600), other;
	int64_t at = attach(id, 0);

	(void)state;
	assert_int_equal(control(id, IPC_RMID, NULL), 0);
	assert_int_equal(segment_count, 1);
	other = get(KEY, 100, IPC_CREAT | 0600);
	assert_int_not_equal(other, id);
	assert_int_equal(attached(id), 1);
	assert_int_equal(detach(at), 0);
	assert_int_equal(segment_count, 1);
	assert_int_equal(control(other, IPC_RMID, NULL), 0);
}

static void test_huge(void **state)
{
	struct shm_report r;
	unsigned next;
	int id;

	(void)state;
	id = get(IPC_PRIVATE, MB2 + 1, 0600 | SHM_HUGETLB);
	assert_true(id >= 0);
	assert_int_equal(huge_promised, 2);
	assert_int_equal(promised, 0);
	assert_int_equal(get(IPC_PRIVATE, MB2, 0600 | SHM_HUGETLB), -ENOMEM);
	assert_true(attach(id, 0) > 0);
	assert_true(mapped.flags & AREA_HUGETLB);
	assert_int_equal(mapped.length, 2 * MB2);
	mapped.object->nr_pages = 1; /* huge pages */
	assert_true(shm_next(0, &r, &next));
	assert_int_equal(r.resident, MB2);
	area_goes(0);
	assert_int_equal(control(id, IPC_RMID, NULL), 0);
	assert_int_equal(get(IPC_PRIVATE, 1, 0600 | SHM_HUGETLB | 25u << SHM_HUGE_SHIFT), -ENOMEM);
	assert_int_equal(get(IPC_PRIVATE, 1, 0600 | SHM_HUGETLB | 23u << SHM_HUGE_SHIFT), -EINVAL);
	/* Never paged out: only within the limit of locked memory, or by right. */
	act_as(9);
	fake_limit_memlock = MB2 - 1;
	assert_int_equal(get(IPC_PRIVATE, MB2, 0600 | SHM_HUGETLB), -EPERM);
	fake_limit_memlock = MB2;
	id = get(IPC_PRIVATE, MB2, 0600 | SHM_HUGETLB);
	assert_true(id >= 0);
	assert_int_equal(control(id, IPC_RMID, NULL), 0);
}

static void test_control(void **state)
{
	int id = get(KEY, 5000, IPC_CREAT | 0640);
	struct shmid64_ds ds;
	struct shm_info use;

	(void)state;
	assert_int_equal(control(id, IPC_STAT, &ds), 0);
	assert_int_equal(ds.shm_segsz, 5000);
	assert_int_equal(ds.shm_perm.mode, 0640);
	assert_int_equal(ds.shm_cpid, 5);
	assert_int_equal(control(0, SHM_STAT, &ds), id);
	assert_int_equal(control(1, SHM_STAT, &ds), -EINVAL);
	assert_int_equal(control(0, SHM_INFO, &use), 0);
	assert_int_equal(use.used_ids, 1);
	assert_int_equal(use.shm_tot, 2);
	ds.shm_perm.mode = 07644;
	ds.shm_perm.uid = 9;
	assert_int_equal(control(id, IPC_SET, &ds), 0);
	act_as(9);
	assert_int_equal(control(id, IPC_STAT, &ds), 0);
	assert_int_equal(ds.shm_perm.mode, 0644);
	act_as(10);
	assert_int_equal(control(id, IPC_SET, &ds), -EPERM);
	assert_int_equal(control(id, IPC_RMID, NULL), -EPERM);
	assert_int_equal(control(id, IPC_STAT, &ds), 0); /* others may read */
	act_as(9);
	ds.shm_perm.uid = UINT32_MAX;
	assert_int_equal(control(id, IPC_SET, &ds), -EINVAL);
	assert_int_equal(control(id, 4711, NULL), -EINVAL);
	assert_int_equal(control(id, SHM_LOCK, NULL), 0);
	assert_int_equal(control(id, IPC_STAT, &ds), 0);
	assert_int_equal(ds.shm_perm.mode, 0644 | SHM_LOCKED);
	assert_int_equal(control(id, IPC_RMID, NULL), 0);
}

static void test_no_memory(void **state)
{
	(void)state;
	for (unsigned n = 1; n <= 2; n++) {
		mock_fail_allocation(n);
		assert_int_equal(get(KEY, 5000, IPC_CREAT | 0600), -ENOMEM);
		assert_int_equal(promised, 0);
	}
	mock_fail_allocation(0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_keys), TEST(test_places),  TEST(test_attaching), TEST(test_removal),
		TEST(test_huge), TEST(test_control), TEST(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
