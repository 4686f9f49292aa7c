// SPDX-License-Identifier: MIT
/*
 * bounded: what a program may have thousands of does not keep interrupts or preemption off. A
 * real-time thread wakes every 100 us on this CPU and measures how late it is, while ordinary
 * threads write to a pipe that 3000 epoll instances watch, stop, continue and kill a process of 300
 * threads, and send it a signal that all of them block. Under -icount a nanosecond is an
 * instruction.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

#define PERIOD     100000
#define LATE_MAX   8000 /* ns; without batches 60,000 and more */
#define INSTANCES  3000
#define PER_CHILD  1000
#define SLEEPERS   300
#define STACK_SIZE 16384

static volatile long worst;
static volatile int done;

static long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000L + t.tv_nsec;
}

static void *measure(void *arg)
{
	struct sched_param sp = { .sched_priority = 50 };
	long due;

	(void)arg;
	CHECK(sched_setscheduler(0, SCHED_FIFO, &sp) == 0);
	for (due = now() + PERIOD; !done; due += PERIOD) {
		struct timespec t = { due / 1000000000L, due % 1000000000L };
		long late;

		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
		late = now() - due;
		if (late > worst)
			worst = late;
	}
	return NULL;
}

static void judge(const char *what)
{
	printf("%s: worst %ld ns late\n", what, worst);
	CHECK(worst < LATE_MAX);
	worst = 0;
}

static void watch(int fd, int told)
{
	struct rlimit r = { PER_CHILD + 100, PER_CHILD + 100 };

	if (setrlimit(RLIMIT_NOFILE, &r))
		_exit(1);
	for (int i = 0; i < PER_CHILD; i++) {
		struct epoll_event ev = { .events = EPOLLIN };

		if (epoll_ctl(epoll_create1(0), EPOLL_CTL_ADD, fd, &ev))
			_exit(2);
	}
	(void)!write(told, "r", 1);
	pause();
	_exit(0);
}

static void watched_pipe(void)
{
	pid_t pids[INSTANCES / PER_CHILD];
	int fds[2], told[2];
	char c = 0;

	CHECK(pipe(fds) == 0 && pipe(told) == 0);
	for (int i = 0; i < INSTANCES / PER_CHILD; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			watch(fds[0], told[1]);
		CHECK(read(told[0], &c, 1) == 1);
	}
	worst = 0;
	for (int i = 0; i < 20; i++)
		CHECK(write(fds[1], &c, 1) == 1 && read(fds[0], &c, 1) == 1);
	judge("watched pipe");
	for (int i = 0; i < INSTANCES / PER_CHILD; i++) {
		kill(pids[i], SIGKILL);
		CHECK(waitpid(pids[i], NULL, 0) == pids[i]);
	}
}

__attribute__((noreturn)) static void *sleeper(void *arg)
{
	(void)arg;
	for (;;)
		pause();
}

static void sleep_many(int told)
{
	pthread_attr_t attr;
	pthread_t t;
	sigset_t usr1;

	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, NULL);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	for (int i = 0; i < SLEEPERS; i++)
		if (pthread_create(&t, &attr, sleeper, NULL))
			_exit(1);
	usleep(10000);
	(void)!write(told, "r", 1);
	sleeper(NULL);
}

static void many_threads(void)
{
	int told[2], status;
	pid_t pid;
	char c;

	CHECK(pipe(told) == 0);
	pid = fork();
	if (pid == 0)
		sleep_many(told[1]);
	CHECK(read(told[0], &c, 1) == 1);
	worst = 0;
	CHECK(kill(pid, SIGUSR1) == 0);
	judge("signal that all block");
	CHECK(kill(pid, SIGSTOP) == 0 && waitpid(pid, &status, WUNTRACED) == pid);
	CHECK(WIFSTOPPED(status));
	judge("stop");
	CHECK(kill(pid, SIGCONT) == 0 && waitpid(pid, &status, WCONTINUED) == pid);
	CHECK(WIFCONTINUED(status));
	judge("continue");
	CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, &status, 0) == pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	judge("kill");
}

int main(void)
{
	cpu_set_t cpu;
	pthread_t t;

	setvbuf(stdout, NULL, _IONBF, 0);
	CPU_ZERO(&cpu);
	CPU_SET(0, &cpu);
	sched_setaffinity(0, sizeof(cpu), &cpu);
	CHECK(pthread_create(&t, NULL, measure, NULL) == 0);
	usleep(50000);
	worst = 0;
	usleep(50000);
	judge("nothing");
	watched_pipe();
	many_threads();
	done = 1;
	pthread_join(t, NULL);
	return check_end();
}
