// SPDX-License-Identifier: MIT
/*
 * Pressure: the share of time that tasks lose waiting for memory, for I/O, for a CPU. kernel/psi.c
 * has the theory.
 *
 * A struct psi counts the tasks of a group and of all groups below it. psi_machine counts every
 * task.
 */
#ifndef KERNEL_PSI_H
#define KERNEL_PSI_H

#include "kernel/task.h"

struct poll_table;
struct runq;

enum psi_resource { PSI_IO, PSI_MEMORY, PSI_CPU, PSI_RESOURCES };

/* What is measured of a resource: somebody is waiting; nobody gets on who could. */
#define PSI_SOME(resource) (2 * (resource))
#define PSI_FULL(resource) (2 * (resource) + 1)
#define PSI_STATES         (2 * PSI_RESOURCES)
#define PSI_CPU_STATES     (3u << PSI_SOME(PSI_CPU)) /* as bits */

/* What a task is counted as. */
enum { PSI_RUNS, PSI_WAITS_IO, PSI_WAITS_MEMORY, PSI_RUNS_FOR_MEMORY };

/* A group's tasks on one CPU. Under the lock of that CPU's run queue. */
struct psi_cpu {
	uint64_t counts; /* 16 bits each, as there are PID_MAX tasks at most. PSI_RUNS of
			    psi_machine is not looked at: the run queue knows */
	uint32_t state;  /* bits: states in force since `since`; BUSY above them */
	bool on_cpu;     /* a task of the group has the CPU; psi_machine's is not looked at */
	uint64_t since;
	uint64_t ns[PSI_STATES + 1]; /* by state, since they were last collected; the last: anything
					at all was going on */
};

/* total: ns. avg: over 10, 60, 300 s, percent times 2048. */
struct psi_figures {
	uint64_t total[PSI_STATES];
	uint32_t avg[PSI_STATES][3];
};

struct psi {
	struct psi *parent;   /* NULL: psi_machine */
	struct psi_cpu *cpus; /* by number */
	struct spinlock lock; /* interrupts off, outside run-queue locks; over the rest */
	struct psi_figures figures;
	unsigned collected; /* CPUs whose times are in the sums: the next step goes on there */
	bool half;          /* `taken`, the next one's times, are not in the sums yet */
	uint64_t taken[PSI_STATES + 1];
	bool averaging; /* all are added: the next step of the timer makes averages */
	unsigned averaged_states;
	uint32_t faded[3];
	uint64_t period; /* the one that is being averaged: for these, after `faded` */
	uint64_t weights, busy, sum[PSI_STATES];
	uint64_t averaged[PSI_STATES]; /* of total, what the averages have seen */
	uint64_t averaged_at, average_next;
	struct timer average, poll;
	uint32_t armed;  /* PSI_AVERAGE, PSI_POLL: which of the timers runs; atomic */
	uint32_t polled; /* states that triggers are there for */
	uint64_t poll_period, poll_until;
	struct list triggers; /* struct psi_trigger */
	unsigned ntriggers;
	unsigned unlooked;     /* triggers that this round has still to look at: the first ones */
	bool poll_fresh, more; /* of the round: the first for a while; there is more to wait for */
};
extern struct psi psi_machine;

/* ---- Waiting ---- */

/* The running task waits for memory from now on, whether it sleeps, or works to get some. True: the
 * caller ends it; false: it was counted already. Task context, no run-queue lock. */
bool psi_memory_begin(void);
/* began: what that returned. */
void psi_memory_end(bool began);
/* The same for I/O: only while the task sleeps it counts. Any context of the task's own. */
static inline bool psi_io_begin(void)
{
	struct task *t = current();
	bool begins = !(t->sched.stall & STALL_IO);

	t->sched.stall |= STALL_IO;
	return begins;
}
static inline void psi_io_end(bool began)
{
	if (began)
		current()->sched.stall &= (uint8_t)~STALL_IO;
}
/* How long programs have waited for memory until now, all of them together, those who wait still,
 * too, but not for limits of their groups; ns, in steps of 1,024. Any context. */
uint64_t psi_memory_waited(void);

/* ---- Groups ---- */

/* A group below parent, without tasks. 0 or -ENOMEM. May sleep. */
int psi_create(struct psi *p, struct psi *parent);
/* p has no tasks, no groups below it, and nobody has a trigger of it. May sleep. */
void psi_destroy(struct psi *p);
/* t, and what it does from now on, counts for `to` (psi_machine: for no group) and all above it. A
 * task that never ran yet, too. Any context that holds no run-queue lock. */
void psi_move(struct task *t, struct psi *to);

/* ---- Figures ---- */

/* As of now. */
void psi_figures(struct psi *p, struct psi_figures *f);

/* ---- Triggers ---- */

/* Fires when a state's time within a window reaches a threshold; at most once per window. */
struct psi_trigger {
	struct list link;
	struct psi *psi;
	unsigned state;
	uint64_t threshold, window; /* ns */
	uint64_t seen;              /* the total when it was last looked at */
	uint64_t start, start_value,
		before; /* of the window: when, the total then, what the one before it had */
	uint64_t fired_at;
	bool ordinary; /* made by a user without CAP_SYS_RESOURCE */
	bool pending;  /* reached, within the window of the last time */
	bool event;    /* fired, and not told yet; atomic */
	struct waitq wq;
	/* NULL: wq is woken. Interrupts off, psi->lock held. */
	void (*fire)(struct psi_trigger *t, uint64_t now);
};

#define PSI_TRIGGERS_MAX 32u /* of one group: they are looked at in an interrupt */

/* From "some|full THRESHOLD WINDOW", in us, as Linux has it. An ordinary user's window is a
 * multiple of 2 s. ERR_PTR: -EINVAL; -ENOSPC: there are too many, of which half are not for
 * ordinary users; -ENOMEM. May sleep. */
struct psi_trigger *psi_trigger_create(struct psi *p, enum psi_resource r, const char *text,
				       bool ordinary);
/* Nobody polls it any more. May sleep. */
void psi_trigger_destroy(struct psi_trigger *t);
/* For a file's poll: POLLPRI once each time it has fired. */
unsigned psi_trigger_poll(struct psi_trigger *t, struct poll_table *pt);
/* The same for the kernel's own, which the caller has filled in (psi, state, threshold, window,
 * fire). 0 or -ENOSPC. */
int psi_trigger_add(struct psi_trigger *t);
void psi_trigger_remove(struct psi_trigger *t);

/* ---- For the scheduler ---- */

/* Once, from sched_init(). */
void psi_init(void);
enum { PSI_AVERAGE = 1, PSI_POLL = 2 };
/* Starts those timers of p that do not run. Any context that holds no timer queue's lock. */
void psi_arm(struct psi *p, uint32_t timers);
/* Something is going on in p again: its figures are looked at every two seconds for as long as that
 * lasts. */
static inline void psi_wake_up(struct psi *p)
{
	if (unlikely(!(READ_ONCE(p->armed) & PSI_AVERAGE)))
		psi_arm(p, PSI_AVERAGE | (READ_ONCE(p->polled) & PSI_CPU_STATES ? PSI_POLL : 0u));
}
/* Adds to c's times what has passed of its state. Run-queue lock held. */
void psi_charge(struct psi_cpu *c, uint64_t now);
/* rq->psi_slow is set or a task waits for something: prev gives the CPU to next; sleeps: prev
 * cannot go on. rq->lock held, rq->curr is next. */
void psi_switch(struct runq *rq, struct task *prev, struct task *next, bool sleeps, uint64_t now);
/* t is going to be queued, here or elsewhere: it no longer counts on rq, where it last was.
 * rq->lock held. */
void psi_leave(struct runq *rq, struct task *t);
/* t was queued on rq. rq->lock held. */
void psi_enter(struct runq *rq, struct task *t);

#endif
