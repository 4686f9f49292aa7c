// SPDX-License-Identifier: MIT
// SOURCES: kernel/sys_mm_process.c tests/mock/machine.c tests/mock/kernel.c tests/mock/slab.c tests/mock/frames.c
/*
 * process_vm_readv, process_vm_writev and process_madvise: how lists of pieces meet, where a
 * transfer ends, what is refused. The other process's memory is an array with a hole.
 */
#include "tests/mock/mock.h"

#include <linux/mman.h>
#include <linux/uio.h>
#include <string.h>

#include "kernel/cred.h"
#include "kernel/errno.h"
#include "kernel/fs/pidfd.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "mm/aspace.h"
#include "mm/usercopy.h"
#include "tests/mock/objects.h"

SYSCALL(process_vm_readv);
SYSCALL(process_vm_writev);
SYSCALL(process_madvise);

#define ARGS(...) ((const uint64_t[6]){ __VA_ARGS__ })
#define BASE      0x100000ull /* of the other's memory */
#define SIZE      (4 * PAGE_SIZE)
#define HOLE      (BASE + 2 * PAGE_SIZE) /* a page */

static uint8_t memory[SIZE], buffer[SIZE];
static struct process target;
static struct aspace space;
static struct task leader;
static int inspect_result, space_refs;
static bool capable;
static uint64_t advised;
static int advice_seen;

int copy_from_user(void *dst, virt_addr_t src, size_t n)
{
	if (!src)
		return -EFAULT;
	memcpy(dst, (const void *)src, n);
	return 0;
}

size_t copy_from_user_some(void *dst, virt_addr_t src, size_t n)
{
	return copy_from_user(dst, src, n) ? n : 0;
}

size_t copy_to_user_some(virt_addr_t dst, const void *src, size_t n)
{
	if (!dst)
		return n;
	memcpy((void *)dst, src, n);
	return 0;
}

bool user_range_ok(virt_addr_t p, size_t n)
{
	return p + n >= p && p + n < 1ull << 48;
}

struct process *process_find(int pid)
{
	return pid == 5 ? process_get(&target) : NULL;
}

struct process *process_get(struct process *p)
{
	p->refs++;
	return p;
}

void process_put(struct process *p)
{
	p->refs--;
}

int process_may_inspect(struct process *p, bool fs_ids)
{
	(void)p, (void)fs_ids;
	return inspect_result;
}

bool current_capable(unsigned cap)
{
	assert_int_equal(cap, CAP_SYS_NICE);
	return capable;
}

struct aspace *process_aspace(struct process *p)
{
	assert_ptr_equal(p, &target);
	space_refs++;
	return &space;
}

void aspace_put(struct aspace *as)
{
	assert_ptr_equal(as, &space);
	space_refs--;
}

struct process *pidfd_process(int fd, bool *nonblock)
{
	(void)nonblock;
	return fd == 3 ? process_get(&target) : ERR_PTR(-EBADF);
}

int64_t aspace_access(struct aspace *as, virt_addr_t va, void *kva, size_t n, bool write)
{
	assert_ptr_equal(as, &space);
	if (va < BASE || va >= BASE + SIZE || (va >= HOLE && va < HOLE + PAGE_SIZE))
		return -EFAULT;
	assert_true(va / PAGE_SIZE == (va + n - 1) / PAGE_SIZE);
	memcpy(write ? memory + (va - BASE) : kva, write ? kva : memory + (va - BASE), n);
	return (int64_t)n;
}

int aspace_advise(struct aspace *as, virt_addr_t addr, uint64_t length, int advice)
{
	assert_ptr_equal(as, &space);
	advice_seen = advice;
	if (addr == HOLE)
		return -ENOMEM;
	advised += length;
	return 0;
}

static int setup(void **state)
{
	mock_setup(state);
	for (size_t i = 0; i < SIZE; i++)
		memory[i] = (uint8_t)(i * 7 + i / 256);
	memset(buffer, 0, sizeof(buffer));
	target = (struct process){ .refs = 1, .leader = &leader };
	inspect_result = space_refs = 0;
	capable = true;
	advised = 0;
	return 0;
}

static int teardown(void **state)
{
	assert_int_equal(target.refs, 1);
	assert_int_equal(space_refs, 0);
	assert_int_equal(mock_objects_out(), 0);
	return mock_teardown(state);
}

static struct iovec piece(uint64_t base, size_t n)
{
	return (struct iovec){ (void *)base, n };
}

#define AT(p) ((uint64_t)(uintptr_t)(p))

static void pieces_meet(void **state)
{
	struct iovec my[] = { piece(AT(buffer), 10), piece(0, 0), piece(AT(buffer) + 10, 5000) };
	struct iovec their[] = { piece(BASE + 3, 4), piece(BASE + 100, 4500),
				 piece(BASE + 9, 100) };

	(void)state;
	assert_int_equal(sys_process_vm_readv(ARGS(5, AT(my), 3, AT(their), 3, 0)), 4604);
	assert_memory_equal(buffer, memory + 3, 4);
	assert_memory_equal(buffer + 4, memory + 100, 4500);
	assert_memory_equal(buffer + 4504, memory + 9, 100);
	memset(buffer, 0xaa, sizeof(buffer));
	assert_int_equal(sys_process_vm_writev(ARGS(5, AT(my), 3, AT(their), 1, 0)), 4);
	assert_int_equal(memory[2], (uint8_t)14);
	assert_int_equal(memory[3], 0xaa);
	assert_int_equal(memory[7], (uint8_t)49);
}

static void ends_at_a_hole(void **state)
{
	struct iovec my = piece(AT(buffer), SIZE), their = piece(BASE + PAGE_SIZE + 1, SIZE),
		     hole = piece(HOLE, 1), nowhere = piece(0, 8);

	(void)state;
	assert_int_equal(sys_process_vm_readv(ARGS(5, AT(&my), 1, AT(&their), 1, 0)),
			 PAGE_SIZE - 1);
	assert_int_equal(sys_process_vm_readv(ARGS(5, AT(&my), 1, AT(&hole), 1, 0)), -EFAULT);
	assert_int_equal(sys_process_vm_writev(ARGS(5, AT(&nowhere), 1, AT(&their), 1, 0)),
			 -EFAULT);
}

static void refusals(void **state)
{
	struct iovec my = piece(AT(buffer), 8), their = piece(BASE, 8),
		     wrong = piece(BASE, SIZE_MAX);

	(void)state;
	assert_int_equal(sys_process_vm_readv(ARGS(5, AT(&my), 1, AT(&their), 1, 1)), -EINVAL);
	assert_int_equal(sys_process_vm_readv(ARGS(5, AT(&my), 1025, AT(&their), 1, 0)), -EINVAL);
	assert_int_equal(sys_process_vm_readv(ARGS(5, AT(&my), 1, AT(&wrong), 1, 0)), -EINVAL);
	assert_int_equal(sys_process_vm_readv(ARGS(5, 0, 1, AT(&their), 1, 0)), -EFAULT);
	assert_int_equal(sys_process_vm_readv(ARGS(5, AT(&my), 0, AT(&their), 1, 0)), 0);
	assert_int_equal(sys_process_vm_readv(ARGS(6, AT(&my), 1, AT(&their), 1, 0)), -ESRCH);
	inspect_result = -EPERM;
	assert_int_equal(sys_process_vm_readv(ARGS(5, AT(&my), 1, AT(&their), 1, 0)), -EPERM);
	inspect_result = 0;
	mock_fail_allocation(1);
	assert_int_equal(sys_process_vm_readv(ARGS(5, AT(&my), 1, AT(&their), 1, 0)), -ENOMEM);
	mock_fail_allocation(0);
}

static int64_t advise(int fd, const struct iovec *v, uint64_t n, int advice, unsigned flags)
{
	return sys_process_madvise(ARGS((uint64_t)fd, AT(v), n, (uint64_t)advice, flags));
}

static void advice(void **state)
{
	struct iovec two[] = { piece(BASE, PAGE_SIZE), piece(BASE + PAGE_SIZE, 5) };
	struct iovec v[] = { piece(BASE, PAGE_SIZE), piece(HOLE, PAGE_SIZE),
			     piece(BASE, PAGE_SIZE) };

	(void)state;
	assert_int_equal(advise(3, two, 2, MADV_COLD, 0), PAGE_SIZE + 5);
	advised = 0;
	assert_int_equal(advise(3, v, 1, MADV_COLD, 0), PAGE_SIZE);
	assert_int_equal(advice_seen, MADV_COLD);
	assert_int_equal(advise(3, v, 3, MADV_PAGEOUT, 0), PAGE_SIZE);
	assert_int_equal(advised, 2 * PAGE_SIZE); /* none after the one that failed */
	assert_int_equal(advise(3, v + 1, 2, MADV_WILLNEED, 0), -ENOMEM);
	assert_int_equal(advise(3, v, 0, MADV_COLD, 0), 0);
	assert_int_equal(advise(3, v, 1, MADV_DONTNEED, 0), -EINVAL);
	assert_int_equal(advise(3, v, 1, MADV_COLD, 1), -EINVAL);
	assert_int_equal(advise(4, v, 1, MADV_COLD, 0), -EBADF);
	capable = false;
	assert_int_equal(advise(3, v, 1, MADV_COLD, 0), -EPERM);
	inspect_result = -EPERM;
	assert_int_equal(advise(3, v, 1, MADV_COLD, 0), -EACCES);
	target.leader = NULL;
	assert_int_equal(advise(3, v, 1, MADV_COLD, 0), -ESRCH);
	assert_int_equal(advised, 2 * PAGE_SIZE);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pieces_meet),
		TEST(ends_at_a_hole),
		TEST(refusals),
		TEST(advice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
