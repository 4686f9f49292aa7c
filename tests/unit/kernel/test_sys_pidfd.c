// SPDX-License-Identifier: MIT
// SOURCES: kernel/sys_pidfd.c tests/mock/machine.c tests/mock/kernel.c
// pidfd_send_signal and process_mrelease: what may be sent as what, whose memory may be taken back,
// references.
#include "tests/mock/mock.h"

#include <linux/signal.h>
#include <string.h>

#include "kernel/errno.h"
#include "kernel/fs/pidfd.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "mm/aspace.h"
#include "mm/usercopy.h"

SYSCALL(pidfd_send_signal);
SYSCALL(process_mrelease);

#define ARGS(...) ((const uint64_t[6]){ __VA_ARGS__ })

enum { FD_MINE = 3, FD_OTHER, FD_DIRECTORY, FD_NONE };

static struct process mine, other, third;
static struct aspace space;
static struct task leader;
static struct ksiginfo sent;
static int sent_count, space_refs, reaped;
static bool locked;

int copy_from_user(void *dst, virt_addr_t src, size_t n)
{
	if (src < 4096)
		return -EFAULT;
	memcpy(dst, (const void *)src, n);
	return 0;
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

struct process *pidfd_process(int fd, bool *nonblock)
{
	(void)nonblock;
	return fd == FD_MINE    ? process_get(&mine)
	       : fd == FD_OTHER ? process_get(&other)
				: ERR_PTR(-EBADF);
}

struct process *pidfd_process_or_dir(int fd)
{
	return fd == FD_DIRECTORY ? process_get(&other) : pidfd_process(fd, NULL);
}

void process_tree_lock(void)
{
	assert_false(locked);
	locked = true;
}

void process_tree_unlock(void)
{
	assert_true(locked);
	locked = false;
}

struct ksiginfo signal_user_info(int signo, int code)
{
	return (struct ksiginfo){ .signo = signo, .code = code };
}

int signal_request_locked(struct process *p, int signo, const struct ksiginfo *info)
{
	assert_true(locked && p->leader);
	assert_int_equal(info->signo, signo);
	sent = *info;
	sent_count++;
	return 0;
}

struct aspace *process_aspace(struct process *p)
{
	if (!p->leader)
		return NULL;
	space_refs++;
	return &space;
}

void aspace_put(struct aspace *as)
{
	assert_ptr_equal(as, &space);
	space_refs--;
}

bool process_runs_on(struct process *p, const struct aspace *as)
{
	return p->leader && as == &space;
}

int process_for_each_locked(int (*fn)(struct process *p, void *arg), void *arg)
{
	struct process *const all[] = { &mine, &other, &third };
	int result = 0;

	assert_true(locked);
	for (int i = 1; i < 3 && !result; i++) /* the first has other memory */
		result = fn(all[i], arg);
	return result;
}

void aspace_reap(struct aspace *as, void (*step)(void))
{
	(void)step;
	assert_ptr_equal(as, &space);
	assert_false(locked);
	reaped++;
}

static int setup(void **state)
{
	mock_setup(state);
	mine = (struct process){ .refs = 1, .leader = &leader };
	other = (struct process){ .refs = 1, .leader = &leader };
	third = (struct process){ .refs = 1 };
	sent_count = space_refs = reaped = 0;
	current()->process = &mine;
	return 0;
}

static int teardown(void **state)
{
	current()->process = NULL;
	assert_int_equal(mine.refs, 1);
	assert_int_equal(other.refs, 1);
	assert_int_equal(space_refs, 0);
	return mock_teardown(state);
}

static int64_t send(int fd, int signo, const struct ksiginfo *info, unsigned flags)
{
	return sys_pidfd_send_signal(
		ARGS((uint64_t)fd, (uint64_t)(int64_t)signo, (uintptr_t)info, flags));
}

static void signals(void **state)
{
	struct ksiginfo info = { .signo = SIGUSR1, .code = SI_QUEUE };

	(void)state;
	assert_int_equal(send(FD_OTHER, SIGUSR1, NULL, 0), 0);
	assert_int_equal(sent.code, SI_USER);
	assert_int_equal(send(FD_DIRECTORY, SIGUSR1, &info, 0), 0);
	assert_int_equal(sent.code, SI_QUEUE);
	assert_int_equal(sent_count, 2);
	assert_int_equal(send(FD_OTHER, SIGUSR2, &info, 0), -EINVAL);
	assert_int_equal(send(FD_OTHER, SIGUSR1, &info, 1), -EINVAL);
	assert_int_equal(send(FD_OTHER, -1, NULL, 0), -EINVAL);
	assert_int_equal(send(FD_OTHER, SIGNAL_MAX + 1, NULL, 0), -EINVAL);
	assert_int_equal(send(FD_NONE, SIGUSR1, NULL, 0), -EBADF);
	assert_int_equal(send(FD_OTHER, SIGUSR1, (struct ksiginfo *)8, 0), -EFAULT);
	info.code = SI_TKILL;
	assert_int_equal(send(FD_OTHER, SIGUSR1, &info, 0), -EPERM);
	info.code = SI_USER;
	assert_int_equal(send(FD_OTHER, SIGUSR1, &info, 0), -EPERM);
	assert_int_equal(send(FD_MINE, SIGUSR1, &info, 0), 0);
	other.leader = NULL;
	assert_int_equal(send(FD_OTHER, SIGUSR1, NULL, 0), -ESRCH);
	assert_int_equal(sent_count, 3);
}

static int64_t release(int fd, unsigned flags)
{
	return sys_process_mrelease(ARGS((uint64_t)fd, flags));
}

static void releases(void **state)
{
	(void)state;
	assert_int_equal(release(FD_OTHER, 0), -EINVAL); /* it lives */
	other.exiting = true;
	assert_int_equal(release(FD_OTHER, 1), -EINVAL);
	assert_int_equal(release(FD_DIRECTORY, 0), -EBADF);
	third.leader = &leader; /* somebody else lives on the same memory */
	assert_int_equal(release(FD_OTHER, 0), -EINVAL);
	assert_int_equal(reaped, 0);
	third.exiting = true;
	assert_int_equal(release(FD_OTHER, 0), 0);
	assert_int_equal(reaped, 1);
	other.leader = NULL;
	assert_int_equal(release(FD_OTHER, 0), -ESRCH);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(signals),
		TEST(releases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
