// SPDX-License-Identifier: MIT
// SOURCES: kernel/fs/pidfd.c kernel/lib/format.c tests/mock/machine.c tests/mock/kernel.c
// Process descriptors: which processes get one, what it tells, another's files by it, clone's
// offer; every reference given back.
#include "tests/mock/mock.h"

#include <linux/pidfd.h>

#include "kernel/errno.h"
#include "kernel/fs/files.h"
#include "kernel/fs/internal.h"
#include "kernel/fs/pidfd.h"
#include "kernel/fs/poll.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "mm/usercopy.h"

SYSCALL(pidfd_open);
SYSCALL(pidfd_getfd);

void *calloc(size_t n, size_t size);
void free(void *p);

#define ARGS(...) ((const uint64_t[6]){ __VA_ARGS__ })
#define FDS       8

enum { PID = 40, THREAD = 41 };

static struct process process;
static struct task leader;
static struct inode proc_dir, plain;
static struct file *table[FDS], theirs = { .refs = 1 };
static struct files their_files;
static bool close_on_exec;
static int inodes, files_refs, task_refs, may_inspect, install_error;
static bool no_inode, store_fails, no_files;

/* ---- The rest of the kernel ---- */

struct process *process_get(struct process *p)
{
	p->refs++;
	return p;
}

void process_put(struct process *p)
{
	p->refs--;
}

struct process *process_find(int pid)
{
	return pid == PID ? process_get(&process) : NULL;
}

struct task *task_find(int tid)
{
	task_refs += tid == THREAD;
	return tid == THREAD ? &leader : NULL;
}

void task_put(struct task *t)
{
	assert_ptr_equal(t, &leader);
	task_refs--;
}

int process_may_inspect(struct process *p, bool fs_ids)
{
	assert_ptr_equal(p, &process);
	assert_false(fs_ids);
	return may_inspect;
}

struct files *process_files(struct process *p)
{
	(void)p;
	files_refs += !no_files;
	return no_files ? NULL : &their_files;
}

void files_put(struct files *fs)
{
	assert_ptr_equal(fs, &their_files);
	files_refs--;
}

struct file *files_lookup(struct files *fs, unsigned fd)
{
	assert_ptr_equal(fs, &their_files);
	return fd == 5 ? file_get(&theirs) : NULL;
}

struct process *proc_dir_process(const struct inode *i)
{
	return i == &proc_dir ? process_get(&process) : NULL;
}

struct inode *anon_inode(uint32_t mode)
{
	struct inode *i = no_inode ? NULL : calloc(1, sizeof(*i));

	(void)mode;
	inodes += i != NULL;
	return i;
}

struct file *file_create_anon(const struct file_ops *ops, struct inode *inode, unsigned mode,
			      unsigned flags, void *data)
{
	struct file *f = calloc(1, sizeof(*f));

	*f = (struct file){
		.refs = 1, .ops = ops, .inode = inode, .mode = mode, .flags = flags, .data = data
	};
	return f;
}

struct file *file_get(struct file *f)
{
	f->refs++;
	return f;
}

void file_put(struct file *f)
{
	if (--f->refs)
		return;
	assert_ptr_not_equal(f, &theirs);
	f->ops->release(f);
	inodes--;
	free(f->inode);
	free(f);
}

struct file *file_get_fd(int fd)
{
	return fd >= 0 && fd < FDS && table[fd] ? file_get(table[fd]) : NULL;
}

int file_install(struct file *f, int min, bool cloexec)
{
	int fd = min;

	if (install_error)
		return install_error;
	while (table[fd])
		fd++;
	table[fd] = f;
	close_on_exec = cloexec;
	return fd;
}

int64_t fd_for(struct file *f, unsigned flags)
{
	return IS_ERR(f) ? PTR_ERR(f) : file_install(f, 0, flags & O_CLOEXEC);
}

int file_close_fd_if(unsigned fd, const struct file *only)
{
	struct file *f = table[fd];

	if (f != only)
		return -EBADF;
	table[fd] = NULL;
	file_put(f);
	return 0;
}

int user_store32(virt_addr_t dst, uint32_t value)
{
	if (store_fails)
		return -EFAULT;
	*(uint32_t *)dst = value;
	return 0;
}

/* ---- Fixture ---- */

static int setup(void **state)
{
	mock_setup(state);
	process = (struct process){ .refs = 1, .pid = PID, .leader = &leader };
	waitq_init(&process.thread_wait);
	memset(table, 0, sizeof(table));
	may_inspect = install_error = 0;
	no_inode = store_fails = no_files = false;
	return 0;
}

static void close_fd(int fd)
{
	assert_int_equal(file_close_fd_if((unsigned)fd, table[fd]), 0);
}

static int teardown(void **state)
{
	assert_int_equal(process.refs, 1);
	assert_int_equal(theirs.refs, 1);
	assert_int_equal(inodes + files_refs + task_refs, 0);
	return mock_teardown(state);
}

static void test_open(void **state)
{
	bool nonblock;
	int fd;

	(void)state;
	fd = (int)sys_pidfd_open(ARGS(PID, 0));
	assert_int_equal(fd, 0);
	assert_true(close_on_exec);
	assert_ptr_equal(pidfd_process(fd, &nonblock), &process);
	assert_false(nonblock);
	assert_int_equal(process.refs, 3);
	process_put(&process);
	close_fd(fd);
	fd = (int)sys_pidfd_open(ARGS(PID, PIDFD_NONBLOCK));
	assert_ptr_equal(pidfd_process(fd, &nonblock), &process);
	assert_true(nonblock);
	process_put(&process);
	close_fd(fd);
	assert_int_equal(sys_pidfd_open(ARGS(PID, 1)), -EINVAL);
	assert_int_equal(sys_pidfd_open(ARGS(0, 0)), -EINVAL);
	assert_int_equal(sys_pidfd_open(ARGS((uint64_t)-1, 0)), -EINVAL);
	assert_int_equal(sys_pidfd_open(ARGS(99, 0)), -ESRCH);
	assert_int_equal(sys_pidfd_open(ARGS(THREAD, 0)), -EINVAL);
	no_inode = true;
	assert_int_equal(sys_pidfd_open(ARGS(PID, 0)), -ENOMEM);
}

/* Readable when no thread is left; it goes on naming what has been reaped. */
static void test_what_it_tells(void **state)
{
	int fd = (int)sys_pidfd_open(ARGS(PID, 0));
	const struct file_ops *ops = table[fd]->ops;
	char text[64];

	(void)state;
	assert_int_equal(ops->poll(table[fd], NULL), 0);
	ops->fdinfo(table[fd], text, sizeof(text));
	assert_string_equal(text, "Pid:\t40\nNSpid:\t40\n");
	process.zombie = true;
	assert_int_equal(ops->poll(table[fd], NULL), POLL_READABLE);
	process.leader = NULL;
	ops->fdinfo(table[fd], text, sizeof(text));
	assert_string_equal(text, "Pid:\t-1\nNSpid:\t-1\n");
	close_fd(fd);
}

static void test_other_descriptors(void **state)
{
	static const struct file_ops ops;
	struct file dir = { .refs = 1, .ops = &ops, .inode = &proc_dir },
		    file = { .refs = 1, .ops = &ops, .inode = &plain };
	int fd = (int)sys_pidfd_open(ARGS(PID, 0));

	(void)state;
	table[1] = &dir;
	table[2] = &file;
	assert_ptr_equal(pidfd_process_or_dir(fd), &process);
	assert_ptr_equal(pidfd_process_or_dir(1), &process);
	process.refs -= 2;
	assert_int_equal(PTR_ERR(pidfd_process_or_dir(2)), -EBADF);
	assert_int_equal(PTR_ERR(pidfd_process_or_dir(3)), -EBADF);
	assert_int_equal(PTR_ERR(pidfd_process(1, NULL)), -EBADF);
	assert_int_equal(PTR_ERR(pidfd_process(-1, NULL)), -EBADF);
	dir.mode = FILE_PATH;
	assert_int_equal(PTR_ERR(pidfd_process_or_dir(1)), -EBADF);
	assert_int_equal(dir.refs + file.refs, 2);
	table[1] = table[2] = NULL;
	close_fd(fd);
}

static void test_getfd(void **state)
{
	int fd = (int)sys_pidfd_open(ARGS(PID, 0));

	(void)state;
	assert_int_equal(sys_pidfd_getfd(ARGS((uint64_t)fd, 5, 0)), 1);
	assert_true(close_on_exec);
	assert_ptr_equal(table[1], &theirs);
	assert_int_equal(theirs.refs, 2);
	theirs.refs--;
	table[1] = NULL;
	assert_int_equal(sys_pidfd_getfd(ARGS((uint64_t)fd, 5, 1)), -EINVAL);
	assert_int_equal(sys_pidfd_getfd(ARGS((uint64_t)fd, 6, 0)), -EBADF);
	assert_int_equal(sys_pidfd_getfd(ARGS(7, 5, 0)), -EBADF);
	may_inspect = -EPERM;
	assert_int_equal(sys_pidfd_getfd(ARGS((uint64_t)fd, 5, 0)), -EPERM);
	may_inspect = 0;
	no_files = true;
	assert_int_equal(sys_pidfd_getfd(ARGS((uint64_t)fd, 5, 0)), -ESRCH);
	close_fd(fd);
}

/* clone(2): the descriptor is there before the process is, and goes if that never comes. */
static void test_offers(void **state)
{
	uint32_t told = 0;
	struct file *f;
	int fd;

	(void)state;
	f = pidfd_offer(&process, (virt_addr_t)&told, &fd);
	assert_ptr_equal(table[fd], f);
	assert_int_equal(told, fd);
	pidfd_settle(f, fd, true);
	close_fd(fd);
	f = pidfd_offer(&process, (virt_addr_t)&told, &fd);
	pidfd_settle(f, fd, false);
	assert_null(table[fd]);
	/* Another thread was faster, and has put something else there. */
	f = pidfd_offer(&process, (virt_addr_t)&told, &fd);
	close_fd(fd);
	table[fd] = &theirs;
	pidfd_settle(f, fd, false);
	assert_ptr_equal(table[fd], &theirs);
	table[fd] = NULL;
	store_fails = true;
	assert_int_equal(PTR_ERR(pidfd_offer(&process, (virt_addr_t)&told, &fd)), -EFAULT);
	assert_null(table[0]);
	install_error = -EMFILE;
	assert_int_equal(PTR_ERR(pidfd_offer(&process, (virt_addr_t)&told, &fd)), -EMFILE);
	no_inode = true;
	assert_int_equal(PTR_ERR(pidfd_offer(&process, (virt_addr_t)&told, &fd)), -ENOMEM);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_open),  TEST(test_what_it_tells), TEST(test_other_descriptors),
		TEST(test_getfd), TEST(test_offers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
