// SPDX-License-Identifier: MIT
/*
 * badtimes: times, clocks and flags that timers and sleeps cannot have, one call a line with what
 * it answers: the same on Linux 6.1 (badtimes-linux-6.1.txt). Bad pointers are in badargs.c.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const struct {
	const char *name;
	struct timespec t;
} times[] = {
	{ "zero", { 0, 0 } },
	{ "sec -1", { -1, 0 } },
	{ "ns -1", { 0, -1 } },
	{ "ns 10^9", { 0, 1000000000 } },
	{ "ns 10^9-1", { 0, 999999999 } },
	{ "ns most", { 0, INT64_MAX } },
	{ "sec most", { INT64_MAX, 999999999 } },
	{ "sec least", { INT64_MIN, 0 } },
	{ "sec 2^34", { 1L << 34, 0 } },
};
#define TIMES (sizeof(times) / sizeof(times[0]))

static const int clocks[] = { 0,  1,  2,  3,  4,   5,  6,  7,  8,  9,  10,
			      11, 12, 15, 16, 100, -1, -2, -6, -7, -8, -100000 };
#define CLOCKS (sizeof(clocks) / sizeof(clocks[0]))

static void on_alarm(int signo)
{
	(void)signo;
}

static void say(const char *call, const char *name, long answer)
{
	printf("%s, %s: %s\n", call, name, answer < 0 ? strerrorname_np(errno) : "ok");
}

/* Sleeps that would last are ended by a signal. */
static void set_alarm(long us)
{
	struct itimerval v = { .it_value = { 0, us } };

	setitimer(ITIMER_REAL, &v, NULL);
}

static void sleeps(void)
{
	for (unsigned i = 0; i < TIMES; i++)
		for (int absolute = 0; absolute < 2; absolute++) {
			struct timespec rest = { 7, 7 };
			char name[40];
			long answer;

			set_alarm(20000);
			answer = syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC,
					 absolute ? TIMER_ABSTIME : 0, &times[i].t, &rest);
			snprintf(name, sizeof(name), "%s%s", times[i].name,
				 absolute ? " absolute" : "");
			if (i != 4) /* a second */
				say("clock_nanosleep", name, answer);
			if (answer < 0 && errno == EINTR && !absolute && i == 6)
				printf("rest %s\n", rest.tv_sec > 1L << 32 ? "long" : "short");
		}
	for (unsigned i = 0; i < TIMES; i++) {
		set_alarm(20000);
		if (i != 4)
			say("nanosleep", times[i].name, syscall(SYS_nanosleep, &times[i].t, NULL));
	}
	set_alarm(0);
	say("clock_nanosleep", "unknown flags",
	    syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0x7ffffffe, &times[0].t, NULL));
}

static void settings(void)
{
	int fd = (int)syscall(SYS_timerfd_create, CLOCK_MONOTONIC, 0), id = 0;
	struct sigevent none = { .sigev_notify = SIGEV_NONE };

	say("timer_create", "for these", syscall(SYS_timer_create, CLOCK_MONOTONIC, &none, &id));
	for (unsigned i = 0; i < TIMES; i++)
		for (int interval = 0; interval < 2; interval++)
			for (int flags = 0; flags < 2; flags++) {
				struct itimerspec v = { .it_value = { 1000, 0 } };
				char name[60];

				*(interval ? &v.it_interval : &v.it_value) = times[i].t;
				snprintf(name, sizeof(name), "%s %s%s",
					 interval ? "interval" : "value", times[i].name,
					 flags ? " absolute" : "");
				say("timer_settime", name,
				    syscall(SYS_timer_settime, id, flags, &v, NULL));
				say("timerfd_settime", name,
				    syscall(SYS_timerfd_settime, fd, flags, &v, NULL));
			}
	for (int bit = 0; bit < 31; bit += 3) {
		struct itimerspec v = { .it_value = { 1000, 0 } };
		char name[40];

		snprintf(name, sizeof(name), "flag %d", bit);
		say("timer_settime", name, syscall(SYS_timer_settime, id, 1 << bit, &v, NULL));
		say("timerfd_settime", name, syscall(SYS_timerfd_settime, fd, 1 << bit, &v, NULL));
		say("timerfd_create", name, syscall(SYS_timerfd_create, CLOCK_MONOTONIC, 1 << bit));
	}
	say("timer_delete", "once", syscall(SYS_timer_delete, id));
	say("timer_delete", "twice", syscall(SYS_timer_delete, id));
	say("timer_gettime", "deleted", syscall(SYS_timer_gettime, id, &(struct itimerspec){ 0 }));
	say("timer_getoverrun", "deleted", syscall(SYS_timer_getoverrun, id));
	say("timer_settime", "never there",
	    syscall(SYS_timer_settime, -1, 0, &(struct itimerspec){ 0 }, NULL));
	say("timerfd_settime", "no timer",
	    syscall(SYS_timerfd_settime, 0, 0, &(struct itimerspec){ 0 }, NULL));
	say("timerfd_settime", "no file",
	    syscall(SYS_timerfd_settime, -1, 0, &(struct itimerspec){ 0 }, NULL));
}

static void kinds_of_clocks(void)
{
	for (unsigned i = 0; i < CLOCKS; i++) {
		struct sigevent none = { .sigev_notify = SIGEV_NONE };
		struct timespec t;
		char name[40];
		int id;

		snprintf(name, sizeof(name), "clock %d", clocks[i]);
		say("clock_gettime", name, syscall(SYS_clock_gettime, clocks[i], &t));
		say("clock_getres", name, syscall(SYS_clock_getres, clocks[i], &t));
		say("clock_nanosleep", name,
		    syscall(SYS_clock_nanosleep, clocks[i], 0, &times[0].t, NULL));
		say("timer_create", name, syscall(SYS_timer_create, clocks[i], &none, &id));
		say("timerfd_create", name, syscall(SYS_timerfd_create, clocks[i], 0));
	}
}

static void events(void)
{
	static const int notify[] = { SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD, 3, 4, 5, 8, -1 };
	static const int signals[] = { 0, 1, 64, 65, -1 };
	int id;

	for (unsigned n = 0; n < sizeof(notify) / sizeof(notify[0]); n++)
		for (unsigned s = 0; s < sizeof(signals) / sizeof(signals[0]); s++) {
			struct sigevent e = { .sigev_notify = notify[n],
					      .sigev_signo = signals[s] };
			char name[40];

			snprintf(name, sizeof(name), "notify %d signal %d", notify[n], signals[s]);
			say("timer_create", name,
			    syscall(SYS_timer_create, CLOCK_MONOTONIC, &e, &id));
		}
}

static void intervals(void)
{
	static const long us[] = { 0, -1, 1000000, 999999, INT64_MAX };

	for (unsigned i = 0; i < 5; i++)
		for (int which = -1; which < 4; which++) {
			struct itimerval v = { .it_interval = { 0, us[i] },
					       .it_value = { 1000, 0 } };
			char name[40];

			snprintf(name, sizeof(name), "%d interval us %ld", which, us[i]);
			say("setitimer", name, syscall(SYS_setitimer, which, &v, NULL));
			v = (struct itimerval){ .it_value = { us[i] == -1 ? -1 : 1000, us[i] } };
			say("setitimer value", name, syscall(SYS_setitimer, which, &v, NULL));
		}
}

int main(void)
{
	struct sigaction sa = { .sa_handler = on_alarm };

	sigaction(SIGALRM, &sa, NULL);
	sleeps();
	settings();
	kinds_of_clocks();
	events();
	intervals();
	return 0;
}
