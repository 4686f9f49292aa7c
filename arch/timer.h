// SPDX-License-Identifier: MIT
/*
 * The CPU's own timer: for drivers/timer/generic.c, which needs its system registers. Each call
 * concerns the calling CPU. And the clock that programs read without a system call.
 */
#ifndef ARCH_TIMER_H
#define ARCH_TIMER_H

#include "kernel/clock_scale.h"

/* No interrupt. Interrupts off. */
void arch_timer_off(void);
/* Interrupt when hw_counter() >= counter; UINT64_MAX: none. Interrupts off. */
void arch_timer_program(uint64_t counter);

/* What programs reckon clocks by from now on: monotonic ns = scale applied to hw_counter(), the
 * wall clock is that plus wall_offset. Any context; calls come one after the other. The scale stays
 * the same once programs run. */
void arch_clock_set(struct clock_scale scale, uint64_t wall_offset);

#endif
