// SPDX-License-Identifier: MIT
/*
 * Clocks and sleeping. Linux's clock numbers; CLOCK_TAI is CLOCK_REALTIME (no leap seconds are
 * known here), the boot-time clock is the monotonic one (the machine never suspends).
 */
#include <linux/time.h>
#include <linux/time_types.h>
#include <linux/times.h>

#include "kernel/errno.h"
#include "kernel/fs/timerfd.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "kernel/syscall.h"
#include "kernel/timespec.h"
#include "mm/usercopy.h"

#ifndef CLOCK_REALTIME_ALARM
#define CLOCK_REALTIME_ALARM 8
#define CLOCK_BOOTTIME_ALARM 9
#endif

int timespec_from_user(virt_addr_t src, uint64_t *ns)
{
	struct __kernel_timespec ts;

	if (copy_from_user(&ts, src, sizeof(ts)) < 0)
		return -EFAULT;
	if (ts.tv_sec < 0 || ts.tv_nsec < 0 || ts.tv_nsec >= (long long)NSEC_PER_SEC)
		return -EINVAL;
	if ((uint64_t)ts.tv_sec >= TIME_WALL / NSEC_PER_SEC)
		*ns = TIME_WALL - 1;
	else
		*ns = (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
	return 0;
}

int timespec_to_user(virt_addr_t dst, uint64_t ns)
{
	struct __kernel_timespec ts = { .tv_sec = (long long)(ns / NSEC_PER_SEC),
					.tv_nsec = (long long)(ns % NSEC_PER_SEC) };

	return copy_to_user(dst, &ts, sizeof(ts));
}

/* ---- Clocks ---- */

static bool is_realtime(int clock)
{
	return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_TAI;
}

static bool is_monotonic(int clock)
{
	return clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_RAW ||
	       clock == CLOCK_MONOTONIC_COARSE || clock == CLOCK_BOOTTIME;
}

/*
 * CPU-time clocks of any task have negative numbers: ~id in the bits above 2; bit 2 says thread,
 * bits 0 and 1 which time (clock_getcpuclockid(3), as C libraries compute it): user and system,
 * user, as charged by the scheduler.
 */
static int cpu_clock(int clock, uint64_t *ns)
{
	int id = ~(clock >> 3);
	bool thread = clock & 4;
	struct usage used = { 0 };
	struct task *t;
	int err = 0;

	if ((clock & 3) == 3)
		return -EINVAL;
	if (id == 0)
		t = task_get(current());
	else
		t = task_find(id);
	if (!t)
		return -EINVAL;
	if (thread) {
		usage_add_cpu(&used, t);
		if (t->process != current()->process)
			err = -EINVAL;
	} else {
		process_usage_cpu(t->process, &used);
	}
	*ns = (clock & 3) == 1 ? used.user : used.runtime;
	task_put(t);
	return err;
}

static int clock_read(int clock, uint64_t *ns)
{
	struct usage used;

	if (is_monotonic(clock)) {
		*ns = time_now();
	} else if (is_realtime(clock)) {
		*ns = time_wall();
	} else if (clock == CLOCK_PROCESS_CPUTIME_ID) {
		process_usage_cpu(current()->process, &used);
		*ns = used.runtime;
	} else if (clock == CLOCK_THREAD_CPUTIME_ID) {
		*ns = sched_runtime(current());
	} else if (clock < 0) {
		return cpu_clock(clock, ns);
	} else {
		return -EINVAL;
	}
	return 0;
}

SYSCALL(clock_gettime)
{
	uint64_t ns;
	int err = clock_read((int)args[0], &ns);

	return err < 0 ? err : timespec_to_user(args[1], ns);
}

SYSCALL(clock_getres)
{
	uint64_t ns;
	int err = clock_read((int)args[0], &ns);

	return err < 0 || !args[1] ? err : timespec_to_user(args[1], 1);
}

/* Sets the wall clock, not below the monotonic one (time_set_wall()) nor so late that it could
 * reach the end of time in the machine's life. */
static int set_wall(uint64_t sec, uint64_t ns)
{
	const uint64_t life = 30ull * 365 * 24 * 3600;

	if (sec >= TIME_WALL / NSEC_PER_SEC - life || sec * NSEC_PER_SEC + ns < time_now())
		return -EINVAL;
	time_set_wall(sec * NSEC_PER_SEC + ns);
	timerfd_clock_set();
	return 0;
}

SYSCALL(clock_settime)
{
	uint64_t ns;
	int err;

	if ((int)args[0] != CLOCK_REALTIME)
		return -EINVAL;
	err = timespec_from_user(args[1], &ns);
	if (err < 0)
		return err;
	if (!current_capable(CAP_SYS_TIME))
		return -EPERM;
	return set_wall(ns / NSEC_PER_SEC, ns % NSEC_PER_SEC);
}

SYSCALL(gettimeofday)
{
	uint64_t ns = time_wall();
	struct __kernel_old_timeval tv = { .tv_sec = (long)(ns / NSEC_PER_SEC),
					   .tv_usec = (long)(ns % NSEC_PER_SEC / NSEC_PER_USEC) };
	uint64_t zone =
		0; /* struct timezone: two ints, west of and daylight saving: Universal Time */

	if (args[0] && copy_to_user(args[0], &tv, sizeof(tv)) < 0)
		return -EFAULT;
	if (args[1] && copy_to_user(args[1], &zone, sizeof(zone)) < 0)
		return -EFAULT;
	return 0;
}

SYSCALL(settimeofday)
{
	struct __kernel_old_timeval tv;

	if (!current_capable(CAP_SYS_TIME))
		return -EPERM;
	if (args[1])
		return -EINVAL; /* the kernel keeps no time zone */
	if (!args[0])
		return 0;
	if (copy_from_user(&tv, args[0], sizeof(tv)) < 0)
		return -EFAULT;
	if (tv.tv_sec < 0 || tv.tv_usec < 0 || tv.tv_usec >= 1000000)
		return -EINVAL;
	return set_wall((uint64_t)tv.tv_sec, (uint64_t)tv.tv_usec * NSEC_PER_USEC);
}

SYSCALL(times)
{
	struct process *p = current()->process;
	const uint64_t tick = NSEC_PER_SEC / USER_HZ;
	struct usage used;
	struct tms tms = { 0 };

	process_usage_cpu(p, &used);
	tms.tms_utime = (__kernel_clock_t)(used.user / tick);
	tms.tms_stime = (__kernel_clock_t)(usage_system(&used) / tick);
	process_tree_lock();
	used = p->used_children;
	process_tree_unlock();
	tms.tms_cutime = (__kernel_clock_t)(used.user / tick);
	tms.tms_cstime = (__kernel_clock_t)(usage_system(&used) / tick);
	if (args[0] && copy_to_user(args[0], &tms, sizeof(tms)) < 0)
		return -EFAULT;
	return (int64_t)(time_now() / tick);
}

/* ---- Sleeping ---- */

/* Sleeps until deadline; broken off by a signal, it arranges for restart_syscall(2) and writes what
 * is left to remainder. */
static int64_t sleep_relative(uint64_t deadline, virt_addr_t remainder);

static int64_t restart_sleep(struct task *t)
{
	return sleep_relative(t->restart.deadline, t->restart.remainder);
}

static int64_t sleep_relative(uint64_t deadline, virt_addr_t remainder)
{
	struct task *t = current();
	uint64_t now;

	if (time_sleep_until(deadline, WAIT_INTERRUPTIBLE) == 0)
		return 0;
	now = time_now();
	if (now >= deadline)
		return 0;
	if (remainder && timespec_to_user(remainder, deadline - now) < 0)
		return -EFAULT;
	t->restart = (struct task_restart){ .fn = restart_sleep,
					    .deadline = deadline,
					    .remainder = remainder };
	return -ERESTART_BLOCK;
}

SYSCALL(nanosleep)
{
	uint64_t ns;
	int err = timespec_from_user(args[0], &ns);

	return err < 0 ? err : sleep_relative(time_after(time_now(), ns), args[1]);
}

SYSCALL(clock_nanosleep)
{
	int clock = (int)args[0];
	uint64_t ns;
	int err;

	if (!is_monotonic(clock) && !is_realtime(clock))
		return clock == CLOCK_THREAD_CPUTIME_ID ||
				       (clock != CLOCK_PROCESS_CPUTIME_ID && clock >= 0)
			       ? -EINVAL
			       : -EOPNOTSUPP;
	if (clock == CLOCK_MONOTONIC_RAW || clock == CLOCK_MONOTONIC_COARSE ||
	    clock == CLOCK_REALTIME_COARSE)
		return -EOPNOTSUPP;
	if ((int)args[1] & ~TIMER_ABSTIME)
		return -EINVAL;
	err = timespec_from_user(args[2], &ns);
	if (err < 0)
		return err;
	if (!(args[1] & TIMER_ABSTIME))
		return sleep_relative(time_after(time_now(), ns), args[3]);
	if (is_realtime(clock))
		ns |= TIME_WALL;
	return time_sleep_until(ns, WAIT_INTERRUPTIBLE) < 0 ? -ERESTART_NOHAND : 0;
}
