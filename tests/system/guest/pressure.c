// SPDX-License-Identifier: MIT
/*
 * Triggers of /proc/pressure as programs use them: pressure. Each line says what was tried and how
 * it ended.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CPU "/proc/pressure/cpu"

static const char *try_trigger(const char *path, const char *text)
{
	int fd = open(path, O_RDWR | O_CLOEXEC), err = 0;

	if (fd < 0)
		return strerrorname_np(errno);
	if (write(fd, text, strlen(text) + 1) < 0)
		err = errno;
	close(fd);
	return err ? strerrorname_np(err) : "ok";
}

static long ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Two programs that want the same CPU. */
static void make_pressure(pid_t *pids)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	for (int i = 0; i < 2; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			sched_setaffinity(0, sizeof(one), &one);
			for (;;)
				;
		}
	}
}

static void end_pressure(const pid_t *pids)
{
	for (int i = 0; i < 2; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
}

static void bad_input(void)
{
	static const char *const bad[] = { "",
					   "some",
					   "some 0 1000000",
					   "some 1000001 1000000",
					   "some 1 499999",
					   "some 1 10000001",
					   "none 1 1000000" };
	int fd = open(CPU, O_RDWR | O_CLOEXEC);

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		printf("'%s' %s\n", bad[i], try_trigger(CPU, bad[i]));
	printf("good %s\n", try_trigger("/proc/pressure/io", "full 500000 500000"));
	printf("first %d\n", write(fd, "some 1000 500000", 17) == 17);
	printf("second %s\n",
	       write(fd, "some 1000 500000", 17) < 0 ? strerrorname_np(errno) : "ok");
	close(fd);
	fd = open(CPU, O_RDONLY | O_CLOEXEC);
	printf("write to what is open for reading %s\n",
	       write(fd, "some 1000 500000", 17) < 0 ? strerrorname_np(errno) : "ok");
	printf("poll without a trigger %#x\n", ({
		       struct pollfd p = { .fd = fd, .events = POLLPRI };
		       poll(&p, 1, 0);
		       p.revents;
	       }));
	close(fd);
}

static void as_a_user(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		char buf[512];
		int fd;

		setuid(1000);
		fd = open(CPU, O_RDONLY);
		printf("a user reads %d, writes %s", read(fd, buf, sizeof(buf)) > 0,
		       try_trigger(CPU, "some 1000 500000"));
		printf(" %s", try_trigger(CPU, "some 1000 2000001"));
		printf(" %s\n", try_trigger(CPU, "some 1000 4000000"));
		fflush(stdout);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

/* Waits for a trigger's event in one of four ways. 0: nothing came in so many ms. */
static int wait_event(int fd, int way, int timeout)
{
	struct pollfd p = { .fd = fd, .events = POLLPRI };
	struct timespec ts = { timeout / 1000, timeout % 1000 * 1000000L };
	struct timeval tv = { timeout / 1000, timeout % 1000 * 1000L };
	struct epoll_event e = { .events = EPOLLPRI };
	fd_set set;
	int ep, n;

	switch (way) {
	case 0: return poll(&p, 1, timeout) == 1 && p.revents == POLLPRI;
	case 1: return ppoll(&p, 1, &ts, NULL) == 1 && p.revents == POLLPRI;
	case 2:
		FD_ZERO(&set);
		FD_SET(fd, &set);
		return select(fd + 1, NULL, NULL, &set, &tv) == 1 && FD_ISSET(fd, &set);
	default:
		ep = epoll_create1(0);
		epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
		n = epoll_wait(ep, &e, 1, timeout);
		close(ep);
		return n == 1 && e.events == EPOLLPRI;
	}
}

int main(void)
{
	static const char *const ways[] = { "poll", "ppoll", "select", "epoll" };
	int fd = open(CPU, O_RDWR | O_CLOEXEC), events = 0;
	pid_t pids[2];
	long start;

	bad_input();
	as_a_user();
	fflush(stdout);
	/* A machine with nothing to do tells of nothing. */
	printf("trigger %d\n", write(fd, "some 200000 1000000", 20) == 20);
	printf("quiet %d\n", wait_event(fd, 0, 1500));
	fflush(stdout);
	make_pressure(pids);
	for (int way = 0; way < 4; way++)
		printf("%s %d\n", ways[way], wait_event(fd, way, 10000));
	for (start = ms(); ms() - start < 3000;)
		events += wait_event(fd, 0, 3000 - (int)(ms() - start));
	printf("once in a second %d\n", events >= 2 && events <= 3);
	end_pressure(pids);
	/* What the last windows had may still be told. */
	for (events = 0; events < 3 && wait_event(fd, 0, 1500);)
		events++;
	printf("over %d\n", events < 3);
	return 0;
}
