// SPDX-License-Identifier: MIT
/*
 * cputimers: timers on CPU time count what is computed and not what is slept; RLIMIT_CPU warns
 * every second and ends; CPU clocks agree with each other.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

#define MS       1000000L
#define LATE_MAX (200 * MS) /* the host has other things to do, too */

static volatile sig_atomic_t told[NSIG];

static void on_signal(int signo)
{
	told[signo]++;
}

static long clock_ns(clockid_t clock)
{
	struct timespec t;

	CHECK(clock_gettime(clock, &t) == 0);
	return t.tv_sec * 1000000000L + t.tv_nsec;
}

static void handle(int signo)
{
	struct sigaction sa = { .sa_handler = on_signal };

	told[signo] = 0;
	CHECK(sigaction(signo, &sa, NULL) == 0);
}

/* Computes until told, or for `most` ns of this thread's time. Returns how long that took by the
 * clock. */
static long burn(int signo, clockid_t clock, long most)
{
	long start = clock_ns(clock), end = clock_ns(CLOCK_THREAD_CPUTIME_ID) + most;

	while (!told[signo] && clock_ns(CLOCK_THREAD_CPUTIME_ID) < end)
		for (volatile int i = 0; i < 20000; i++)
			;
	return clock_ns(clock) - start;
}

static void interval(int which, int signo)
{
	struct itimerval v = { .it_value = { 0, 100000 } }, left;
	long start, used;

	handle(signo);
	start = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	CHECK(setitimer(which, &v, NULL) == 0);
	usleep(250000);
	CHECK(told[signo] == 0); /* sleeping does not count */
	CHECK(getitimer(which, &left) == 0);
	used = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - start;
	CHECK(left.it_value.tv_usec <= 100000 && left.it_value.tv_usec >= 100000 - used / 1000);
	burn(signo, CLOCK_PROCESS_CPUTIME_ID, 1000 * MS);
	used = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - start;
	CHECK(told[signo] == 1);
	CHECK(used >= 100 * MS && used < 100 * MS + LATE_MAX);
	CHECK(getitimer(which, &left) == 0 && left.it_value.tv_usec == 0);
	burn(NSIG - 1, CLOCK_PROCESS_CPUTIME_ID, 80 * MS);
	CHECK(told[signo] == 1);
}

static void *burn_thread(void *arg)
{
	(void)arg;
	burn(SIGUSR1, CLOCK_THREAD_CPUTIME_ID, 60 * MS);
	return NULL;
}

static void posix(clockid_t clock, int others_count)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct itimerspec v = { .it_value = { 0, 50 * MS }, .it_interval = { 0, 20 * MS } };
	pthread_t t;
	timer_t id;

	handle(SIGUSR1);
	CHECK(timer_create(clock, &ev, &id) == 0);
	CHECK(timer_settime(id, 0, &v, NULL) == 0);
	/* Another thread's time counts for the process only. */
	CHECK(pthread_create(&t, NULL, burn_thread, NULL) == 0);
	pthread_join(t, NULL);
	CHECK((told[SIGUSR1] > 0) == others_count);
	told[SIGUSR1] = 0;
	burn(SIGUSR1, CLOCK_THREAD_CPUTIME_ID, 1000 * MS);
	CHECK(told[SIGUSR1] > 0);
	told[SIGUSR1] = 0;
	burn(SIGUSR1, CLOCK_THREAD_CPUTIME_ID, 1000 * MS); /* again by itself */
	CHECK(told[SIGUSR1] > 0);
	CHECK(timer_delete(id) == 0);
	told[SIGUSR1] = 0;
	burn(SIGUSR1, CLOCK_THREAD_CPUTIME_ID, 60 * MS);
	CHECK(told[SIGUSR1] == 0);
}

static void clocks_agree(void)
{
	struct rusage all, mine;
	long sum, before = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	pthread_t t;

	told[SIGUSR1] = 0;
	CHECK(pthread_create(&t, NULL, burn_thread, NULL) == 0);
	pthread_join(t, NULL);
	CHECK(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - before >= 60 * MS); /* the dead count */
	before = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	CHECK(getrusage(RUSAGE_SELF, &all) == 0 && getrusage(RUSAGE_THREAD, &mine) == 0);
	sum = (all.ru_utime.tv_sec + all.ru_stime.tv_sec) * 1000000 + all.ru_utime.tv_usec +
	      all.ru_stime.tv_usec;
	CHECK(sum >= before / 1000 - 2 && sum <= clock_ns(CLOCK_PROCESS_CPUTIME_ID) / 1000);
	CHECK(all.ru_utime.tv_sec * 1000000 + all.ru_utime.tv_usec >=
	      mine.ru_utime.tv_sec * 1000000 + mine.ru_utime.tv_usec);
	CHECK(all.ru_minflt >= mine.ru_minflt);
}

/* The limit is inherited; waits for the child's death and returns how. *spent: its CPU time in
 * ms. */
static int limited(rlim_t soft, rlim_t hard, int handled, long *spent, int *warnings)
{
	struct rlimit r = { soft, hard };
	struct rusage ru;
	int status = 0, fds[2];
	pid_t pid;

	CHECK(pipe(fds) == 0);
	pid = fork();
	if (pid == 0) {
		setrlimit(RLIMIT_CPU, &r);
		pid = fork();
		if (pid == 0) {
			if (handled)
				handle(SIGXCPU);
			for (;;) {
				int n = told[SIGXCPU];

				burn(NSIG - 1, CLOCK_PROCESS_CPUTIME_ID, 10 * MS);
				if (told[SIGXCPU] != n)
					(void)!write(fds[1], "x", 1);
			}
		}
		wait4(pid, &status, 0, &ru);
		(void)!write(fds[1], "\n", 1);
		(void)!write(fds[1], &status, sizeof(status));
		(void)!write(fds[1], &ru, sizeof(ru));
		_exit(0);
	}
	*warnings = -1;
	for (char c = 0; c != '\n'; ++*warnings)
		CHECK(read(fds[0], &c, 1) == 1);
	CHECK(read(fds[0], &status, sizeof(status)) == sizeof(status));
	CHECK(read(fds[0], &ru, sizeof(ru)) == sizeof(ru));
	CHECK(waitpid(pid, NULL, 0) == pid);
	*spent = (ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1000 +
		 (ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1000;
	close(fds[0]);
	close(fds[1]);
	return status;
}

static void cpu_limit(void)
{
	int status, warnings;
	long spent;

	status = limited(1, 5, 0, &spent, &warnings);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU);
	CHECK(spent >= 990 && spent < 1500);
	status = limited(1, 3, 1, &spent, &warnings);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	CHECK(spent >= 2990 && spent < 3500);
	CHECK(warnings == 2);
}

int main(void)
{
	interval(ITIMER_VIRTUAL, SIGVTALRM);
	interval(ITIMER_PROF, SIGPROF);
	posix(CLOCK_PROCESS_CPUTIME_ID, 1);
	posix(CLOCK_THREAD_CPUTIME_ID, 0);
	clocks_agree();
	cpu_limit();
	return check_end();
}
