// SPDX-License-Identifier: MIT
/*
 * Pipes, FIFOs and everything to wait with: poll, select, epoll, eventfd, timerfd, signalfd; how
 * signals end waits. The same program passes on Linux.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

#define CHECK_ERR(call, err) CHECK((errno = 0, (call)) == -1 && errno == (err))

static char buf[200000];

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static short ready(int fd, short events, int ms)
{
	struct pollfd p = { fd, events, 0 };

	return poll(&p, 1, ms) > 0 ? p.revents : 0;
}

/* After ms milliseconds, and again and again: a slow machine may need longer than that to get to
 * where the signal is waited for. 0: no more. */
static void alarm_in_ms(int ms)
{
	struct itimerval it = { { 0, ms * 1000 }, { 0, ms * 1000 } };

	setitimer(ITIMER_REAL, &it, NULL);
}

static void on_alarm(int signo)
{
	(void)signo;
}

static void catch_alarm(int flags)
{
	struct sigaction sa = { .sa_handler = on_alarm, .sa_flags = flags };

	sigaction(SIGALRM, &sa, NULL);
}

/* A child that writes one byte after a while. */
static void write_later(int fd, int ms)
{
	if (fork() == 0) {
		usleep((useconds_t)ms * 1000);
		_exit(write(fd, "y", 1) != 1);
	}
}

static void pipes(void)
{
	int p[2], n = 0, status;

	CHECK(pipe2(p, O_NONBLOCK) == 0);
	CHECK_ERR(read(p[0], buf, 1), EAGAIN);
	CHECK(fcntl(p[1], F_GETPIPE_SZ) == 65536);
	CHECK(write(p[1], buf, sizeof(buf)) == 65536);
	CHECK_ERR(write(p[1], buf, 1), EAGAIN);
	CHECK(ioctl(p[0], FIONREAD, &n) == 0 && n == 65536);
	CHECK(ready(p[0], POLLIN | POLLOUT, 0) == POLLIN && ready(p[1], POLLIN | POLLOUT, 0) == 0);
	CHECK(read(p[0], buf, sizeof(buf)) == 65536);
	CHECK_ERR(lseek(p[0], 0, SEEK_SET), ESPIPE);
	close(p[1]);
	CHECK(ready(p[0], POLLIN, 0) == POLLHUP && read(p[0], buf, 1) == 0);
	close(p[0]);
	if (fork() == 0) {
		pipe(p);
		close(p[0]);
		write(p[1], "x", 1);
		_exit(0);
	}
	wait(&status);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
}

/* Every byte of a long stream through a small pipe, in order. */
static void stream(void)
{
	unsigned x = 1, bad = 0, total = 0;
	ssize_t n;
	int p[2];

	pipe(p);
	if (fork() == 0) {
		close(p[0]);
		for (int i = 0; i < 100; i++) {
			for (int k = 0; k < 7000; k++)
				buf[k] = (char)((x = x * 1103515245 + 12345) >> 16);
			if (write(p[1], buf, 7000) != 7000)
				_exit(1);
		}
		_exit(0);
	}
	close(p[1]);
	while ((n = read(p[0], buf, 5000)) > 0) {
		for (int k = 0; k < n; k++)
			bad += buf[k] != (char)((x = x * 1103515245 + 12345) >> 16);
		total += (unsigned)n;
	}
	CHECK(total == 700000 && bad == 0);
	close(p[0]);
	wait(NULL);
}

/* Writes of up to PIPE_BUF stay whole, whoever else writes. */
static void writes_stay_whole(void)
{
	enum { SIZE = 1000, WRITERS = 4, COUNT = 50 };
	unsigned torn = 0, records = 0;
	int p[2];

	pipe(p);
	for (int w = 0; w < WRITERS; w++)
		if (fork() == 0) {
			memset(buf, 'A' + w, SIZE);
			for (int i = 0; i < COUNT; i++)
				write(p[1], buf, SIZE);
			_exit(0);
		}
	close(p[1]);
	for (size_t have = 0;; have = 0) {
		ssize_t n = 0;

		while (have < SIZE && (n = read(p[0], buf + have, SIZE - have)) > 0)
			have += (size_t)n;
		if (have < SIZE)
			break;
		records++;
		for (int i = 1; i < SIZE; i++)
			torn += buf[i] != buf[0];
	}
	CHECK(records == WRITERS * COUNT && torn == 0);
	close(p[0]);
	while (wait(NULL) > 0)
		;
}

static void fifos(void)
{
	int fd, status;

	mkfifo("fifo", 0600);
	CHECK_ERR(open("fifo", O_WRONLY | O_NONBLOCK), ENXIO);
	if (fork() == 0) {
		/* Before all others once it is woken: it may have closed its end before the reader
		 * that woke it goes on. */
		CHECK(sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){ 10 }) == 0);
		fd = open("fifo", O_WRONLY); /* waits for the reader */
		_exit(write(fd, "through", 7) != 7);
	}
	usleep(20000);
	fd = open("fifo", O_RDONLY);
	CHECK(read(fd, buf, 100) == 7 && memcmp(buf, "through", 7) == 0 && read(fd, buf, 1) == 0);
	close(fd);
	wait(&status);
	CHECK(status == 0);
	CHECK((fd = open("fifo", O_RDONLY | O_NONBLOCK)) >= 0 && read(fd, buf, 1) == 0);
	close(fd);
}

static void time_outs_and_wake_ups(void)
{
	struct timeval tv = { 0, 30000 };
	long before = now_ms();
	fd_set in, out;
	int p[2];

	pipe(p);
	CHECK(ready(p[0], POLLIN, 50) == 0 && now_ms() - before >= 50);
	write_later(p[1], 30);
	CHECK(ready(p[0], POLLIN, 10000) == POLLIN);
	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_SET(p[0], &in);
	FD_SET(p[1], &out);
	CHECK(select(p[1] + 1, &in, &out, NULL, NULL) == 2 && FD_ISSET(p[0], &in) &&
	      FD_ISSET(p[1], &out));
	read(p[0], buf, 1);
	CHECK(select(p[0] + 1, &in, NULL, NULL, &tv) == 0 && !FD_ISSET(p[0], &in) &&
	      tv.tv_usec == 0);
	CHECK(ready(1000, POLLIN, 0) == POLLNVAL);
	close(p[0]);
	close(p[1]);
	wait(NULL);
}

static void signals_end_waits(void)
{
	struct timespec second = { 1, 0 };
	struct signalfd_siginfo info;
	sigset_t alarm_only, none;
	struct pollfd pfd;
	int p[2], sfd;

	pipe(p);
	pfd = (struct pollfd){ p[0], POLLIN, 0 };
	catch_alarm(0);
	alarm_in_ms(20);
	CHECK_ERR(read(p[0], buf, 1), EINTR);
	alarm_in_ms(20);
	CHECK_ERR(poll(&pfd, 1, -1), EINTR);
	catch_alarm(SA_RESTART);
	alarm_in_ms(20);
	write_later(p[1], 60);
	CHECK(read(p[0], buf, 1) == 1);
	alarm_in_ms(20);
	CHECK_ERR(poll(&pfd, 1, -1), EINTR); /* never restarted */
	sigemptyset(&none);
	sigemptyset(&alarm_only);
	sigaddset(&alarm_only, SIGALRM);
	sigprocmask(SIG_BLOCK, &alarm_only, NULL);
	alarm_in_ms(5);
	CHECK(poll(&pfd, 1, 30) == 0);
	CHECK_ERR(ppoll(&pfd, 1, &second, &none), EINTR);
	alarm_in_ms(0);
	sfd = signalfd(-1, &alarm_only, SFD_NONBLOCK);
	read(sfd, &info, sizeof(info)); /* one that came in between */
	CHECK_ERR(read(sfd, &info, sizeof(info)), EAGAIN);
	alarm_in_ms(20);
	CHECK(ready(sfd, POLLIN, 5000) == POLLIN);
	CHECK(read(sfd, &info, sizeof(info)) == sizeof(info) && info.ssi_signo == SIGALRM);
	alarm_in_ms(0);
	sigprocmask(SIG_UNBLOCK, &alarm_only, NULL);
	close(sfd);
	close(p[0]);
	close(p[1]);
	wait(NULL);
}

static uint32_t events(int ep, int ms)
{
	struct epoll_event e[4];
	int n = epoll_wait(ep, e, 4, ms);

	return n == 1 ? e[0].events : n == 0 ? 0 : UINT32_MAX;
}

static void set(int ep, int op, int fd, uint32_t mask)
{
	struct epoll_event e = { .events = mask };

	CHECK(epoll_ctl(ep, op, fd, &e) == 0);
}

static void epolls(void)
{
	struct epoll_event e = { .events = EPOLLIN };
	int ep = epoll_create1(0), outer = epoll_create1(EPOLL_CLOEXEC), p[2],
	    file = open("plain", O_CREAT | O_RDWR, 0600);

	pipe(p);
	set(ep, EPOLL_CTL_ADD, p[0], EPOLLIN);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e), EEXIST);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, file, &e), EPERM);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, ep, &e), EINVAL);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_DEL, p[1], &e), ENOENT);
	CHECK(events(ep, 0) == 0);
	write(p[1], "abc", 3);
	CHECK(events(ep, 0) == EPOLLIN && events(ep, 0) == EPOLLIN);
	set(ep, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLET);
	CHECK(events(ep, 0) == EPOLLIN && events(ep, 0) == 0);
	write(p[1], "d", 1);
	CHECK(events(ep, 0) == EPOLLIN && events(ep, 0) == 0);
	set(ep, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLONESHOT);
	CHECK(events(ep, 0) == EPOLLIN && events(ep, 0) == 0);
	write(p[1], "e", 1);
	CHECK(events(ep, 0) == 0);
	set(ep, EPOLL_CTL_MOD, p[0], EPOLLIN);
	set(outer, EPOLL_CTL_ADD, ep, EPOLLIN);
	CHECK(events(outer, 0) == EPOLLIN);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, outer, &e), ELOOP);
	read(p[0], buf, 100);
	CHECK(events(outer, 0) == 0 || events(ep, 0) == 0);
	write_later(p[1], 30);
	CHECK(events(outer, 10000) == EPOLLIN);
	wait(NULL);
	read(p[0], buf, 100);
	close(p[1]);
	CHECK(events(ep, 0) == EPOLLHUP);
	close(p[0]);
	CHECK(events(ep, 0) == 0);
	close(ep);
	close(outer);
	close(file);
}

static void event_counters(void)
{
	int fd = eventfd(3, EFD_NONBLOCK), sem = eventfd(2, EFD_NONBLOCK | EFD_SEMAPHORE);
	uint64_t v = 0;

	CHECK(read(fd, &v, 8) == 8 && v == 3);
	CHECK_ERR(read(fd, &v, 8), EAGAIN);
	CHECK_ERR(read(fd, &v, 4), EINVAL);
	v = UINT64_MAX;
	CHECK_ERR(write(fd, &v, 8), EINVAL);
	v = UINT64_MAX - 1;
	CHECK(write(fd, &v, 8) == 8 && ready(fd, POLLIN | POLLOUT, 0) == POLLIN);
	v = 1;
	CHECK_ERR(write(fd, &v, 8), EAGAIN);
	CHECK(read(sem, &v, 8) == 8 && v == 1 && read(sem, &v, 8) == 8);
	CHECK_ERR(read(sem, &v, 8), EAGAIN);
	close(fd);
	close(sem);
}

static void timers(void)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	struct itimerspec its = { { 0, 0 }, { 1000, 0 } }, old;
	uint64_t ticks = 0;

	CHECK(timerfd_settime(fd, 0, &its, NULL) == 0);
	CHECK_ERR(read(fd, &ticks, 8), EAGAIN);
	its = (struct itimerspec){ { 0, 10000000 }, { 0, 10000000 } };
	CHECK(timerfd_settime(fd, 0, &its, NULL) == 0);
	usleep(55000);
	CHECK(read(fd, &ticks, 8) == 8 && ticks >= 5);
	CHECK(ready(fd, POLLIN, 5000) == POLLIN);
	CHECK(timerfd_gettime(fd, &old) == 0 && old.it_interval.tv_nsec == 10000000);
	its = (struct itimerspec){ { 0, 1 }, { 0, 1 } }; /* a billion a second, and nobody reads */
	CHECK(timerfd_settime(fd, 0, &its, NULL) == 0);
	usleep(10000);
	CHECK(read(fd, &ticks, 8) == 8 && ticks >= 10000000);
	its = (struct itimerspec){ { 0, 0 }, { 0, 0 } };
	CHECK(timerfd_settime(fd, 0, &its, &old) == 0);
	CHECK_ERR(read(fd, &ticks, 8), EAGAIN);
	CHECK_ERR(timerfd_create(77, 0), EINVAL);
	close(fd);
}

int main(void)
{
	char place[] = "/tmp/waiting-XXXXXX";

	if (!mkdtemp(place) || chdir(place))
		return 2;
	pipes();
	stream();
	writes_stay_whole();
	fifos();
	time_outs_and_wake_ups();
	signals_end_waits();
	epolls();
	event_counters();
	timers();
	return check_end();
}
