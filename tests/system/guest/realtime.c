// SPDX-License-Identifier: MIT
/*
 * realtime NAME: what real-time tasks are promised, one thing at a time.
 *
 *   sleep     three sleeps of 1 ms at priority 50, for /proc/latency to see
 *   nofault   with all memory locked, nothing that was promised faults; what faults all the same is
 *             counted, and kills on request
 *   deadline  SCHED_DEADLINE as sched(7) has it: what is refused, what is admitted, yields, forks
 *   kernel    who stays in a long system call takes nothing of others with deadlines
 *   cpus      with two of them: who has a deadline may run on both
 *   rttime    RLIMIT_RTTIME as setrlimit(2) has it: who is warned and killed, and what begins it
 *             anew
 *   rights    what sched_setattr(2) corrects and refuses, and what RLIMIT_RTPRIO allows
 *   guard     a real-time task that never lets go leaves the others their part of a CPU
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static void be_fifo(int priority)
{
	struct sched_param sp = { .sched_priority = priority };

	CHECK(sched_setscheduler(0, SCHED_FIFO, &sp) == 0);
}

static void sleep_ms(void)
{
	struct timespec ms = { 0, 1000000 };

	CHECK(nanosleep(&ms, NULL) == 0);
}

static void sleeps(void)
{
	be_fifo(50);
	for (int i = 0; i < 3; i++)
		sleep_ms();
}

/* ---- nofault ---- */

static long minor_faults(void)
{
	struct rusage ru;

	CHECK(getrusage(RUSAGE_SELF, &ru) == 0);
	return ru.ru_minflt;
}

static long nofault_faults(void)
{
	char text[4096], *at;
	int fd = open("/proc/self/status", O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	close(fd);
	text[n > 0 ? n : 0] = '\0';
	at = strstr(text, "NofaultFaults:");
	return at ? strtol(at + strlen("NofaultFaults:"), NULL, 10) : -1;
}

static void action(const char *name)
{
	int fd = open("/proc/sys/kernel/nofault_action", O_WRONLY);

	CHECK(write(fd, name, strlen(name)) == (ssize_t)strlen(name));
	close(fd);
}

static __attribute__((noinline)) void use_stack(size_t size)
{
	char room[size];

	for (size_t at = size; at >= 4096; at -= 4096) { /* as calls do it: from the top */
		room[at - 1] = 1;
		__asm__ volatile("" : : "r"(room) : "memory");
	}
}

static void *thread(void *arg)
{
	long *faults = arg, before = minor_faults();

	use_stack(64 * 1024);
	*faults = minor_faults() - before;
	return NULL;
}

#define SHARED_SIZE (1 << 16)

/* Shared memory, mapped when all that is mapped gets locked. */
static char *shared(int fd)
{
	int anonymous = fd < 0 ? MAP_ANONYMOUS : 0;
	char *p = mmap(NULL, SHARED_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | anonymous, fd, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

static void everything(void)
{
	long before, of_thread = -1;
	int fd = memfd_create("shared", 0);
	pthread_t t;
	char *p;

	be_fifo(10);
	CHECK(mlockall(MCL_CURRENT | MCL_FUTURE) == 0);
	before = minor_faults();
	use_stack(100 * 1024);
	p = mmap(NULL, 1 << 18, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	memset(p, 1, 1 << 18);
	memset(shared(-1), 1, SHARED_SIZE);
	CHECK(ftruncate(fd, SHARED_SIZE / 2) == 0);
	p = shared(fd);
	memset(p, 1, SHARED_SIZE / 2);
	CHECK(ftruncate(fd, SHARED_SIZE) == 0);
	CHECK(mlock(p, SHARED_SIZE) == 0);
	memset(p, 1, SHARED_SIZE);
	CHECK(pthread_create(&t, NULL, thread, &of_thread) == 0);
	CHECK(pthread_join(t, NULL) == 0);
	CHECK(of_thread == 0);
	CHECK(minor_faults() == before);
	CHECK(nofault_faults() == 0);
}

static void nofault(void)
{
	int status;
	pid_t pid;

	everything();
	use_stack(1024 * 1024);
	CHECK(nofault_faults() > 0);
	action("kill");
	pid = fork();
	if (pid == 0) {
		be_fifo(10);
		_exit(mlockall(MCL_CURRENT | MCL_FUTURE) != 0 || (use_stack(3 << 20), 7));
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	action("count");
}

/* ---- deadline ---- */

#define MS 1000000ull

/* linux/sched/types.h does not go with the C library's sched.h. */
struct attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

static int set_deadline_of(pid_t pid, uint64_t runtime, uint64_t deadline, uint64_t period,
			   uint64_t flags)
{
	struct attr a = { .size = sizeof(a),
			  .policy = SCHED_DEADLINE,
			  .flags = flags,
			  .runtime = runtime,
			  .deadline = deadline,
			  .period = period };

	return (int)syscall(SYS_sched_setattr, pid, &a, 0);
}

static int set_deadline(uint64_t runtime, uint64_t deadline, uint64_t period, uint64_t flags)
{
	return set_deadline_of(0, runtime, deadline, period, flags);
}

static void get_attr(struct attr *a)
{
	CHECK(syscall(SYS_sched_getattr, 0, a, sizeof(*a), 0) == 0);
}

#define REFUSED(call, error) CHECK((call) == -1 && errno == (error))

static void refused(void)
{
	struct sched_param none = { 0 };

	REFUSED(set_deadline(0, 10 * MS, 10 * MS, 0), EINVAL);
	REFUSED(set_deadline(11 * MS, 10 * MS, 10 * MS, 0), EINVAL);
	REFUSED(set_deadline(MS, 10 * MS, 5 * MS, 0), EINVAL);
	REFUSED(set_deadline(MS, 10 * MS, 10 * MS, 1ull << 40), EINVAL);
	REFUSED(set_deadline(98 * MS, 100 * MS, 100 * MS, 0), EBUSY);
	REFUSED(sched_setscheduler(0, SCHED_DEADLINE, &none), EINVAL);
	CHECK(sched_getscheduler(0) == SCHED_OTHER);
	CHECK(sched_get_priority_max(SCHED_DEADLINE) == 0 &&
	      sched_get_priority_min(SCHED_DEADLINE) == 0);
	CHECK(set_deadline(2 * MS, 10 * MS, 0, 0) == 0);
	REFUSED(fork(), EAGAIN);
}

static long ms_now(void)
{
	struct timespec t;

	CHECK(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void deadlines(void)
{
	struct sched_param none = { 0 };
	struct attr a;
	long begin;
	int status;
	pid_t pid;

	refused();
	get_attr(&a);
	CHECK(a.policy == SCHED_DEADLINE && a.runtime == 2 * MS);
	CHECK(a.deadline == 10 * MS && a.period == 10 * MS && a.flags == 0);
	CHECK(setpriority(PRIO_PROCESS, 0, 5) == 0 && getpriority(PRIO_PROCESS, 0) == 5);
	get_attr(&a);
	CHECK(a.policy == SCHED_DEADLINE && a.runtime == 2 * MS && a.nice == 5);
	CHECK(setpriority(PRIO_PROCESS, 0, 0) == 0);
	begin = ms_now();
	for (int i = 0; i < 10; i++)
		sched_yield();
	CHECK(ms_now() - begin >= 85 && ms_now() - begin <= 105);
	CHECK(set_deadline(2 * MS, 5 * MS, 10 * MS, SCHED_FLAG_RESET_ON_FORK) == 0);
	CHECK(sched_getscheduler(0) == (SCHED_DEADLINE | SCHED_RESET_ON_FORK));
	pid = fork();
	if (pid == 0)
		_exit(sched_getscheduler(0) != SCHED_OTHER);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(sched_setscheduler(0, SCHED_OTHER, &none) == 0);
	/* What ended tasks had is there again, and those that have ended get nothing. */
	for (int i = 0; i < 5; i++) {
		siginfo_t si;

		pid = fork();
		if (pid == 0)
			_exit(0);
		CHECK(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT) == 0);
		/* The last it does comes after the news that it has ended. */
		for (int n = 0; n < 100; n++) {
			if (set_deadline_of(pid, 30 * MS, 100 * MS, 100 * MS, 0) != 0)
				break;
			sleep_ms();
		}
		REFUSED(set_deadline_of(pid, 30 * MS, 100 * MS, 100 * MS, 0), ESRCH);
		CHECK(waitpid(pid, NULL, 0) == pid);
		pid = fork();
		if (pid == 0)
			_exit(set_deadline(90 * MS, 100 * MS, 100 * MS, 0) != 0);
		CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	}
}

static long ms_used(void)
{
	struct timespec t;

	CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == 0);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Computes for ms, in slices of 1 ms with what() in between. */
static void compute(long ms, void (*what)(void))
{
	for (long begin = ms_used(), last = begin, now; (now = ms_used()) - begin < ms;)
		if (what && now != last) {
			last = now;
			what();
		}
}

/* For 200 ms or so in one call; admitted 5 of each 100. */
static void one_long_call(void)
{
	struct iovec parts[12];
	size_t size = 1 << 20;
	int fd = open("/dev/urandom", O_RDONLY);

	for (unsigned i = 0; i < 12; i++)
		parts[i] = (struct iovec){ malloc(size), size };
	memset(parts[0].iov_base, 1, size);
	for (unsigned i = 1; i < 12; i++)
		parts[i].iov_base = parts[0].iov_base;
	CHECK(set_deadline(5 * MS, 100 * MS, 100 * MS, 0) == 0);
	(void)!readv(fd, parts, 12);
	pause();
}

static void beside_a_long_call(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		one_long_call();
		_exit(1);
	}
	CHECK(set_deadline(10 * MS, 50 * MS, 50 * MS, 0) == 0);
	sched_yield();
	for (int i = 0; i < 10; i++) {
		long begin = ms_now();

		compute(5, NULL);
		CHECK(ms_now() - begin < 50);
		sched_yield();
		CHECK(ms_now() - begin <= 55);
	}
	CHECK(kill(pid, SIGKILL) == 0);
	CHECK(waitpid(pid, NULL, 0) == pid);
}

/* What is admitted counts on all CPUs. */
static void both_cpus(void)
{
	struct sched_param none = { 0 };
	cpu_set_t one, all;

	CHECK(sched_getaffinity(0, sizeof(all), &all) == 0 && CPU_COUNT(&all) == 2);
	CPU_ZERO(&one);
	CPU_SET(1, &one);
	CHECK(set_deadline(2 * MS, 10 * MS, 0, 0) == 0);
	REFUSED(sched_setaffinity(0, sizeof(one), &one), EBUSY);
	CHECK(sched_setaffinity(0, sizeof(all), &all) == 0);
	CHECK(sched_setscheduler(0, SCHED_OTHER, &none) == 0);
	CHECK(sched_setaffinity(0, sizeof(one), &one) == 0);
	REFUSED(set_deadline(2 * MS, 10 * MS, 0, 0), EPERM);
}

/* ---- rttime ---- */

static volatile sig_atomic_t warnings;

static void on_warning(int signo)
{
	(void)signo;
	warnings++;
}

static void yield(void)
{
	sched_yield();
}

/* Begins as a child of one that has the limit. */
static int limited(void (*run)(void), rlim_t soft, rlim_t hard)
{
	struct rlimit r = { soft, hard };
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		struct sigaction sa = { .sa_handler = on_warning };

		sigaction(SIGXCPU, &sa, NULL);
		be_fifo(20);
		CHECK(setrlimit(RLIMIT_RTTIME, &r) == 0);
		pid = fork();
		if (pid == 0) {
			run();
			_exit(checks_failed != 0);
		}
		waitpid(pid, &status, 0);
		_exit(WIFSIGNALED(status) ? 100 + WTERMSIG(status) : WEXITSTATUS(status));
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	return WEXITSTATUS(status);
}

static void warned_and_killed(void)
{
	compute(35, yield);
	CHECK(warnings == 0);
	compute(65, yield);
	CHECK(warnings == 1);
	compute(900, NULL);
	CHECK(warnings == 1);
	compute(100, NULL);
	CHECK(warnings == 2);
	if (checks_failed == 0)
		compute(1000, NULL);
}

static void sleeps_between(void)
{
	struct sched_param none = { 0 };

	compute(150, sleep_ms);
	CHECK(warnings == 0);
	/* Nor is anybody who is not real-time. */
	CHECK(sched_setscheduler(0, SCHED_OTHER, &none) == 0);
	compute(100, NULL);
	CHECK(warnings == 0);
	/* What it had before counts on. */
	be_fifo(20);
	compute(35, NULL);
	CHECK(sched_setscheduler(0, SCHED_OTHER, &none) == 0);
	be_fifo(20);
	CHECK(warnings == 0);
	compute(40, NULL);
	CHECK(warnings == 1);
	/* And so does the second until the next warning. */
	for (int i = 0; i < 10; i++) {
		CHECK(sched_setscheduler(0, SCHED_OTHER, &none) == 0);
		be_fifo(20);
		compute(10, NULL);
	}
	CHECK(warnings == 1);
}

static void *compute_thread(void *arg)
{
	(void)arg;
	compute(35, NULL);
	return NULL;
}

/* Each thread has a count of its own. */
static void threads_apart(void)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	pthread_t t;

	for (int i = 0; i < 3; i++) {
		CHECK(pthread_create(&t, NULL, compute_thread, NULL) == 0);
		CHECK(pthread_join(t, NULL) == 0);
	}
	CHECK(warnings == 0);
	CHECK(setrlimit(RLIMIT_RTTIME, &all) == 0);
	compute(100, NULL);
	CHECK(warnings == 0);
}

static void rttime(void)
{
	CHECK(limited(warned_and_killed, 50000, 1150000) == 100 + SIGKILL);
	CHECK(limited(sleeps_between, 50000, RLIM_INFINITY) == 0);
	CHECK(limited(threads_apart, 50000, RLIM_INFINITY) == 0);
}

/* ---- rights ---- */

/* What sched_setattr() says to such parameters of SCHED_OTHER, of which the caller gives `size`
 * bytes. */
static int set_nice(int nice, uint32_t size, struct attr *a)
{
	memset(a, 0, 2 * sizeof(*a));
	a->size = size;
	a->nice = nice;
	return (int)syscall(SYS_sched_setattr, 0, a, 0);
}

static void rights(void)
{
	struct rlimit none = { 0, 0 };
	struct sched_param p10 = { .sched_priority = 10 }, p9 = { .sched_priority = 9 }, p0 = { 0 };
	struct attr a[2];

	CHECK(set_nice(1000, sizeof(*a), a) == 0 && getpriority(PRIO_PROCESS, 0) == 19);
	CHECK(set_nice(-1000, sizeof(*a), a) == 0 && getpriority(PRIO_PROCESS, 0) == -20);
	CHECK(set_nice(0, sizeof(*a), a) == 0);
	CHECK(set_nice(0, 8, a) == -1 && errno == E2BIG && a->size == 56);
	CHECK(set_nice(0, 8192, a) == -1 && errno == E2BIG && a->size == 56);
	/* With an RLIMIT_RTPRIO of 0 a real-time task may only become less of one. */
	be_fifo(10);
	CHECK(setrlimit(RLIMIT_RTPRIO, &none) == 0);
	CHECK(setresuid(1000, 1000, 1000) == 0);
	CHECK(sched_setscheduler(0, SCHED_RR, &p10) == -1 && errno == EPERM);
	CHECK(sched_setscheduler(0, SCHED_RR, &p9) == -1 && errno == EPERM);
	CHECK(sched_setscheduler(0, SCHED_FIFO, &p10) == 0);
	CHECK(sched_setscheduler(0, SCHED_FIFO, &p9) == 0);
	CHECK(sched_setscheduler(0, SCHED_FIFO, &p10) == -1 && errno == EPERM);
	CHECK(sched_setscheduler(0, SCHED_OTHER, &p0) == 0);
	CHECK(sched_setscheduler(0, SCHED_FIFO, &p9) == -1 && errno == EPERM);
}

/* ---- guard ---- */

static void guard(void)
{
	long begin = ms_now(), took;
	pid_t pid = fork();

	if (pid == 0) {
		be_fifo(50);
		for (;;)
			;
	}
	for (int i = 0; i < 5; i++)
		sleep_ms();
	took = ms_now() - begin;
	/* Its part is 50 ms a second: five sleeps fit into one, or, on a host that is busy, some
	 * more. */
	CHECK(took >= 900 && took < 6000);
	CHECK(kill(pid, SIGKILL) == 0);
	CHECK(waitpid(pid, NULL, 0) == pid);
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{ "sleep", sleeps },       { "nofault", nofault },
	{ "deadline", deadlines }, { "kernel", beside_a_long_call },
	{ "cpus", both_cpus },     { "rttime", rttime },
	{ "rights", rights },      { "guard", guard },
};

int main(int argc, char **argv)
{
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (argc == 2 && strcmp(argv[1], cases[i].name) == 0) {
			cases[i].run();
			return check_end();
		}
	return 2;
}
