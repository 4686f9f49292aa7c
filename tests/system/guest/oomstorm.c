// SPDX-License-Identifier: MIT
/*
 * Ends memory in one of several ways (oomways.h), beside a real-time thread that wakes every 200
 * us, and beside one that takes memory and gives it back: no period may be missed, no real-time
 * allocation may fail, and afterwards all frames are back. usage: oomstorm WAY [ROUNDS [LATEST]].
 * With LATEST, in ns, each CPU has such a thread, and none wakes later.
 *
 *    one      one process leaks
 *    ten      ten do
 *    many     a hundred grow to a megabyte each
 *    bomb     a fork bomb by an ordinary user, each with a megabyte
 *    tmpfs    a file in memory, to the brim
 *    cache    the page cache of a file (/mnt/file), and a leak
 *    locked   a leak that locks its memory
 *    pagein   threads that wait for pages that were swapped out, and a leak
 *    stopped  a large one that is stopped
 *    vfork    a large one that waits for its child
 *    nproc    as bomb, but the user may have twenty processes: nobody is ended
 *    group    a leak in a group at its limit; the group's charges are exact, before and after what
 *             it wrote has gone
 *    thrash   three work on more memory than there is, each on more than RAM has (with swap on a
 *             medium that counts as slow)
 *
 * The threads of several CPUs wake in turn, at equal distances: QEMU, where it counts instructions,
 * runs one CPU after the other and changes when a timer expires, so a thread waits for no more than
 * the others' turns. Prints what the policy did, the worst wake-up, and how long after somebody's
 * end a round was over at most.
 */
#include <sched.h>

#include "oomways.h"

#define PERIOD   200000
#define STACK    131072 /* the least that there can be: all of it is locked */
#define RT_PAGES 16
#define LOOK     5000 /* us */
#define SLACK    512  /* KB: what CPUs keep on lists */
#define SLABS    512  /* KB: of slabs in part in use, behind hundreds of processes */

static volatile long worst, refused, done;
static long wakers = 1; /* CPUs with a thread that wakes */
static long slowest;    /* ns, from somebody's end to that of the round */

/* ---- Real-time ---- */

static void late_by(long ns)
{
	long most = worst;

	while (ns > most && !__atomic_compare_exchange_n(&worst, &most, ns, 0, __ATOMIC_RELAXED,
							 __ATOMIC_RELAXED))
		;
}

static void *wake_up(void *cpu)
{
	long i = (long)cpu, due;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)i, &set);
	if (wakers > 1 && sched_setaffinity(0, sizeof(set), &set))
		die("affinity");
	due = (now() / PERIOD + 2) * PERIOD + i * PERIOD / wakers;
	for (; !done; due += PERIOD) {
		struct timespec t = { due / 1000000000L, due % 1000000000L };
		long late;

		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
		late = now() - due;
		late_by(late);
		if (late > PERIOD) /* on a host that is busy itself */
			due += late / PERIOD * PERIOD;
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

static void start(void *(*function)(void *), void *arg, int priority)
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
	errno = pthread_create(&thread, &attr, function, arg);
	if (errno)
		die("real-time thread");
}

/* ---- Rounds ---- */

/* A quarter of a second later, everyone that the user has, by one of his own, whom that spares.
 * Whoever is killed forks no more, so once would do. Begun before memory is short: a fork copies
 * all that is locked. */
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

static long kills(void)
{
	return number_in("/proc/vmstat", "oom_kill");
}

/* Returns how it ended. Looks now and then whether somebody was: the machine is back when the way
 * is over. */
static int wait_for(pid_t pid)
{
	long before = kills(), ended = 0, took;
	int status;

	for (;;) {
		pid_t got = waitpid(pid, &status, WNOHANG);

		if (got == pid || (got < 0 && errno != EINTR))
			break;
		if (!ended && kills() > before)
			ended = now();
		usleep(LOOK);
	}
	took = ended ? now() - ended : 0;
	if (took > slowest)
		slowest = took;
	return status;
}

static void round_of(const struct way *way)
{
	struct sched_param none = { 0 };
	pid_t killer = strstr("bomb nproc", way->name) ? kill_user_later() : 0, pid;
	int status;

	/* A fork copies all that is locked: the last round's memory has to be back. */
	for (int i = 0; (pid = fork()) < 0 && i < 100; i++)
		usleep(10000);
	if (pid == 0) {
		setpgid(0, 0);
		if (sched_setscheduler(0, SCHED_OTHER, &none))
			die("SCHED_OTHER");
		way->run();
		_exit(0);
	}
	if (pid < 0)
		die("fork");
	status = wait_for(pid);
	/* Last: it finds the first of the bomb until we have waited for that. */
	while (killer > 0 && waitpid(killer, NULL, 0) < 0 && errno == EINTR)
		;
	kill(-pid, SIGKILL);
	unlink(FILL);
	if (WIFEXITED(status) && WEXITSTATUS(status))
		exit(1); /* it has said why */
	usleep(20000);   /* who dies needs the CPU for it */
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
	const struct way *way = argc > 1 ? way_named(argv[1]) : NULL;
	int rounds = argc > 2 ? atoi(argv[2]) : 1;
	long before, after, ended, latest = argc > 3 ? atol(argv[3]) : 0, slack = SLACK;
	struct sched_param sp = { .sched_priority = 10 };

	if (!way)
		return 2;
	setvbuf(stdout, NULL, _IONBF, 0);
	if (!strcmp(way->name, "bomb"))
		slack += SLABS;
	if (mlockall(MCL_CURRENT | MCL_FUTURE) || sched_setscheduler(0, SCHED_FIFO, &sp))
		die("real-time");
	round_of(way); /* what is allocated at first use */
	if (latest)
		wakers = sysconf(_SC_NPROCESSORS_ONLN);
	for (long i = 0; i < wakers; i++)
		start(wake_up, (void *)i, 50);
	start(allocate, NULL, 40);
	usleep(50000);
	worst = slowest = 0;
	before = free_kb(0);
	ended = kills();
	for (int i = 0; i < rounds; i++)
		round_of(way);
	after = free_kb(before - slack);
	done = 1;
	usleep(50000);
	printf("%s: %ld ended, %ld KB of %ld free, %ld refused, worst %ld ns, back in %ld ms\n",
	       way->name, kills() - ended, after, before, refused, worst, slowest / 1000000);
	return after < before - slack || refused > 0 || (latest && worst > latest);
}
