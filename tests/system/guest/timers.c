// SPDX-License-Identifier: MIT
// POSIX timers' overruns. To the millisecond: to be run with --icount.
#include <signal.h>
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

int main(void)
{
	test_overruns();
	test_interval_timer();
	return check_end();
}
