// SPDX-License-Identifier: MIT
// POSIX timers' overruns; waits by a clock that is set meanwhile. To the millisecond: to be run
// with --icount.
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

#define MS 1000000L

static void sleep_ms(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * MS };

	CHECK(nanosleep(&ts, NULL) == 0);
}

static sigset_t block(int signo)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signo);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return set;
}

/* The overruns that the next signal of set tells of. */
static int take(const sigset_t *set)
{
	siginfo_t info;

	CHECK(sigwaitinfo(set, &info) > 0);
	return info.si_overrun;
}

static void test_overruns(void)
{
	struct itimerspec every10 = { { 0, 10 * MS }, { 0, 10 * MS } };
	struct itimerspec past = { { 0, 1 }, { 0, 1 } };
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN };
	sigset_t set = block(SIGRTMIN);
	timer_t timer;

	CHECK(timer_create(CLOCK_MONOTONIC, &ev, &timer) == 0);
	CHECK(timer_settime(timer, 0, &every10, NULL) == 0);
	sleep_ms(55);
	CHECK(timer_getoverrun(timer) == 0); /* none has been taken */
	CHECK(take(&set) == 4);
	CHECK(timer_getoverrun(timer) == 4 && timer_getoverrun(timer) == 4);
	CHECK(take(&set) == 0);
	CHECK(timer_getoverrun(timer) == 0);
	sleep_ms(35);
	CHECK(take(&set) == 2);
	sleep_ms(20);
	CHECK(timer_getoverrun(timer) == 2); /* whatever has come since */
	CHECK(take(&set) == 1);
	/* Set anew, it knows of nothing that was. */
	sleep_ms(35);
	CHECK(timer_settime(timer, 0, &every10, NULL) == 0);
	CHECK(timer_getoverrun(timer) == 0);
	CHECK(take(&set) == 0);
	/* Each nanosecond since the machine was started. */
	CHECK(timer_settime(timer, TIMER_ABSTIME, &past, NULL) == 0);
	CHECK(take(&set) > 1000000);
	CHECK(timer_delete(timer) == 0);
}

/* Who asks for SIGALRM by setitimer() is not told of overruns where a sender's user would be. */
static void test_interval_timer(void)
{
	sigset_t set = block(SIGALRM);
	siginfo_t info;

	ualarm(10000, 10000);
	sleep_ms(55);
	CHECK(sigwaitinfo(&set, &info) == SIGALRM);
	CHECK(info.si_code == SI_KERNEL && info.si_uid == 0);
	ualarm(0, 0);
}

static struct timespec wall_in(long seconds)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += seconds;
	return t;
}

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / MS;
}

static long start;

/* From now on: the clock is set so many seconds on, in 200 ms. */
static void shift_soon(long seconds)
{
	start = now_ms();
	if (fork() == 0) {
		struct timespec t;

		sleep_ms(200);
		t = wall_in(seconds);
		_exit(clock_settime(CLOCK_REALTIME, &t) != 0);
	}
}

/* What was waited for has come when it was due. */
static void check_after(long ms)
{
	long took = now_ms() - start;
	int status;

	CHECK(took >= ms && took < ms + 50);
	if (took < ms || took >= ms + 50)
		printf("took %ld ms, not %ld\n", took, ms);
	CHECK(wait(&status) > 0 && status == 0);
}

static void test_sleep_till(void)
{
	struct timespec t = wall_in(3);
	pid_t child;

	shift_soon(100);
	CHECK(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL) == 0);
	check_after(200);
	/* Back: it lasts longer; relative waits and the other clock's are not concerned. */
	t = wall_in(1);
	shift_soon(-2);
	CHECK(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL) == 0);
	check_after(3000);
	t = (struct timespec){ 1, 0 };
	shift_soon(100);
	CHECK(clock_nanosleep(CLOCK_REALTIME, 0, &t, NULL) == 0);
	check_after(1000);
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec++;
	shift_soon(100);
	CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == 0);
	check_after(1000);
	/* Long ago, and never. */
	start = now_ms();
	t = (struct timespec){ 0, 0 };
	CHECK(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL) == 0);
	CHECK(now_ms() - start < 50);
	t.tv_sec = INT64_MAX;
	child = fork();
	if (child == 0)
		_exit(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL));
	sleep_ms(100);
	CHECK(waitpid(child, NULL, WNOHANG) == 0);
	kill(child, SIGKILL);
	CHECK(waitpid(child, NULL, 0) == child);
}

static void test_timer_till(void)
{
	struct itimerspec at = { .it_value = wall_in(3) }, left;
	sigset_t set = block(SIGALRM);
	timer_t timer;

	CHECK(timer_create(CLOCK_REALTIME, NULL, &timer) == 0);
	CHECK(timer_settime(timer, TIMER_ABSTIME, &at, NULL) == 0);
	shift_soon(100);
	CHECK(take(&set) == 0);
	check_after(200);
	/* Nine whole periods have passed by that clock, besides. */
	at = (struct itimerspec){ { 10, 0 }, wall_in(1) };
	CHECK(timer_settime(timer, TIMER_ABSTIME, &at, NULL) == 0);
	shift_soon(95);
	CHECK(take(&set) == 9);
	check_after(200);
	CHECK(timer_gettime(timer, &left) == 0);
	CHECK(left.it_value.tv_sec == 5 && left.it_interval.tv_sec == 10);
	at = (struct itimerspec){ .it_value = { 1, 0 } };
	CHECK(timer_settime(timer, 0, &at, NULL) == 0);
	shift_soon(100);
	CHECK(take(&set) == 0);
	check_after(1000);
	CHECK(timer_delete(timer) == 0);
}

static void test_timerfd_till(void)
{
	struct itimerspec at = { .it_value = wall_in(3) };
	int fd = timerfd_create(CLOCK_REALTIME, 0);
	uint64_t n = 0;

	CHECK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &at, NULL) == 0);
	shift_soon(100);
	CHECK(read(fd, &n, 8) == 8 && n == 1);
	check_after(200);
	at = (struct itimerspec){ { 10, 0 }, wall_in(1) };
	CHECK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &at, NULL) == 0);
	shift_soon(95);
	CHECK(read(fd, &n, 8) == 8 && n == 10);
	check_after(200);
	close(fd);
}

static void test_timerfd_cancelled(void)
{
	const int flags = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET;
	struct itimerspec at = { .it_value = wall_in(1000) };
	int fd = timerfd_create(CLOCK_REALTIME, 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct timeval tv;
	uint64_t n;

	CHECK(timerfd_settime(fd, flags, &at, NULL) == 0);
	CHECK(poll(&p, 1, 0) == 0);
	shift_soon(1);
	CHECK(read(fd, &n, 8) == -1 && errno == ECANCELED);
	check_after(200);
	CHECK(poll(&p, 1, 0) == 0); /* said once */
	shift_soon(-1);
	CHECK(poll(&p, 1, -1) == 1 && p.revents == POLLIN);
	check_after(200);
	/* Set anew before it is read, the call tells, and the timer runs. */
	at.it_value = wall_in(1);
	CHECK(timerfd_settime(fd, flags, &at, NULL) == -1 && errno == ECANCELED);
	CHECK(poll(&p, 1, 0) == 0);
	CHECK(poll(&p, 1, 2000) == 1);
	CHECK(read(fd, &n, 8) == 8 && n == 1);
	/* A reader that waits already is told, too. */
	at.it_value = wall_in(1000);
	CHECK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &at, NULL) == 0);
	start = now_ms();
	if (fork() == 0) {
		sleep_ms(100);
		CHECK(timerfd_settime(fd, flags, &at, NULL) == 0);
		sleep_ms(100);
		gettimeofday(&tv, NULL);
		tv.tv_sec += 5;
		_exit(settimeofday(&tv, NULL) != 0);
	}
	CHECK(read(fd, &n, 8) == -1 && errno == ECANCELED);
	check_after(200);
	/* Without the flag nobody is. */
	CHECK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &at, NULL) == 0);
	shift_soon(1);
	CHECK(poll(&p, 1, 1000) == 0);
	check_after(1000);
	close(fd);
}

static long futex(uint32_t *word, int op, uint32_t val, const struct timespec *till)
{
	return syscall(SYS_futex, word, op, val, till, NULL, FUTEX_BITSET_MATCH_ANY);
}

static void *hold(void *word)
{
	CHECK(futex(word, FUTEX_LOCK_PI, 0, NULL) == 0);
	sleep_ms(5000);
	CHECK(futex(word, FUTEX_UNLOCK_PI, 0, NULL) == 0);
	return NULL;
}

static void test_futex_till(void)
{
	struct timespec t = wall_in(3);
	uint32_t word = 0;
	pthread_t owner;

	shift_soon(100);
	CHECK(futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &t) == -1 &&
	      errno == ETIMEDOUT);
	check_after(200);
	t = wall_in(1);
	shift_soon(-1);
	CHECK(futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &t) == -1 &&
	      errno == ETIMEDOUT);
	check_after(2000);
	pthread_create(&owner, NULL, hold, &word);
	sleep_ms(100);
	t = wall_in(3);
	shift_soon(100);
	CHECK(futex(&word, FUTEX_LOCK_PI, 0, &t) == -1 && errno == ETIMEDOUT);
	check_after(200);
	pthread_join(owner, NULL);
}

static void test_settime_refused(void)
{
	struct timespec t = { 0, 0 };

	CHECK(clock_settime(CLOCK_REALTIME, &t) == -1 && errno == EINVAL);
	t.tv_sec = INT64_MAX / 1000000000;
	CHECK(clock_settime(CLOCK_REALTIME, &t) == -1 && errno == EINVAL);
	CHECK(clock_settime(CLOCK_MONOTONIC, &t) == -1 && errno == EINVAL);
}

int main(void)
{
	test_overruns();
	test_interval_timer();
	test_sleep_till();
	test_timer_till();
	test_timerfd_till();
	test_timerfd_cancelled();
	test_futex_till();
	test_settime_refused();
	return check_end();
}
