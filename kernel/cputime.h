// SPDX-License-Identifier: MIT
// CPU time of processes: sums, timers' looks at it, RLIMIT_CPU (kernel/cputime.c).
#ifndef KERNEL_CPUTIME_H
#define KERNEL_CPUTIME_H

#include "kernel/lock.h"
#include "kernel/signal.h"
#include "kernel/time.h"

struct process;

/* What a timer on CPU time remembers from one look to the next. */
struct cpu_watch {
	uint64_t seen;  /* CPU time, ns */
	uint64_t pause; /* ns to the next look, at least */
};

/* RLIMIT_CPU of a process. */
struct cpu_limit {
	struct spinlock lock; /* interrupts off; signal_lock within */
	struct timer timer;
	struct cpu_watch watch;
	uint64_t next; /* CPU time of the next SIGXCPU, if beyond the soft limit */
	bool ended;    /* the process has */
	struct sigqueue signal;
};

/* CPU time of all threads of p, dead ones included, and what of it was in user mode, ns. Any
 * context that holds no run-queue lock. */
void process_cpu_time(struct process *p, uint64_t *runtime, uint64_t *user);
/* When (time_now()) to look again, after a look that found `used`, at a clock that has `left` ns to
 * go and that so many threads drive. */
uint64_t cpu_look_again(struct cpu_watch *w, uint64_t used, uint64_t left, unsigned threads);

void cpu_limit_init(struct process *p);
/* p's RLIMIT_CPU is new. Any context without locks of this room. */
void cpu_limit_changed(struct process *p);
/* p has no threads left. Task context. */
void cpu_limit_end(struct process *p);

#endif
