// SPDX-License-Identifier: MIT
// How late things are and who made them late: /proc/latency. The theory is in kernel/latency.c.
#ifndef KERNEL_LATENCY_H
#define KERNEL_LATENCY_H

#include "kernel/task.h"

/* Shorter delays are nobody's fault: the way into an interrupt takes a good part of this. */
#define LATENCY_FLOOR 500 /* ns */

#define LATENCY_KEPT 4 /* the longest delays of each kind and CPU, by call site */
/* of a histogram: below 256 ns, 512 ns, 1024 ns ..., the last one everything above */
#define LATENCY_BUCKETS 12

enum latency_kind { LATENCY_IRQS_OFF, LATENCY_PREEMPT_OFF, LATENCY_KINDS };

/* The longest delay that ended at one place. */
struct latency_delay {
	uint64_t ns, when;        /* 0 ns: none; time_now() at its end */
	virt_addr_t site, caller; /* of the kernel; 0: user mode, not known */
	int tid;
	char name[TASK_NAME_LEN];
};

/* The wake-ups of one real-time task by its timers. */
struct latency_wakeups {
	struct list link;
	struct task *task; /* NULL: it has ended */
	int tid, prio;
	char name[TASK_NAME_LEN];
	uint64_t worst; /* ns */
	uint32_t bucket[LATENCY_BUCKETS];
};

/* Boot, once all CPUs run; nothing is recorded before. Task context. */
void latency_init(void);

/* The timer's interrupt, due at `due`, is handled at `now`: interrupts were off in between, until
 * the place that it interrupted. In the handler. */
void latency_interrupt_late(uint64_t due, uint64_t now);
/* A switch that an interrupt asked for has to wait until current() turns preemption on. Interrupts
 * off. For arch/. */
void latency_switch_waits(void);
/* current() turns preemption on, or gives up the CPU; TASK_DELAYED is set in its hot.pending.
 * frame: the frame record of the function that is called for that; its return address is the place.
 * Any context. */
void latency_switch_comes(const void *frame);

/* current() has slept for its deadline, as t->wake says. Task context, may allocate. */
void latency_woke(struct task *t);
/* current() ends: its wake-ups are kept for a while. Task context. */
void latency_task_ends(struct task *t);

/* For /proc/latency. Delay i of a kind, longest first; false: no more. */
bool latency_delay(unsigned cpu, enum latency_kind kind, unsigned i, struct latency_delay *d);
/* The i-th task's wake-ups; false: no more. */
bool latency_wakeups(unsigned i, struct latency_wakeups *w);
/* Forgets everything. */
void latency_reset(void);

/* The mean time between two samples of each CPU in ns, 0: none are taken. Task context. */
uint64_t latency_sampling(void);
/* 0 or -EINVAL: so short that nothing else would run. */
int latency_set_sampling(uint64_t ns);

#endif
