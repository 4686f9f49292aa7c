// SPDX-License-Identifier: MIT
/*
 * lending NAME [DIR]: an urgent task waits for what an ordinary one does, while a third of a
 * priority in between computes, all on CPU 0. The third must not keep the first: it computes until
 * the first has what it waits for, and gives up after three seconds of CPU time (so nothing may
 * guard the others from it). Round by round the first comes a little later.
 *
 *   page DIR    both read the same page of DIR/file
 *   run DIR     the ordinary one reads 32 KB of it, the urgent one a page of these
 *   names DIR   the ordinary one looks for a name in DIR/d0, DIR/d1, ... , the urgent one makes a
 *               file there
 *   chain       a PI futex behind a hundred others
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

#define ROUNDS 24

static struct shared {
	atomic_int asked;  /* rounds that the ordinary task was told to do */
	atomic_int begun;  /* it is about to */
	atomic_int ended;  /* it has */
	atomic_int served; /* rounds after which the urgent one had what it wanted */
	atomic_int gave_up;
	int error;
} * shared;

static const char *dir;

static void be_fifo(int priority)
{
	struct sched_param sp = { .sched_priority = priority };

	CHECK(sched_setscheduler(0, SCHED_FIFO, &sp) == 0);
}

static void sleep_us(long us)
{
	struct timespec t = { us / 1000000, us % 1000000 * 1000 };

	CHECK(nanosleep(&t, NULL) == 0);
}

static long ms_used(void)
{
	struct timespec t;

	CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == 0);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Of the priority in between: computes from `wake` on until the round is over. */
static void compute(int wake)
{
	char c;

	be_fifo(50);
	for (int round = 1; read(wake, &c, 1) == 1; round++)
		for (long begin = ms_used(); shared->served < round;)
			if (ms_used() - begin > 3000) {
				shared->gave_up++;
				break;
			}
}

static int open_in(const char *name, int i, int flags)
{
	char path[256];

	snprintf(path, sizeof(path), name, dir, i);
	return open(path, flags, 0600);
}

/* ---- What the ordinary task does, and the urgent one ---- */

static char buffer[32768];

static bool read_at(int page, size_t bytes)
{
	int fd = open_in("%s/file", 0, O_RDONLY);
	bool right = fd >= 0 && posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM) == 0 &&
		     pread(fd, buffer, bytes, (off_t)page * 4096) == (ssize_t)bytes;

	close(fd);
	return right;
}

static bool page_read(int round)
{
	return read_at(round * 10, 4096);
}

static bool run_read(int round)
{
	return read_at(round * 10, sizeof(buffer));
}

static bool of_run_read(int round)
{
	return read_at(round * 10 + 1 + round % 7, 4096);
}

static bool name_find(int round)
{
	int fd = open_in("%s/d%d/no-such-name", round, O_RDONLY);

	return fd < 0 && errno == ENOENT;
}

static bool name_make(int round)
{
	int fd = open_in("%s/d%d/made", round, O_CREAT | O_EXCL | O_WRONLY);

	return fd >= 0 && close(fd) == 0;
}

static void ordinary(bool (*what)(int round))
{
	for (int round = 0;; round++) {
		while (shared->asked <= round)
			sleep_us(50);
		shared->begun = round + 1;
		if (!what(round))
			shared->error = errno ? errno : -1;
		shared->ended = round + 1;
	}
}

static void lend(bool (*theirs)(int round), bool (*ours)(int round))
{
	pid_t a, m;
	int wake[2];

	CHECK(pipe(wake) == 0);
	CHECK(mlockall(MCL_CURRENT | MCL_FUTURE) == 0);
	a = fork();
	if (a == 0)
		ordinary(theirs);
	m = fork();
	if (m == 0) {
		close(wake[1]);
		compute(wake[0]);
		_exit(0);
	}
	be_fifo(90);
	for (int round = 0; round < ROUNDS && shared->gave_up == 0; round++) {
		shared->asked = round + 1;
		while (shared->begun <= round)
			sleep_us(3);
		sleep_us(1 + 2 * round);
		CHECK(write(wake[1], "x", 1) == 1);
		CHECK(ours(round));
		shared->served = round + 1;
		while (shared->ended <= round)
			sleep_us(100);
	}
	CHECK(shared->gave_up == 0);
	CHECK(shared->error == 0);
	kill(a, SIGKILL);
	kill(m, SIGKILL);
	CHECK(waitpid(a, NULL, 0) == a && waitpid(m, NULL, 0) == m);
}

static void page(void)
{
	lend(page_read, page_read);
}

static void run(void)
{
	lend(run_read, of_run_read);
}

static void names(void)
{
	lend(name_find, name_make);
}

/* ---- chain ---- */

#define CHAIN 100

static uint32_t words[CHAIN];
static atomic_int locked, go;

static int lock(int i)
{
	uint32_t free = 0;

	if (__atomic_compare_exchange_n(&words[i], &free, (uint32_t)gettid(), false,
					__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return 0;
	return (int)syscall(SYS_futex, &words[i], FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0);
}

static void unlock(int i)
{
	uint32_t mine = (uint32_t)gettid();

	if (!__atomic_compare_exchange_n(&words[i], &mine, 0, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_SEQ_CST))
		CHECK(syscall(SYS_futex, &words[i], FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0) ==
		      0);
}

/* Has lock i, and wants the next one, which is had already by who wants the one behind it. The last
 * works a little when all wait. */
static void *link_of_chain(void *arg)
{
	int i = (int)(intptr_t)arg;

	CHECK(lock(i) == 0);
	locked++;
	if (i < CHAIN - 1) {
		CHECK(lock(i + 1) == 0);
		unlock(i + 1);
	} else {
		while (go == 0)
			sleep_us(1000);
		for (long begin = ms_used(); ms_used() - begin < 5;)
			;
	}
	unlock(i);
	return NULL;
}

static void *compute_beside(void *arg)
{
	compute((int)(intptr_t)arg);
	return NULL;
}

static void chain(void)
{
	pthread_t links[CHAIN], m;
	pthread_attr_t small;
	int wake[2];

	CHECK(pthread_attr_init(&small) == 0 && pthread_attr_setstacksize(&small, 131072) == 0);
	CHECK(pipe(wake) == 0);
	CHECK(pthread_create(&m, NULL, compute_beside, (void *)(intptr_t)wake[0]) == 0);
	for (int i = CHAIN - 1; i >= 0; i--) {
		CHECK(pthread_create(&links[i], &small, link_of_chain, (void *)(intptr_t)i) == 0);
		while (locked < CHAIN - i)
			sleep_us(1000);
		sleep_us(3000);
	}
	be_fifo(90);
	go = 1;
	CHECK(write(wake[1], "x", 1) == 1);
	CHECK(lock(0) == 0);
	shared->served = 1;
	unlock(0);
	for (int i = 0; i < CHAIN; i++)
		CHECK(pthread_join(links[i], NULL) == 0);
	CHECK(shared->gave_up == 0);
	close(wake[1]);
	CHECK(pthread_join(m, NULL) == 0);
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = { { "page", page }, { "run", run }, { "names", names }, { "chain", chain } };

int main(int argc, char **argv)
{
	cpu_set_t first;

	dir = argc > 2 ? argv[2] : "/";
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(shared != MAP_FAILED);
	memset(shared, 0, sizeof(*shared));
	CPU_ZERO(&first);
	CPU_SET(0, &first);
	CHECK(sched_setaffinity(0, sizeof(first), &first) == 0);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (argc >= 2 && strcmp(argv[1], cases[i].name) == 0) {
			cases[i].run();
			return check_end();
		}
	return 2;
}
