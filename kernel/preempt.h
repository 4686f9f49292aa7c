// SPDX-License-Identifier: MIT
// Preemption: a count in the running task; above zero, the task keeps its CPU (interrupts still
// come). With interrupts off it keeps it anyway, and nobody counts.
#ifndef KERNEL_PREEMPT_H
#define KERNEL_PREEMPT_H

#include "arch/hw.h"

/* The first words of struct task (kernel/task.h asserts it): all that lock and unlock need to know
 * of it. */
struct task_hot {
	uint32_t preempt_count; /* changed by its own task only */
	uint32_t pending;       /* TASK_* bits below; set by anyone, atomically */
};

enum {
	TASK_NEED_RESCHED = 1u << 0, /* give the CPU up at the next chance */
	TASK_SIGNAL = 1u << 1,       /* look at signals before returning to user mode */
	TASK_KILLED = 1u << 2,       /* a fatal signal is there: killable waits end */
	TASK_WORK = 1u << 3,         /* other work before user mode (FP restore, tracing) */
	TASK_DELAYED =
		1u << 4, /* with TASK_NEED_RESCHED: that it waits is measured (kernel/latency.c) */
};

/* Called when the count has fallen to zero, or interrupts are on again, with TASK_NEED_RESCHED set.
 * Does nothing while interrupts are off. */
void preempt_schedule(void);

static inline void preempt_disable(void)
{
	((struct task_hot *)hw_current())->preempt_count++;
	barrier();
}

static inline void preempt_enable(void)
{
	struct task_hot *hot = (struct task_hot *)hw_current();

	barrier();
	if (unlikely(--hot->preempt_count == 0 && (READ_ONCE(hot->pending) & TASK_NEED_RESCHED)))
		preempt_schedule();
}

/* The end of a section with interrupts off (hw_irq_save()), which is one with preemption off too:
 * the switch that was asked for in it is made here, unless interrupts were off before or the count
 * forbids it. */
static inline void preempt_irq_restore(uint64_t old)
{
	const struct task_hot *hot = (const struct task_hot *)hw_current();

	hw_irq_restore(old);
	if (unlikely((READ_ONCE(hot->pending) & TASK_NEED_RESCHED) && hot->preempt_count == 0))
		preempt_schedule();
}

/* A switch waits until current() turns preemption on: what can stop here and go on later does. */
static inline bool preempt_wanted(void)
{
	return unlikely(READ_ONCE(((struct task_hot *)hw_current())->pending) & TASK_NEED_RESCHED);
}

/* True where sleeping is allowed: preemption and interrupts on. */
static inline bool preemptible(void)
{
	return ((struct task_hot *)hw_current())->preempt_count == 0 && !hw_irqs_off();
}

#endif
