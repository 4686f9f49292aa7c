// SPDX-License-Identifier: MIT
/*
 * Two processes that live beside every step: a real-time task, which must wake up each millisecond
 * whatever the others do to memory, and a bystander, an ordinary process whose small memory must
 * stay as it left it.
 */
#include <errno.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "demo.h"

#define RT_PRIORITY        90
#define BYSTANDER_PAGES    256
#define BYSTANDER_SEED     77
#define BYSTANDER_PAUSE_NS 50000000

static void rt_note(uint64_t late)
{
	static const uint64_t limits[DEMO_BINS - 1] = { 2000,  5000,   10000,  20000,
							50000, 100000, 1000000 };
	unsigned bin = 0;

	while (bin < DEMO_BINS - 1 && late >= limits[bin])
		bin++;
	demo_shared->rt_bins[bin]++;
	demo_shared->rt_wakeups++;
	demo_shared->rt_sum += late;
	if (late > demo_shared->rt_worst)
		demo_shared->rt_worst = late;
	demo_shared->rt_missed += late / DEMO_PERIOD_NS;
}

static void sleep_until(uint64_t ns)
{
	struct timespec t = { .tv_sec = (time_t)(ns / 1000000000ull),
			      .tv_nsec = (long)(ns % 1000000000ull) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

static long major_faults(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return r.ru_majflt;
}

/* What it locked when it began may have been read in then: only faults after that count. */
static _Noreturn void rt_run(void)
{
	struct sched_param priority = { .sched_priority = RT_PRIORITY };
	uint64_t next;
	long major;
	unsigned step = demo_shared->step;

	/* musl's own function refuses: it would have to act on all threads of the process, and this
	 * has one. */
	if (mlockall(MCL_CURRENT | MCL_FUTURE) ||
	    syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &priority)) {
		demo_shared->rt_error = errno;
		_exit(1);
	}
	major = major_faults();
	next = demo_now() + DEMO_PERIOD_NS;
	while (!demo_shared->stop) {
		sleep_until(next);
		uint64_t now = demo_now();
		if (step != demo_shared->step) {
			step = demo_shared->step;
			demo_shared->rt_worst = 0;
		}
		rt_note(now - next);
		next += ((now - next) / DEMO_PERIOD_NS + 1) * DEMO_PERIOD_NS;
		demo_shared->rt_major = (uint64_t)(major_faults() - major);
	}
	_exit(0);
}

static _Noreturn void bystander_run(void)
{
	uint64_t *memory = demo_map(BYSTANDER_PAGES);
	uint64_t round;

	if (!memory)
		_exit(1);
	for (size_t i = 0; i < BYSTANDER_PAGES; i++)
		demo_fill(memory + i * DEMO_WORDS, i, BYSTANDER_SEED);
	for (round = 0; !demo_shared->stop; round++) {
		for (size_t i = 0; i < BYSTANDER_PAGES; i++) {
			uint64_t *page = memory + i * DEMO_WORDS;
			if (!demo_holds(page, i, BYSTANDER_SEED + (round & 1)))
				demo_shared->by_bad++;
			demo_fill(page, i, BYSTANDER_SEED + (~round & 1));
		}
		demo_shared->by_rounds++;
		nanosleep(&(struct timespec){ .tv_nsec = BYSTANDER_PAUSE_NS }, NULL);
	}
	_exit(0);
}

pid_t demo_rt_start(void)
{
	pid_t pid = fork();

	if (!pid)
		rt_run();
	return pid;
}

pid_t demo_bystander_start(void)
{
	pid_t pid = fork();

	if (!pid)
		bystander_run();
	return pid;
}
