// SPDX-License-Identifier: MIT
/*
 * Ends memory in one of several ways, beside a real-time thread that wakes every 200 us, and beside one that takes memory and gives it back: no period may be
 * missed, no real-time allocation may fail, and afterwards all frames are back. usage: oomstorm WAY [ROUNDS [LATEST]], LATEST in ns.
 *
 *    one      one process leaks                      ten      ten do
 *    many     a hundred grow to a megabyte each      bomb     a fork bomb by an ordinary user, each with a megabyte
 *    tmpfs    a file in memory, to the brim          cache    the page cache of a file (/mnt/file), and a leak
 *    locked   a leak that locks its memory           pagein   threads that wait for pages that were swapped out, and a leak
 *    stopped  a large one that is stopped            vfork    a large one that waits for its child
 *    nproc    as bomb, but the user may have twenty processes: nobody is ended
 *
 * Prints what the policy did, and the worst wake-up.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "oom.h"

#define PERIOD   200000
#define STACK    131072 /* the least that there can be: all of it is locked */
#define RT_PAGES 16
#define BOMB_UID 1000
#define SLACK    512 /* KB: what CPUs keep on lists */
#define SLABS    512 /* KB: of slabs in part in use, behind hundreds of processes */

static volatile long worst, refused, done;

/* ---- Real-time ---- */

static void *wake_up(void *arg)
{
	long due = now() + PERIOD;

	(void)arg;
	for (; !done; due += PERIOD) {
		struct timespec t = { due / 1000000000L, due % 1000000000L };
		long late;

		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
		late = now() - due;
		if (late > worst)
			worst = late;
		if (late > PERIOD) /* on a host that is busy itself */
			due = now();
	}
	return NULL;
}

/* Locked memory, taken and given back every ten milliseconds. */
static void *allocate(void *arg)
{
	struct timespec t = { 0, 10000000 };

	(void)arg;
	while (!done) {
		void *p = mmap(NULL, RT_PAGES * 4096, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

		if (p == MAP_FAILED || mlock(p, RT_PAGES * 4096))
			refused++;
		if (p != MAP_FAILED)
			munmap(p, RT_PAGES * 4096);
		clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
	}
	return NULL;
}

static void start(void *(*function)(void *), int priority)
{
	struct sched_param sp = { .sched_priority = priority };
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	if (pthread_attr_setstacksize(&attr, STACK))
		die("stack size");
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, SCHED_FIFO);
	pthread_attr_setschedparam(&attr, &sp);
	errno = pthread_create(&thread, &attr, function, NULL);
	if (errno)
		die("real-time thread");
}

/* ---- Ways; each in a process of its own, which is of no priority ---- */

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

static void bomb(rlim_t processes)
{
	struct rlimit r = { processes, processes };

	if (setrlimit(RLIMIT_NPROC, &r) || setuid(BOMB_UID))
		die("bomb");
	for (;;) {
		pid_t pid = fork();

		if (pid == 0)
			take(MB, 0);
		else if (pid < 0)
			usleep(1000);
	}
}

static void fill_file(void)
{
	static char block[65536];
	int fd = open("/tmp/fill", O_CREAT | O_WRONLY, 0600);

	memset(block, 'x', sizeof(block));
	while (write(fd, block, sizeof(block)) > 0)
		;
	leak();
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

/* Larger than RAM together with what leaks beside it: its threads wait for their pages most of the time. */
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

static void wait_for_child(void)
{
	if (vfork() == 0)
		for (;;)
			pause();
}

static void way(const char *name)
{
	if (!strcmp(name, "one"))
		leak();
	else if (!strcmp(name, "ten"))
		children(10, leak);
	else if (!strcmp(name, "many"))
		children(100, grow_a_little);
	else if (!strcmp(name, "tmpfs"))
		fill_file();
	else if (!strcmp(name, "cache"))
		flood();
	else if (!strcmp(name, "locked"))
		leak_locked();
	else if (!strcmp(name, "pagein"))
		page_in();
	else if (!strcmp(name, "stopped"))
		beside_leak(stop);
	else if (!strcmp(name, "vfork"))
		beside_leak(wait_for_child);
	else if (!strcmp(name, "bomb") || !strcmp(name, "nproc"))
		bomb(name[0] == 'n' ? 20 : RLIM_INFINITY);
}

/* ---- Rounds ---- */

/* A quarter of a second later, everyone that the user has, by one of his own, whom that spares. Whoever is killed forks no more, so once would do. Begun before memory is short: a fork
 * copies all that is locked. */
static pid_t kill_user_later(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		usleep(250000);
		if (setuid(BOMB_UID))
			die("setuid");
		for (int i = 0; i < 20; i++, usleep(1000))
			if (kill(-1, SIGKILL))
				die("kill");
		_exit(0);
	}
	return pid;
}

static void round_of(const char *name)
{
	struct sched_param none = { 0 };
	pid_t killer = strcmp(name, "bomb") && strcmp(name, "nproc") ? 0 : kill_user_later(), pid;

	/* A fork copies all that is locked: the last round's memory has to be back. */
	for (int i = 0; (pid = fork()) < 0 && i < 100; i++)
		usleep(10000);
	if (pid == 0) {
		setpgid(0, 0);
		if (sched_setscheduler(0, SCHED_OTHER, &none))
			die("SCHED_OTHER");
		way(name);
		_exit(0);
	}
	if (pid < 0)
		die("fork");
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	/* Last: it finds the first of the bomb until we have waited for that. */
	while (killer > 0 && waitpid(killer, NULL, 0) < 0 && errno == EINTR)
		;
	kill(-pid, SIGKILL);
	unlink("/tmp/fill");
	usleep(20000); /* who dies needs the CPU for it */
}

static long free_kb(long wanted)
{
	long kb = 0;

	for (int i = 0; i < 100; i++) {
		kb = number_in("/proc/meminfo", "MemFree:") +
		     number_in("/proc/meminfo", "Cached:") + number_in("/proc/meminfo", "Buffers:");
		if (kb >= wanted)
			break;
		usleep(20000);
	}
	return kb;
}

int main(int argc, char **argv)
{
	int rounds = argc > 2 ? atoi(argv[2]) : 1;
	long before, after, kills, latest = argc > 3 ? atol(argv[3]) : 0, slack = SLACK;
	struct sched_param sp = { .sched_priority = 10 };

	if (argc < 2)
		return 2;
	setvbuf(stdout, NULL, _IONBF, 0);
	if (!strcmp(argv[1], "bomb"))
		slack += SLABS;
	if (mlockall(MCL_CURRENT | MCL_FUTURE) || sched_setscheduler(0, SCHED_FIFO, &sp))
		die("real-time");
	round_of(argv[1]); /* what is allocated at first use */
	start(wake_up, 50);
	start(allocate, 40);
	usleep(50000);
	worst = 0;
	before = free_kb(0);
	kills = number_in("/proc/vmstat", "oom_kill");
	for (int i = 0; i < rounds; i++)
		round_of(argv[1]);
	after = free_kb(before - slack);
	done = 1;
	usleep(50000);
	kills = number_in("/proc/vmstat", "oom_kill") - kills;
	printf("%s: %ld ended, %ld KB of %ld free, %ld refused, worst %ld ns\n", argv[1], kills,
	       after, before, refused, worst);
	return after < before - slack || refused > 0 || (latest && worst > latest);
}
