// SPDX-License-Identifier: MIT
/*
 * Processes: what the threads of one program share beyond memory and files.
 *
 * Life: created by clone -> threads come and go -> the last thread exits: ZOMBIE, the parent is
 * told -> reaped by wait, or by itself when the parent ignores SIGCHLD. The leader's struct task
 * (tid == pid) stays in the table of tids until then, even when it exited before the other threads.
 *
 * Locks, in this order:
 *   process tree (a mutex: process_tree_lock())
 *                         table of tids, parent/children, groups, sessions, reaping. May not sleep
 *                         on memory.
 *   process->lock         (spin) threads list, names, credentials, limits, task->aspace of others
 *   process->signal_lock  (spin, interrupts off) everything about signals, stop and exit state
 *   sighand->lock         (spin, within) handlers
 */
#ifndef KERNEL_PROCESS_H
#define KERNEL_PROCESS_H

#include <linux/resource.h>

#include "kernel/cputime.h"
#include "kernel/cred.h"
#include "kernel/signal.h"
#include "kernel/task.h"

#define USER_HZ 100   /* clock ticks per second in times(2), siginfo, /proc */
#define PID_MAX 32768 /* pids are below it, as /proc/sys/kernel/pid_max says */

/* A session: shared by its processes. tty is the fs room's: its controlling terminal or NULL, under
 * that room's lock. */
struct session {
	uint32_t refs;
	int sid;
	void *tty;
};

/* What a process and its dead, waited-for children have used; for getrusage(2) and wait4(2). */
struct usage {
	uint64_t runtime; /* ns of CPU */
	uint64_t user;    /* ns of it in user mode */
	uint64_t minflt, majflt;
	uint64_t maxrss; /* pages */
};

struct cgroup;

struct process {
	uint32_t refs; /* one per thread, one while in the tree, transient ones */
	int pid;
	int ppid; /* parent's pid, for getppid(2) without a lock; changed under the tree lock */

	/* Under the tree lock. */
	struct process *parent; /* NULL: process 1 */
	struct list children, sibling;
	struct list all_link; /* on the list of all processes */
	int pgid;
	struct session *session;
	bool zombie;   /* no thread left: waits to be reaped */
	bool did_exec; /* setpgid(2) by the parent is over */
	bool subreaper;
	struct cgroup *cgroup;   /* that it is in, a reference; from publication on */
	uint32_t nr_tasks;       /* of its tasks that are in the table of tids */
	uint16_t memory_group;   /* who pays for its memory (mm/memcg.h); read by its threads */
	int exit_signal;         /* what the parent gets: SIGCHLD, or clone's choice, or 0 */
	struct waitq child_wait; /* wait4 sleeps here until child_events changes */
	uint32_t child_events;   /* counts news of children */
	struct usage used_children;

	/* Under lock. */
	struct spinlock lock;
	struct task *leader; /* tid == pid */
	/* Threads by task->process_link; changed under the tree lock, lock and signal_lock, read
	 * under any of them, in bounded steps under the spin locks.
	 * Dead ones leave, but the leader's struct task lives on until the process is reaped. */
	struct list threads;
	uint32_t nr_threads;
	struct waitq thread_wait; /* exec waits for the others to go; polls of pidfds */
	struct rlimit64 limits[RLIM_NLIMITS];
	bool borrows_memory; /* runs on its parent's address space until exec: its limits and
				capabilities are not that one's */
	struct usage used;   /* by threads that are gone; CPU time: see below */
	uint32_t personality;
	int oom_score_adj;     /* -1000..1000; the tree lock is held, too, to change it */
	int oom_score_adj_min; /* the lowest that it may set without privilege */
	uint64_t start_time;   /* time_now() at creation */

	/* Under signal_lock. */
	struct spinlock signal_lock;
	struct sighand *sighand;
	uint64_t sig_pending;
	struct list sig_queue;
	struct waitq signal_wait;
	uint32_t nr_live;  /* threads that have not begun to end */
	struct list walks; /* over threads, that are under way: struct thread_walk */
	struct thread_walk kill_walk;
	bool killing;             /* exiting, and kill_walk has not reached the last thread */
	bool exiting;             /* all threads are to die: */
	int exit_status;          /* with this, as wait4(2) reports it */
	struct task *exec_task;   /* in exec: all threads but this one are to die */
	int stop_signal;          /* group stop: threads are to stop, or have; 0: none */
	uint32_t stop_running;    /* threads that have not stopped yet */
	uint32_t stop_generation; /* counts group stops */
	bool stop_unreported;     /* all stopped, wait(WUNTRACED) has not seen it */
	bool continue_unreported; /* continued, wait(WCONTINUED) has not seen it */
	int notify_parent; /* CLD_STOPPED or CLD_CONTINUED that a thread has yet to send; 0: none */

	/* Atomic: sums over threads as last charged, see process_cpu_time(). */
	uint64_t cpu_runtime, cpu_user_ticks;
	struct cpu_limit cpu_limit;

	struct process_timers *timers; /* kernel/sys_timer.c, NULL until the first */
};

/* The tree of processes. */
void process_tree_lock(void);
void process_tree_unlock(void);
bool process_tree_locked(void);

struct process *process_get(struct process *p);
void process_put(struct process *p);
/* By pid with a reference (a zombie too), or NULL. Takes the tree lock; the _locked one does not
 * add a reference. */
struct process *process_find(int pid);
struct process *process_find_locked(int pid);
/* Calls fn for every process, zombies included, until nonzero. Tree lock held: fn may not sleep on
 * memory. */
int process_for_each_locked(int (*fn)(struct process *p, void *arg), void *arg);
/* For readdir of /proc: the living or zombie process with the smallest pid >= pid, with a
 * reference, or NULL. Takes the tree lock. */
struct process *process_next(int pid);
/* For readdir of /proc/PID/task: the thread with the smallest tid >= tid, with a reference, or
 * NULL. */
struct task *process_next_thread(struct process *p, int tid);
/* The leader's struct task with a reference: lives as long as the process is not reaped; NULL
 * after. */
struct task *process_leader(struct process *p);

/* The address space of p with a reference (aspace_put it), or NULL when it has none left. Any task
 * context. */
struct aspace *process_aspace(struct process *p);
/* Is that as? */
bool process_runs_on(struct process *p, const struct aspace *as);
/* Likewise the table of files and the root/cwd, with references (files_put, fs_context_put), or
 * NULL. */
struct files *process_files(struct process *p);
struct fs_context *process_fs(struct process *p);

/* Soft limit of p (RLIM64_INFINITY: none). RLIMIT_DATA 0 counts as the hard one: programs that
 * manage all of their memory themselves set it, to see who calls brk(2). */
uint64_t process_limit_of(struct process *p, unsigned resource);
/* Likewise of current()'s process (kernel threads have none). */
uint64_t process_limit(unsigned resource);
/* Living and dead threads together. The _cpu one counts faults of the dead only, leaves maxrss
 * alone, and may be called with the tree locked. */
void process_usage_cpu(struct process *p, struct usage *u);
/* Adds t's CPU time so far. Any context that holds no run-queue lock; t stays. */
void usage_add_cpu(struct usage *u, struct task *t);
/* ns in the kernel. */
uint64_t usage_system(const struct usage *u);
void process_usage(struct process *p, struct usage *u);
/* One letter as /proc/PID/stat has it: R S D T Z X. */
char task_state_letter(const struct task *t);

/* Sessions and groups. Tree lock held for both. */
bool group_exists_locked(int pgid, const struct session *s);
/* True when no member of the group has a parent outside the group but in the same session: stop
 * signals from a tty would hang it for ever. */
bool group_is_orphaned_locked(int pgid);
/* Installed by the tty: called in task context, without locks, when a session's leader exits (hang
 * up, give the terminal up). */
extern void (*session_leader_exit_hook)(struct session *s);

/* Creation of processes and of process 1; ends of tasks. */
struct clone_request {
	uint64_t flags; /* CLONE_ without the signal byte */
	int exit_signal;
	virt_addr_t stack; /* initial sp, 0: the parent's */
	virt_addr_t tls;
	virt_addr_t parent_tid, child_tid;
	virt_addr_t pidfd;     /* CLONE_PIDFD: where the descriptor's number goes */
	struct cgroup *cgroup; /* CLONE_INTO_CGROUP: where the child starts; else NULL */
};
int64_t task_clone(const struct clone_request *r);
NORETURN void task_exit(int status);    /* this thread; status as wait4(2) has it */
NORETURN void process_exit(int status); /* all threads of current()'s process */
/* Called by exec and exit: the parent of a vfork may go on. */
void vfork_done(struct task *t);
NORETURN void init_start(void); /* the boot thread becomes process 1 */

/* Tables of tids, kernel/task.c; tree lock held. */
int tid_alloc_locked(
	struct task *t); /* gives t a tid and enters it (takes a reference): tid or -EAGAIN */
void tid_remove_locked(struct task *t);
struct task *task_find_locked(int tid);      /* no reference added */
struct task *task_find_next_locked(int tid); /* the smallest tid >= tid, or NULL */
/* Makes `t` the holder of old leader's tid, and the other way round: exec by a thread that is not
 * the leader. */
void tid_swap_locked(struct task *a, struct task *b);
uint32_t task_count(void); /* user tasks that exist, zombies included */
uint32_t task_limit(void); /* and how many there may be, from the size of RAM */

/* kernel/exit.c and kernel/fork.c between themselves. */
struct process *process_create(struct process *parent);
/* as, which is new, has what mm/ knows of current()'s limits and capabilities
 * (kernel/sys_limits.c). It is current()'s own now, or a child's. */
void aspace_adopt_rights(struct aspace *as);
void process_link_locked(struct process *p); /* onto the list of all, with a reference; off it */
void process_unlink_locked(struct process *p);
struct session *session_create(int sid);
struct session *session_get(struct session *s);
void session_put(struct session *s);
void task_start_sweeper(void); /* kernel/task.c: threads may be created by now */
void process_release_locked(
	struct process *p); /* zombie leaves tree and table; the caller's reference stays valid */
void process_notify_parent_locked(struct process *p, int code, int status);

#endif
