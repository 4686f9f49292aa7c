// SPDX-License-Identifier: MIT
/*
 * Tasks and processes. A thread is a struct task; the threads of one process share a struct process
 * (ids, signal handlers, children, limits), a struct aspace (mm/aspace.h) and a struct files
 * (kernel/fs/file.h), each reference counted, so that clone(2) can share them one by one. Kernel
 * threads have process == NULL and aspace == NULL.
 */
#ifndef KERNEL_TASK_H
#define KERNEL_TASK_H

#include <arch_task.h> /* struct arch_task: saved registers, FP state, TLS */

#include "kernel/lib/rbtree.h"
#include "kernel/lock.h"
#include "kernel/preempt.h"
#include "kernel/time.h"
#include "kernel/waitq.h"

struct aspace;
struct block_queue;
struct block_request;
struct cred;
struct files;
struct fs_context;
struct page;
struct process;
struct psi;
struct sigqueue;

#define TASK_NAME_LEN 16
#define KSTACK_SIZE   16384 /* guarded below by an unmapped range of the same size */

enum task_state {
	TASK_RUNNABLE, /* running or on a run queue */
	TASK_SLEEPING, /* WAIT_UNINTERRUPTIBLE */
	TASK_SLEEPING_KILLABLE,
	TASK_SLEEPING_INTERRUPTIBLE,
	TASK_STOPPED, /* by a job-control signal */
	TASK_DEAD,    /* never runs again; waits to be reaped */
};

/* Effective priority: 1..99 real-time (POSIX's, as is), above that tasks with deadlines, below
 * ordinary ones, fair among themselves. Larger is more urgent. */
enum { PRIO_FAIR = 0, PRIO_RT_MIN = 1, PRIO_RT_MAX = 99, PRIO_DEADLINE = 100 };

/* SCHED_DEADLINE: what a task asks for, ns; a period of 0: nothing. */
struct sched_deadline {
	uint64_t runtime, deadline, period;
};

struct sched {
	int policy; /* SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_BATCH, SCHED_IDLE, SCHED_DEADLINE */
	int rt_priority;     /* 1..99 for FIFO and RR, else 0: what the user asked for */
	int boost;           /* a floor somebody lends it (sched_boost), else 0; under pi_lock */
	int prio;            /* effective: the above raised by inheritance */
	int nice;            /* -20..19 */
	uint32_t cost;       /* fair: virtual ns per ns, times 2^16; follows from policy and nice */
	uint64_t affinity;   /* bit per CPU */
	uint64_t vruntime;   /* fair: weighted ns */
	uint64_t slice_left; /* RR and fair: ns of its turn still to come, as of exec_start */
	uint64_t exec_start, runtime; /* ns: start of this stint, sum of all */
	uint64_t user_charged; /* ticks in user mode that process->cpu_user_ticks has of it */
	struct sched_deadline dl;
	/* Of the period whose budget it has: the beginning, which may be still to come, and the
	 * deadline. */
	uint64_t dl_start, dl_end;
	uint64_t dl_lent; /* the earliest deadline of those whose priority it inherits, 0: none;
			     under pi_lock too */
	struct waiter *dl_wait; /* it sleeps until dl_start */
	bool dl_spent;          /* does so before it goes on in user mode, unless it is later */
	bool held;              /* the guard has put it aside: kernel/sched_guard.c */
	bool reset_on_fork;     /* its children are ordinary */
	bool ended;             /* is given no deadline any more; under pi_lock */
	struct list rt_link;
	struct rb_node fair_node;
	int cpu;     /* run queue the task belongs to */
	bool queued; /* linked in that queue; the task that runs is not */
	bool moving; /* can run, but is neither linked nor running: who moves it to that queue will
			link it */
	bool on_cpu; /* its registers are in a CPU */

	/* RLIMIT_RTTIME: kernel/cputime.c. */
	struct {
		struct timer timer; /* holds a reference to the task */
		uint64_t mark; /* while it counts: runtime where that began; else what it had come
				  to by then */
		uint64_t next; /* of which the next SIGXCPU comes, if beyond the soft limit */
		bool counts;   /* it is of a real-time policy, and limited */
	} rt_time;

	union {
		struct {
			uint8_t stall;   /* STALL_*: what it waits for; its own; kernel/psi.c */
			bool rt_limited; /* its process has an RLIMIT_RTTIME */
		};
		uint16_t watched; /* switch_task() looks at all of it at once */
	};
	/* Pressure: kernel/psi.c. */
	uint8_t psi_counted; /* as what it counts on its CPU; from here on under the run-queue
				lock */
	struct psi *psi;     /* for which group, NULL: for the machine alone */
	bool memory_counts;  /* its wait for memory is a part of psi_memory_waited() */
	uint64_t io_since, io_ns, memory_since, memory_ns; /* time that it lost */
};
enum { STALL_IO = 1, STALL_MEMORY = 2 };

struct task {
	struct task_hot hot;   /* first: see kernel/preempt.h */
	struct arch_task arch; /* second: arch asserts its offset */
	virt_addr_t kstack;    /* lowest address of the kernel stack */

	struct aspace *aspace; /* NULL: kernel thread */
	struct process *process;
	struct files *files;
	struct fs_context *fs; /* root, cwd, umask */
	struct cred *cred;

	/* Scheduler: under the run-queue lock of sched.cpu. */
	enum task_state state;
	struct sched sched;

	/* Priority inheritance (kernel/mutex.c): under pi_lock. */
	struct spinlock pi_lock;
	struct mutex_waiter *blocked_on;
	const struct page *awaited; /* somebody else reads it (mm/reading.h), found by awaited_of;
				       only compared */
	const void *awaited_of;
	struct list pi_lenders; /* the first waiter for each mutex that it owns, by priority */

	int tid;
	char name[TASK_NAME_LEN];
	struct list process_link; /* on process->threads, under process->lock */
	struct rb_node tid_node;  /* in the table of tids */
	uint32_t refs;

	/* Signals: under process->signal_lock. Masks are 64-bit, bit n-1 for signal n. */
	uint64_t sig_blocked, sig_saved, sig_pending;
	uint64_t sig_waiting; /* blocked, but rt_sigtimedwait waits for them */
	struct list sig_queue;
	struct sigqueue
		*fault_signal; /* for signals of its own faults; from the first of them on */
	virt_addr_t sigalt_base;
	size_t sigalt_size;
	uint32_t sigalt_flags;

	virt_addr_t clear_tid; /* CLONE_CHILD_CLEARTID: user address, or 0 */
	virt_addr_t robust_list;
	struct list futex_owned; /* PI futexes held that others wait for, and the one waited for:
				    kernel/futex_pi.c */
	struct pi_state *futex_waits;
	int exit_status; /* as wait4(2) reports it */

	/* Changed by the task itself (or by its creator before it runs) only. */
	struct {
		uint64_t due, ran; /* time_now(): a sleep's deadline, when it ran after it; ran 0:
				      counted */
		struct latency_wakeups *ups; /* kernel/latency.c */
	} wake;
	int restart_code;  /* the system call just made gave -ERESTART...: which, or 0 */
	bool sig_restore;  /* sig_saved becomes the mask again on the way to user mode */
	bool exiting;      /* in task_exit: gets no more signals */
	bool shares_files; /* files is shared with another process or thread (CLONE_FILES) */
	int death_signal;  /* prctl(PR_SET_PDEATHSIG) */
	bool above_nproc;  /* its user had more tasks than it may have when it became his: execve(2)
			      asks again */
	bool no_new_privs; /* kernel/sys_prctl.c: these are inherited by clone(2) */
	bool io_flusher;
	bool tagged_addresses; /* PR_SET_TAGGED_ADDR_CTRL: its pointers may carry tags */
	uint8_t memory_errors; /* PR_MCE_KILL's policy + 1; 0: the default */
	uint64_t timer_slack, timer_slack_default; /* ns; 0: TIMER_SLACK */
	virt_addr_t set_tid;  /* CLONE_CHILD_SETTID: where to write the tid on first return to user
				 mode, or 0 */
	struct task_restart { /* what restart_syscall(2) goes on with */
		int64_t (*fn)(struct task *t);
		uint64_t deadline;     /* time_now() */
		virt_addr_t remainder; /* user's struct timespec, or 0 */
		virt_addr_t uaddr;     /* futex wait: as futex(2)'s arguments */
		uint32_t val, bitset;
		bool private;
	} restart;
	struct vfork_wait
		*vfork; /* child of vfork: its waiting parent; under vfork_lock (kernel/fork.c) */
	uint64_t start_time; /* time_now() at creation */

	/* Memory's view of the task: its own counters, read by anyone. */
	uint64_t minflt, majflt;
	uint64_t nofault_faults; /* of these, those that should not have been: kernel/nofault.c */
	uint64_t grew; /* time_now() when it last took a new page while memory was short, its
			  group's or the machine's; 0: not yet */
	/* What it sleeps for in block_submit_wait(): set and cleared by itself, under the queue's
	 * lock. The queue stays for good, so it may be looked up without. */
	struct block_queue *block_queue;
	struct block_request *block_request;
	const uint16_t *memory_group; /* the process's: which group pays (mm/memcg.h); NULL: none */
	uint32_t
		memory_relieved; /* of memory_over, for what as much was evicted: memcg_relieve() */
	uint32_t memory_over; /* pages that it got though its group was over a limit: memcg_settle()
				 before user mode */
	uint64_t memory_refused; /* until then the group that refused it memory need not be asked
				    for a victim again; its own */
	bool frame_due;  /* it has waited for a frame: what is free goes to it before others; its
			    own */
	bool oom_victim; /* may use the reserve to die; set once by the OOM code */
	bool memory_reserve; /* page daemon and its like: may always use the reserve */

	/* System call being run, for restart and /proc. */
	uint64_t syscall_nr;
};

static inline struct task *current(void)
{
	return hw_current();
}

/* For assertions: no lock is held that forbids current() to sleep. The task that boots has
 * interrupts off until there are any, and no number. */
static inline bool task_may_sleep(void)
{
	return current()->hot.preempt_count == 0 && (!hw_irqs_off() || current()->tid == 0);
}

/* Effective priority says real-time: its allocations may use the reserve and never wait. */
static inline bool task_is_rt(const struct task *t)
{
	return READ_ONCE(t->sched.prio) >= PRIO_RT_MIN;
}

static inline bool task_killed(const struct task *t)
{
	return READ_ONCE(t->hot.pending) & TASK_KILLED;
}

/* Starts a kernel thread that runs fn(arg) at the given policy and priority; it ends when fn
 * returns. Returns the task (no reference) or ERR_PTR. Task context. */
struct task *task_create_kernel(const char *name, void (*fn)(void *arg), void *arg, int policy,
				int priority);

struct task *task_get(struct task *t);
void task_put(struct task *t);
/* Finds by tid and takes a reference; NULL when there is none. Any task context. */
struct task *task_find(int tid);

/* Calls fn for every user process's leader until it returns nonzero, and returns that (0 at the
 * end). The table of tasks is locked (a mutex) meanwhile: fn may not sleep on memory. */
int task_for_each_process(int (*fn)(struct task *leader, void *arg), void *arg);

#endif
