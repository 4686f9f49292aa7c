// SPDX-License-Identifier: MIT
// SOURCES: kernel/fs/pipe.c kernel/fs/pipe_open.c tests/unit/kernel/fs/fs_fake.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c tests/mock/slab.c
/*
 * The pipe's ring against a reference queue: random reads, writes and sizes; blocking on either
 * side; closed ends; no memory.
 */
#include "tests/mock/mock.h"

#include <asm/signal.h>

#include "kernel/cred.h"
#include "kernel/fs/pipe.h"
#include "kernel/fs/poll.h"
#include "tests/mock/objects.h"
#include "tests/unit/kernel/fs/fs_fake.h"

int64_t sys_pipe2(const uint64_t *args);

/* The two files pipe2 makes, instead of descriptors. */
static struct file *ends[2];
static unsigned installed;

struct inode *anon_inode(uint32_t mode)
{
	struct inode *i = calloc(1, sizeof(*i));

	i->mode = mode;
	i->refs = 1;
	mutex_init(&i->mutex);
	return i;
}

void inode_put(struct inode *i)
{
	if (--i->refs == 0)
		free(i);
}

struct inode *inode_get(struct inode *i)
{
	i->refs++;
	return i;
}

struct file *file_create_anon(const struct file_ops *ops, struct inode *inode, unsigned mode,
			      unsigned flags, void *data)
{
	struct file *f;

	if (mock_alloc_should_fail()) {
		inode_put(inode);
		return ERR_PTR(-ENOMEM);
	}
	f = calloc(1, sizeof(*f));
	*f = (struct file){
		.refs = 1, .ops = ops, .inode = inode, .mode = mode, .flags = flags, .data = data
	};
	return f;
}

void file_put(struct file *f)
{
	f->ops->release(f);
	inode_put(f->inode);
	free(f);
}

int file_install(struct file *f, int min, bool cloexec)
{
	(void)min, (void)cloexec;
	ends[installed] = f;
	return (int)installed++;
}

int file_close_fd_if(unsigned fd, const struct file *only)
{
	assert_null(only);
	file_put(ends[fd]);
	return 0;
}

int io_put(struct io *io, const void *src, size_t n)
{
	memcpy((void *)io->buf, src, n);
	io->buf += n;
	io->n -= n;
	return 0;
}

int io_get(struct io *io, void *dst, size_t n)
{
	memcpy(dst, (const void *)io->buf, n);
	io->buf += n;
	io->n -= n;
	return 0;
}

static int setup(void **state)
{
	mock_setup(state);
	fake_begin();
	installed = 0;
	assert_int_equal(pipe_init(), 0);
	return 0;
}

static void open_pipe(void)
{
	int32_t fd[2];
	uint64_t args[2] = { (uintptr_t)fd, 0 };

	installed = 0;
	assert_int_equal(sys_pipe2(args), 0);
}

static int64_t do_read(void *buf, size_t n, bool nonblock)
{
	struct io io = { .buf = (uintptr_t)buf, .n = n, .nonblock = nonblock };

	return ends[0]->ops->read(ends[0], &io);
}

static int64_t do_write(const void *buf, size_t n, bool nonblock)
{
	struct io io = { .buf = (uintptr_t)buf, .n = n, .nonblock = nonblock };

	return ends[1]->ops->write(ends[1], &io);
}

static void close_end(int i)
{
	file_put(ends[i]);
	ends[i] = NULL;
}

static void test_bytes_come_out_in_order(void **state)
{
	char buf[16];

	(void)state;
	open_pipe();
	assert_int_equal(do_write("hello", 5, false), 5);
	assert_int_equal(do_read(buf, 3, false), 3);
	assert_memory_equal(buf, "hel", 3);
	assert_int_equal(do_read(buf, 16, false), 2);
	assert_memory_equal(buf, "lo", 2);
	assert_int_equal(do_read(buf, 1, true), -EAGAIN);
	close_end(0);
	close_end(1);
}

static void test_limits(void **state)
{
	static char buf[70000];

	(void)state;
	open_pipe();
	assert_int_equal(do_write(buf, sizeof(buf), true), 65536);
	assert_int_equal(do_write(buf, 1, true), -EAGAIN);
	assert_int_equal(do_read(buf, 100, true), 100);
	/* Up to PIPE_BUF: all or nothing. */
	assert_int_equal(do_write(buf, 101, true), -EAGAIN);
	assert_int_equal(do_write(buf, 100, true), 100);
	assert_int_equal(do_read(buf, 4096, true), 4096);
	/* Beyond: what fits. */
	assert_int_equal(do_write(buf, 5000, true), 4096);
	close_end(1);
	assert_int_equal(do_read(buf, sizeof(buf), false), 65536);
	assert_int_equal(do_read(buf, 1, false), 0);
	close_end(0);
}

static void test_broken(void **state)
{
	(void)state;
	open_pipe();
	close_end(0);
	assert_int_equal(do_write("x", 1, false), -EPIPE);
	assert_int_equal(fake_signal, SIGPIPE);
	close_end(1);
}

static void test_poll(void **state)
{
	static char buf[65536];

	(void)state;
	open_pipe();
	assert_int_equal(ends[0]->ops->poll(ends[0], NULL), 0);
	assert_int_equal(ends[1]->ops->poll(ends[1], NULL), POLL_WRITABLE);
	do_write(buf, sizeof(buf), true);
	assert_int_equal(ends[0]->ops->poll(ends[0], NULL), POLL_READABLE);
	assert_int_equal(ends[1]->ops->poll(ends[1], NULL), 0);
	/* Room that a write of PIPE_BUF bytes would have to wait for is none. */
	assert_int_equal(do_read(buf, PIPE_BUF - 1, true), PIPE_BUF - 1);
	assert_int_equal(do_write(buf, PIPE_BUF, true), -EAGAIN);
	assert_int_equal(ends[1]->ops->poll(ends[1], NULL), 0);
	assert_int_equal(do_read(buf, 1, true), 1);
	assert_int_equal(ends[1]->ops->poll(ends[1], NULL), POLL_WRITABLE);
	assert_int_equal(do_write(buf, PIPE_BUF, true), PIPE_BUF);
	close_end(1);
	assert_int_equal(ends[0]->ops->poll(ends[0], NULL), POLL_READABLE | POLLHUP);
	close_end(0);
	open_pipe();
	close_end(0);
	assert_int_equal(ends[1]->ops->poll(ends[1], NULL), POLL_WRITABLE | POLLERR);
	close_end(1);
}

static char late[10000];
static size_t late_done;

static void writer_comes(void)
{
	assert_int_equal(do_write("late", 4, false), 4);
	mock_on_block = NULL;
}

static void reader_comes(void)
{
	int64_t n = do_read(late + late_done, 3000, true);

	if (n > 0)
		late_done += (size_t)n;
}

static void test_blocking(void **state)
{
	static char buf[80000];
	char got[8];

	(void)state;
	open_pipe();
	mock_on_block = writer_comes;
	assert_int_equal(do_read(got, sizeof(got), false), 4);
	assert_memory_equal(got, "late", 4);
	late_done = 0;
	do_write(buf, 65536, true);
	mock_on_block = reader_comes;
	assert_int_equal(do_write(buf, 4096, false), 4096);
	assert_true(late_done >= 4096);
	mock_on_block = NULL;
	close_end(0);
	close_end(1);
}

static unsigned readers_told, writers_told;

static void reader_told(struct watcher *w)
{
	(void)w;
	readers_told++;
}

static void writer_told(struct watcher *w)
{
	(void)w;
	writers_told++;
}

static bool told(unsigned readers, unsigned writers)
{
	bool right = readers_told == readers && writers_told == writers;

	readers_told = writers_told = 0;
	return right;
}

static void reader_makes_room(void)
{
	char got[20];

	mock_on_block = NULL;
	assert_int_equal(do_read(got, sizeof(got), true), sizeof(got));
	(void)told(0, 0); /* of this, everybody */
}

/* One sleeper is woken at a time: who was, and leaves something over for another, wakes that
 * one. */
static void test_wake_ups_are_passed_on(void **state)
{
	struct watcher reader = { .notify = reader_told }, writer = { .notify = writer_told };
	static char buf[65536];
	struct pipe *p;

	(void)state;
	open_pipe();
	p = ends[0]->inode->pipe;
	waitq_watch(&p->readable, &reader);
	waitq_watch(&p->writable, &writer);
	assert_true(told(0, 0));
	assert_int_equal(do_write(buf, sizeof(buf) - 10, true), sizeof(buf) - 10);
	assert_true(told(1, 0)); /* that had room at once */
	assert_int_equal(do_write(buf, 10, true), 10);
	assert_true(told(1, 0));
	mock_on_block = reader_makes_room;
	assert_int_equal(do_write(buf, 10, false), 10);
	assert_true(told(1, 1)); /* there is room for another writer */
	assert_int_equal(do_write(buf, 10, true), 10);
	assert_true(told(1, 0));
	assert_int_equal(do_read(buf, 10, true), 10);
	assert_true(told(1, 1)); /* there is something for another reader */
	assert_int_equal(do_read(buf, sizeof(buf), true), sizeof(buf) - 10);
	assert_true(told(0, 1));
	waitq_unwatch(&p->readable, &reader);
	waitq_unwatch(&p->writable, &writer);
	close_end(0);
	close_end(1);
}

static void other_end_closes(void)
{
	close_end(1);
	mock_on_block = NULL;
}

/* How many of two sleeping writers are woken when n bytes are read from a full pipe. */
static unsigned writers_woken(size_t n)
{
	static char buf[65536];
	struct waiter w[2] = { { .task = current() }, { .task = current() } };
	struct pipe *p;

	open_pipe();
	p = ends[0]->inode->pipe;
	assert_int_equal(do_write(buf, sizeof(buf), true), sizeof(buf));
	list_push_back(&p->writable.waiters, &w[0].node.link);
	list_push_back(&p->writable.waiters, &w[1].node.link);
	assert_int_equal(do_read(buf, n, true), n);
	for (unsigned i = 0; i < 2; i++)
		if (!w[i].woken)
			list_remove(&w[i].node.link);
	close_end(0);
	close_end(1);
	assert_true(w[0].woken);
	return 1 + w[1].woken;
}

/* The first one's bytes may be too many for the room there is, and another's not. */
static void test_a_little_room_is_for_any_writer(void **state)
{
	(void)state;
	assert_int_equal(writers_woken(PIPE_BUF), 1);
	assert_int_equal(writers_woken(PIPE_BUF - 1), 2);
	assert_int_equal(writers_woken(1), 2);
}

static void test_end_of_file_wakes_reader(void **state)
{
	char got[8];

	(void)state;
	open_pipe();
	mock_on_block = other_end_closes;
	assert_int_equal(do_read(got, sizeof(got), false), 0);
	close_end(0);
}

/* Reference: one long array with two positions. */
static void random_traffic(unsigned seed)
{
	static uint8_t all[1 << 20], buf[70000];
	size_t written = 0, read = 0;
	int64_t size = 65536;

	srand(seed);
	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (uint8_t)rand();
	open_pipe();
	for (int step = 0; step < 4000; step++) {
		size_t n = (size_t)rand() % (rand() % 4 ? 5000 : sizeof(buf));
		int64_t ret, room = size - (int64_t)(written - read);

		if (rand() % 50 == 0) {
			int64_t want = 4096 << (rand() % 6);

			ret = pipe_fcntl(ends[0], F_SETPIPE_SZ, (uint64_t)want);
			if (ret > 0) {
				assert_true(want >= (int64_t)(written - read));
				size = want;
			} else {
				assert_int_equal(ret, -EBUSY);
			}
			assert_int_equal(current()->cred->user->pipe_pages, size / 4096);
			assert_int_equal(pipe_fcntl(ends[1], F_GETPIPE_SZ, 0), size);
		} else if (rand() % 2) {
			n = MIN(n, sizeof(all) - written);
			if (n == 0)
				break;
			ret = do_write(all + written, n, true);
			if (room == 0 || (n <= 4096 && (int64_t)n > room))
				assert_int_equal(ret, -EAGAIN);
			else
				assert_int_equal(ret, MIN((int64_t)n, room));
			written += ret > 0 ? (size_t)ret : 0;
		} else if (n) {
			ret = do_read(buf, n, true);
			if (written == read) {
				assert_int_equal(ret, -EAGAIN);
				continue;
			}
			assert_int_equal(ret, MIN(n, written - read));
			assert_memory_equal(buf, all + read, (size_t)ret);
			read += (size_t)ret;
		}
	}
	close_end(0);
	close_end(1);
}

static void test_random_traffic(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 8; seed++)
		random_traffic(seed);
	assert_int_equal(mock_objects_out(), 0);
}

/* Two files of each pipe that was opened. */
static struct file *kept[8];

static int64_t open_another(unsigned i)
{
	int32_t fd[2];
	uint64_t args[2] = { (uintptr_t)fd, 0 };
	int64_t err;

	installed = 0;
	err = sys_pipe2(args);
	if (err == 0) {
		kept[2 * i] = ends[0];
		kept[2 * i + 1] = ends[1];
	}
	return err;
}

static void close_pipe(unsigned i)
{
	file_put(kept[2 * i]);
	file_put(kept[2 * i + 1]);
}

static int64_t set_size(unsigned i, uint64_t bytes)
{
	return pipe_fcntl(kept[2 * i], F_SETPIPE_SZ, bytes);
}

static void test_what_a_user_may_have(void **state)
{
	struct user *user = current()->cred->user;

	(void)state;
	pipe_limits = (struct pipe_limits){ .size = 1 << 20, .soft = 16, .hard = 20 };
	current()->cred->caps.effective = 0;
	assert_int_equal(open_another(0), 0);
	assert_int_equal(user->pipe_pages, 16);
	assert_int_equal(open_another(1), 0); /* beyond the first limit */
	assert_int_equal(pipe_fcntl(kept[2], F_GETPIPE_SZ, 0), 8192);
	assert_int_equal(open_another(2), 0);
	assert_int_equal(user->pipe_pages, 20);
	assert_int_equal(open_another(3), -ENFILE); /* and the second */
	assert_int_equal(user->pipe_pages, 20);
	assert_int_equal(set_size(1, 16384), -EPERM);
	assert_int_equal(user->pipe_pages, 20);
	assert_int_equal(set_size(1, 4096), 4096);
	assert_int_equal(set_size(1, 8192), -EPERM);
	assert_int_equal(user->pipe_pages, 19);
	close_pipe(0);
	assert_int_equal(user->pipe_pages, 3);
	assert_int_equal(set_size(1, 8 * 4096), 8 * 4096);
	/* What cannot be had is not counted. */
	mock_fail_allocation(1);
	assert_int_equal(set_size(1, 9 * 4096), -EPERM);
	assert_int_equal(set_size(2, 4 * 4096), -ENOMEM);
	mock_fail_allocation(0);
	assert_int_equal(user->pipe_pages, 10);
	current()->cred->caps.effective = 1ull << CAP_SYS_ADMIN;
	assert_int_equal(set_size(2, 1 << 20), 1 << 20);
	assert_int_equal(set_size(2, 1 << 21), -EPERM);
	current()->cred->caps.effective = 1ull << CAP_SYS_RESOURCE;
	assert_int_equal(set_size(2, 1 << 21), 1 << 21);
	assert_int_equal(open_another(3), 0);
	assert_int_equal(user->pipe_pages, 8 + 512 + 16);
	/* They belong to who made them, whoever closes them. */
	current()->cred->user = &(struct user){ 0 };
	for (unsigned i = 1; i < 4; i++)
		close_pipe(i);
	current()->cred->user = user;
	assert_int_equal(user->pipe_pages, 0);
	assert_int_equal(user->refs, 0);
}

static void test_no_memory(void **state)
{
	static char buf[20000];

	(void)state;
	for (unsigned n = 1;; n++) {
		int32_t fd[2];
		uint64_t args[2] = { (uintptr_t)fd, 0 };
		int64_t ret;

		installed = 0;
		mock_fail_allocation(n);
		ret = sys_pipe2(args);
		if (ret == 0) {
			ret = do_write(buf, sizeof(buf), true);
			assert_true(ret == -ENOMEM || (ret > 0 && (size_t)ret <= sizeof(buf)));
			close_end(0);
			close_end(1);
		} else {
			assert_true(ret == -ENFILE || ret == -ENOMEM);
		}
		assert_int_equal(mock_objects_out(), 0);
		assert_int_equal(current()->cred->user->pipe_pages, 0);
		if (!mock_failed_allocation())
			break;
	}
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, mock_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_bytes_come_out_in_order),
		T(test_limits),
		T(test_broken),
		T(test_poll),
		T(test_blocking),
		T(test_wake_ups_are_passed_on),
		T(test_a_little_room_is_for_any_writer),
		T(test_end_of_file_wakes_reader),
		T(test_random_traffic),
		T(test_what_a_user_may_have),
		T(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
