// SPDX-License-Identifier: MIT
// The ways of oomstorm.c in which memory ends; each runs in a process of its own, which is of no
// priority, leads a process group and leaves nothing but what its caller knows of.
#ifndef TESTS_SYSTEM_GUEST_OOMWAYS_H
#define TESTS_SYSTEM_GUEST_OOMWAYS_H

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "oom.h"

#define BOMB_UID 1000
#define FILL     "/tmp/fill"
#define GROUPS   "/sys/fs/cgroup"
#define GROUP    GROUPS "/storm"
#define WORKERS  3
#define THREADS  350

static char *take(size_t bytes, int flags)
{
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1,
		       0);

	if (p == MAP_FAILED)
		return NULL;
	for (size_t i = 0; i < bytes; i += 4096)
		p[i] = (char)(i + 1);
	return p;
}

static void leak(void)
{
	while (take(MB, 0))
		;
}

static void leak_locked(void)
{
	while (take(MB, MAP_LOCKED))
		;
	leak();
}

static void children(int n, void (*function)(void))
{
	for (int i = 0; i < n; i++)
		if (fork() == 0) {
			function();
			_exit(0);
		}
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
}

static void grow_a_little(void)
{
	take(MB, 0);
	usleep(300000);
}

/* Nobody rests when a fork fails. */
static void bomb(rlim_t processes)
{
	struct rlimit r = { processes, processes };

	if (setrlimit(RLIMIT_NPROC, &r) || setuid(BOMB_UID))
		die("bomb");
	for (;;) {
		pid_t pid = fork();

		if (pid == 0)
			take(MB, 0);
	}
}

/* So many blocks, or as many as there is room for. */
static void fill_file(int blocks)
{
	static char block[65536];
	int fd = open(FILL, O_CREAT | O_WRONLY, 0600);

	memset(block, 'x', sizeof(block));
	while (blocks-- > 0 && write(fd, block, sizeof(block)) > 0)
		;
	close(fd);
}

static void flood(void)
{
	static char block[65536];
	int fd = open("/mnt/file", O_RDONLY);

	if (fd < 0)
		die("/mnt/file");
	if (fork() == 0)
		leak();
	for (int i = 0; i < 2; i++) {
		lseek(fd, 0, SEEK_SET);
		while (read(fd, block, sizeof(block)) > 0)
			;
	}
	kill(0, SIGKILL);
}

static char *large;
static size_t large_size = 24 * MB;

static void *touch(void *arg)
{
	for (size_t i = (size_t)arg;; i = (i * 5 + 4096) % large_size)
		((volatile char *)large)[i]++;
	return NULL;
}

/* Larger than RAM together with what leaks beside it: its threads wait for their pages most of the
 * time. */
static void page_in(void)
{
	pthread_t t;

	large = take(large_size, 0);
	for (size_t i = 0; i < 4; i++)
		pthread_create(&t, NULL, touch, (void *)(i * 4096 + 1));
	children(1, leak);
	_exit(0);
}

static void beside_leak(void (*way)(void))
{
	pid_t pid = fork();

	if (pid == 0) {
		setpgid(0, 0);
		write_file("/proc/self/oom_score_adj", "1000");
		large = take(large_size, 0);
		way();
		_exit(0);
	}
	setpgid(pid, pid);
	usleep(200000);
	children(1, leak);
	kill(-pid, SIGKILL);
	while (wait(NULL) > 0)
		;
}

static void stop(void)
{
	raise(SIGSTOP);
}

static void *rest(void *arg)
{
	for (;;)
		pause();
	return arg;
}

/* What has to be done to each of them is done in pieces. */
static void have_threads(void)
{
	pthread_t t;

	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&t, NULL, rest, NULL))
			die("threads");
	rest(NULL);
}

static void wait_for_child(void)
{
	if (vfork() == 0)
		for (;;)
			pause();
}

/* In bytes. */
static long group_charged(void)
{
	FILE *f = fopen(GROUP "/memory.current", "r");
	long bytes;

	if (!f || fscanf(f, "%ld", &bytes) != 1)
		die(GROUP);
	fclose(f);
	return bytes;
}

static long group_has(const char *kind)
{
	return number_in(GROUP "/memory.stat", kind);
}

/* What is charged to the group is what its frames are, soon after somebody in it has died. */
static int group_is_exact(void)
{
	for (int i = 0; i < 100; i++, usleep(10000))
		if (group_charged() == group_has("anon") + group_has("file") + group_has("kernel"))
			return 1;
	return 0;
}

/* A leak at a group's limit, while the machine has plenty, with a file that outlives it. */
static void in_group(void)
{
	int status;
	pid_t pid;

	write_file(GROUPS "/cgroup.subtree_control", "+memory");
	if (mkdir(GROUP, 0755))
		die(GROUP);
	write_file(GROUP "/memory.max", "8M");
	write_file(GROUP "/memory.swap.max", "0");
	pid = fork();
	if (pid == 0) {
		write_file(GROUP "/cgroup.procs", "0");
		fill_file(16);
		leak();
	}
	if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status))
		die("the group's leak");
	if (!group_is_exact())
		die("the group's sums");
	unlink(FILL);
	if (!group_is_exact() || rmdir(GROUP))
		die("the group's end");
}

/* Pages at random, of memory that alone is more than there is of RAM. */
static void work(size_t bytes, uint64_t random)
{
	uint64_t *memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		die("work");
	for (size_t i = 0; i < bytes / sizeof(*memory); i++)
		memory[i] = random = random * 6364136223846793005u + 1442695040888963407u;
	for (;; random = random * 6364136223846793005u + 1442695040888963407u)
		memory[(random >> 32) % (bytes / 4096) * 512]++;
}

/* Together four fifths of RAM and swap. When one has been ended, a program is run, as a shell
 * would. */
static void thrash(void)
{
	size_t kb = (size_t)(number_in("/proc/meminfo", "MemFree:") +
			     number_in("/proc/meminfo", "SwapFree:"));
	pid_t pids[WORKERS], first, asker;

	for (int i = 0; i < WORKERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			work(kb * 819 / WORKERS, (uint64_t)i);
	}
	first = waitpid(-1, NULL, 0);
	asker = fork();
	if (asker == 0) {
		execl("/bin/busybox", "busybox", "true", NULL);
		_exit(127);
	}
	waitpid(asker, NULL, 0);
	for (int i = 0; i < WORKERS; i++)
		if (pids[i] != first)
			kill(pids[i], SIGKILL);
	while (wait(NULL) > 0)
		;
}

static void leak_in_ten(void)
{
	children(10, leak);
}

static void grow_in_many(void)
{
	children(100, grow_a_little);
}

static void fill_tmpfs(void)
{
	fill_file(INT_MAX);
	leak();
}

static void leave_stopped(void)
{
	beside_leak(stop);
}

static void leave_threads(void)
{
	beside_leak(have_threads);
}

static void leave_waiting(void)
{
	beside_leak(wait_for_child);
}

static void bomb_without_limit(void)
{
	bomb(RLIM_INFINITY);
}

static void bomb_of_twenty(void)
{
	bomb(20);
}

static const struct way {
	const char *name;
	void (*run)(void);
} ways[] = {
	{ "one", leak },
	{ "ten", leak_in_ten },
	{ "many", grow_in_many },
	{ "tmpfs", fill_tmpfs },
	{ "cache", flood },
	{ "locked", leak_locked },
	{ "pagein", page_in },
	{ "stopped", leave_stopped },
	{ "threads", leave_threads },
	{ "vfork", leave_waiting },
	{ "group", in_group },
	{ "thrash", thrash },
	{ "bomb", bomb_without_limit },
	{ "nproc", bomb_of_twenty },
};

static const struct way *way_named(const char *name)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (!strcmp(ways[i].name, name))
			return &ways[i];
	return NULL;
}

#endif
