// SPDX-License-Identifier: MIT
/*
 * Preemption of the kernel: where a task loses its CPU without asking. There are three such places:
 * the end of the outermost section with preemption or interrupts off (preempt_schedule), the exit
 * from an interrupt (preempt_schedule_irq), and the return to user mode, which is the
 * architecture's exit path and uses the latter.
 *
 * With interrupts off nothing is done here: whoever masked them asks again when it restores them
 * (preempt_irq_restore(), spin_unlock_irq()), or the next interrupt or return to user mode makes up
 * for it.
 *
 * Who made a switch wait is told to kernel/latency.c here.
 */
#include "kernel/preempt.h"

#include "kernel/latency.h"
#include "kernel/runq.h"

static bool switch_due(const struct task_hot *hot)
{
	return hot->preempt_count == 0 && (READ_ONCE(hot->pending) & TASK_NEED_RESCHED);
}

void preempt_schedule(void)
{
	const struct task_hot *hot = &current()->hot;

	if (unlikely(READ_ONCE(hot->pending) & TASK_DELAYED))
		latency_switch_comes(__builtin_frame_address(0));
	if (hw_irqs_off())
		return;
	while (switch_due(hot))
		sched_preempt();
}

void preempt_let_in(void)
{
	preempt_disable();
	hw_irq_enable();
	hw_irq_disable();
	current()->hot.preempt_count--;
}

/* Between what an interrupt did and the switch that it asked for, others come: neither has to wait
 * for both. Nor for the note of one that had to. */
void preempt_schedule_irq(void)
{
	const struct task_hot *hot = &current()->hot;

	while (switch_due(hot)) {
		preempt_let_in();
		if (unlikely(READ_ONCE(hot->pending) & TASK_DELAYED)) {
			latency_switch_comes(__builtin_frame_address(0));
			preempt_let_in();
		}
		sched_preempt();
	}
}
