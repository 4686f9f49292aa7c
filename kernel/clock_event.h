// SPDX-License-Identifier: MIT
/*
 * The seam between kernel/time.c and the timer driver: one one-shot comparator per CPU against the
 * counter that hw_counter() reads. kernel/time.c decides when; the driver only sets the comparator
 * and reports its interrupt.
 */
#ifndef KERNEL_CLOCK_EVENT_H
#define KERNEL_CLOCK_EVENT_H

#include "kernel/lib/types.h"

#define CLOCK_EVENT_NEVER UINT64_MAX

struct clock_event {
	const char *name;
	/* Makes the calling CPU's comparator ready (interrupt enabled, nothing programmed).
	 * Interrupts off. May be NULL. */
	void (*cpu_init)(void);
	/* Interrupt on this CPU when hw_counter() >= counter, at once when that is past;
	 * CLOCK_EVENT_NEVER: no interrupt, and the line falls. Replaces what was programmed before.
	 * Interrupts off; a few instructions. */
	void (*program)(uint64_t counter);
};

/* Sets the counter's scale from hw_counter_hz(). First thing at boot: time_now() is 0 before. May
 * be called again. */
void time_init(void);
/* The driver's probe, boot CPU, once: ev stays valid for good. Calls cpu_init for this CPU and
 * programs what is waiting. */
void clock_event_register(const struct clock_event *ev);
/* Each secondary CPU, interrupts off: sched_cpu_idle() does it. Nothing when no driver has
 * registered. */
void clock_event_cpu_init(void);
/* One is registered. */
bool clock_event_ready(void);
/* From the driver's interrupt handler, interrupts off: runs what is due (a bounded number) and
 * programs the next deadline, which takes the interrupt line down. */
void clock_event_expired(void);

/* The end of the running task's turn (kernel/sched.c), kept beside the timers so that arming it is
 * cheap: on this CPU only, interrupts off, absolute ns; UINT64_MAX: none. When due,
 * sched_slice_expired() is called from the timer interrupt. */
void time_arm_slice(uint64_t deadline);

#endif
