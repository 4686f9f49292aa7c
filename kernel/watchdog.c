// SPDX-License-Identifier: MIT
/*
 * The watchdog. Its supervisor is a thread of the highest priority that, four times per period,
 * visits every CPU and sets the timer back when it has come round. A CPU that does not answer its
 * interrupts, or does not switch tasks any more, keeps the thread, as does a timer that is lost:
 * then the machine is reset. So does a real-time task of priority 99 that never sleeps. A panic
 * resets at once, and one that hangs is reset in time.
 */
#include "kernel/watchdog.h"

#include "arch/hw.h"
#include "kernel/driver.h"
#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "kernel/sched.h"
#include "kernel/task.h"
#include "kernel/time.h"
#include "kernel/waitq.h"

#define RESET_MS 1
#define PRIORITY 99

static const struct watchdog *dog; /* set once */
static uint32_t period_ms;         /* 0: nobody is supervised */
static bool ending;                /* the countdown to a reset goes on undisturbed */

int watchdog_register(const struct watchdog *w)
{
	if (dog)
		return -EBUSY;
	dog = w;
	return 0;
}

bool watchdog_supervises(void)
{
	return READ_ONCE(period_ms) != 0;
}

bool watchdog_end(bool stay_off)
{
	if (!dog)
		return false;
	WRITE_ONCE(ending, true);
	if (stay_off)
		dog->stay_off();
	dog->arm(RESET_MS);
	return true;
}

/* True: every CPU has run us. */
static bool visit_all(void)
{
	for (uint64_t left = sched_cpus_online(); left; left &= left - 1)
		if (sched_set_affinity(current(), left & -left) != 0)
			return false;
	return true;
}

static void supervise(void *arg)
{
	(void)arg;
	for (;;) {
		if (visit_all() && !READ_ONCE(ending))
			dog->arm(period_ms);
		(void)time_sleep_until(time_now() + period_ms * NSEC_PER_MSEC / 4,
				       WAIT_UNINTERRUPTIBLE);
	}
}

void watchdog_start(void)
{
	char text[8];
	const char *end;
	uint64_t seconds;

	if (!cmdline_get("watchdog", text, sizeof(text)))
		return;
	if (!dog || parse_size(text, &end, &seconds) != 0 || *end || seconds == 0 ||
	    seconds > dog->max_ms / 1000) {
		log_error("watchdog=%s: %s", text,
			  dog ? "no such period" : "this board has no watchdog");
		return;
	}
	period_ms = (uint32_t)seconds * 1000;
	dog->arm(period_ms);
	if (IS_ERR(task_create_kernel("watchdog", supervise, NULL, SCHED_FIFO, PRIORITY))) {
		period_ms = 0;
		dog->disarm();
		log_error("watchdog: no memory for its thread");
		return;
	}
	log_info("watchdog: %s resets a machine that hangs for %u s", dog->name, (unsigned)seconds);
}
