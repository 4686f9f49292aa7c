// SPDX-License-Identifier: MIT
/*
 * Preemption of the kernel: where a task loses its CPU without asking. There are three such places: the end of the outermost section
 * with preemption off (preempt_schedule), the exit from an interrupt (preempt_schedule_irq), and the return to user mode, which is
 * the architecture's exit path and uses the latter.
 *
 * With interrupts off nothing is done here: whoever masked them restores them before its preempt_enable() (spin_unlock_irq() does), or the
 * next interrupt or return to user mode makes up for it.
 *
 * This file is also the place for measuring how long preemption and interrupts were off, and for whom: the sections begin and end in
 * preempt_disable()/preempt_enable() and hw_irq_save()/hw_irq_restore(), which would call out to here.
 */
#include "kernel/preempt.h"

#include "kernel/runq.h"

static bool switch_due(const struct task_hot *hot)
{
	return hot->preempt_count == 0 && (READ_ONCE(hot->pending) & TASK_NEED_RESCHED);
}

void preempt_schedule(void)
{
	const struct task_hot *hot = &current()->hot;

	if (hw_irqs_off())
		return;
	while (switch_due(hot))
		sched_preempt();
}

void preempt_schedule_irq(void)
{
	const struct task_hot *hot = &current()->hot;

	while (switch_due(hot))
		sched_preempt();
}
