// SPDX-License-Identifier: MIT
// Time: nanoseconds since boot from the generic timer's counter, and one-shot timers, per CPU and
// tickless.
#ifndef KERNEL_TIME_H
#define KERNEL_TIME_H

#include "kernel/lib/rbtree.h"

#define NSEC_PER_SEC  1000000000ull
#define NSEC_PER_MSEC 1000000ull
#define NSEC_PER_USEC 1000ull

uint64_t time_now(void);
/* ns that so many ticks of hw_counter() take. */
uint64_t time_of_ticks(uint64_t ticks); /* monotonic, any context, about 10 instructions */
uint64_t time_wall(void);               /* nanoseconds since 1970 (CLOCK_REALTIME) */
uint64_t time_wall_offset(void);        /* how far time_wall() is ahead of time_now() */
/* Timers by the wall clock follow. time_now() <= ns < TIME_WALL. Any context. */
void time_set_wall(uint64_t ns);

/* In a deadline: the rest of it is a time_wall(), also when that clock is set meanwhile. No time
 * has this bit, and UINT64_MAX is never by either clock. */
#define TIME_WALL ((uint64_t)1 << 63)

struct timer {
	struct rb_node node;
	uint64_t deadline; /* absolute, time_now() or TIME_WALL */
	/* In interrupt context: bounded, no sleep; may restart t. */
	void (*expire)(struct timer *t);
	int cpu; /* queue it is on, a CPU's or the wall clock's; negative when idle: ~ the last
		    one */
};

void timer_init(struct timer *t, void (*expire)(struct timer *t));
/* Starts or moves t, on this CPU's queue unless it goes by the wall clock. Any context, but one
 * caller at a time for one timer. UINT64_MAX is never. */
void timer_start(struct timer *t, uint64_t deadline);
/* Stops t; on return its handler neither runs nor will. True when it was pending. Not from its own
 * handler, nor with a lock held that the handler takes: it waits for a handler that runs on another
 * CPU. */
bool timer_cancel(struct timer *t);
/* As timer_cancel, but does not wait: the handler may be running, and may still be when this
 * returns false. Any context. */
bool timer_try_cancel(struct timer *t);

/* Sleeps the running task. wait mode semantics as waitq: 0 when the time came, -EINTR. */
int time_sleep_until(uint64_t deadline, int wait_mode);

#endif
