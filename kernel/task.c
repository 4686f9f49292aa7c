// SPDX-License-Identifier: MIT
/*
 * Where tasks live: their memory, and the table of tids.
 *
 * A zombie has no stack any more: a task that has ended gives it back, whoever still names the
 * task. It is off it in the middle of a switch, where nothing can be unmapped, so it is put on a
 * list of dead ones, with the reference that was the scheduler's. The next task_alloc() takes the
 * stack of one from there, so a process that forks again and again maps none; when more than a few
 * lie there, a thread frees them.
 *
 * The table of tids is a tree under the process tree's mutex. It holds user tasks only: kernel
 * threads have tid 0. A tid is free when no task has it and no group or session bears its number.
 */
#include "kernel/task.h"

#include "kernel/cgroup.h"
#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "kernel/task_alloc.h"
#include "mm/kmap.h"
#include "mm/slab.h"

/* Dead tasks that may wait for the next fork without a thread being woken, which leaves half as
 * many. */
#define DEAD_KEPT 8
/* where numbers start anew after PID_MAX: low ones stay with the first programs */
#define TID_FIRST_AGAIN 300

static struct kmem_cache *task_cache;

static struct spinlock dead_lock;                      /* interrupts off */
static struct list dead_tasks = LIST_INIT(dead_tasks); /* by process_link, each with a reference */
static uint32_t dead_count;
static struct waitq sweeper_wait = WAITQ_INIT(sweeper_wait);
static struct task *sweeper;

/* Under the process tree's mutex. */
static struct rb_root tids;
static int last_tid;
static bool tids_wrapped;
static uint32_t tid_count;

void task_init(void)
{
	task_cache = kmem_cache_create("task", sizeof(struct task), 16);
	ASSERT(task_cache);
}

void task_free(struct task *t)
{
	if (t->process)
		process_put(t->process);
	if (t->cred)
		cred_put(t->cred);
	kfree(t->fault_signal);
	if (t->kstack)
		kstack_free(t->kstack);
	kmem_cache_free(task_cache, t);
}

/* The stack of the one that lies there longest; what else it has goes with its last reference. 0:
 * there are not more than `leave`. Task context. */
static virt_addr_t dead_pop(uint32_t leave)
{
	struct task *t = NULL;
	uint64_t old = spin_lock_irq(&dead_lock);
	virt_addr_t kstack;

	if (dead_count > leave) {
		t = list_first(&dead_tasks, struct task, process_link);
		list_remove(&t->process_link);
		dead_count--;
	}
	spin_unlock_irq(&dead_lock, old);
	if (!t)
		return 0;
	kstack = t->kstack;
	t->kstack = 0;
	task_put(t);
	return kstack;
}

/* The thread that frees what nobody allocates again. */
static void sweep(void *arg)
{
	(void)arg;
	for (;;) {
		virt_addr_t kstack = dead_pop(DEAD_KEPT / 2);

		if (kstack)
			kstack_free(kstack);
		else
			(void)wait_event(&sweeper_wait, READ_ONCE(dead_count) > DEAD_KEPT,
					 WAIT_UNINTERRUPTIBLE, WAIT_FOREVER);
	}
}

void task_start_sweeper(void)
{
	sweeper = task_create_kernel("sweeper", sweep, NULL, SCHED_OTHER, 0);
	if (IS_ERR(sweeper))
		panic("no memory for the first threads");
}

void task_retire(struct task *t)
{
	uint64_t old = spin_lock_irq(&dead_lock);
	bool many;

	list_init(&t->process_link);
	list_push_back(&dead_tasks, &t->process_link);
	many = ++dead_count > DEAD_KEPT;
	spin_unlock_irq(&dead_lock, old);
	if (many)
		waitq_wake_one(&sweeper_wait);
}

static void task_setup(struct task *t, virt_addr_t kstack)
{
	memset(t, 0, sizeof(*t));
	t->kstack = kstack;
	t->refs = 1;
	t->state = TASK_RUNNABLE;
	t->sched.affinity = ~0ull;
	list_init(&t->sched.rt_link);
	spin_init(&t->pi_lock);
	list_init(&t->pi_lenders);
	list_init(&t->process_link);
	list_init(&t->sig_queue);
	list_init(&t->futex_owned);
	t->start_time = time_now();
}

struct task *task_alloc(void)
{
	virt_addr_t kstack = dead_pop(0) ?: kstack_alloc();
	struct task *t;

	if (!kstack)
		return NULL;
	t = kmem_cache_alloc(task_cache, 0);
	if (t)
		task_setup(t, kstack);
	else
		kstack_free(kstack);
	return t;
}

struct task *task_get(struct task *t)
{
	atomic_inc(&t->refs);
	return t;
}

void task_put(struct task *t)
{
	if (atomic_dec(&t->refs) != 0)
		return;
	if (preemptible()) {
		task_free(t);
	} else {
		t->refs = 1;
		task_retire(t);
	}
}

/* ---- Table of tids ---- */

struct task *task_find_locked(int tid)
{
	struct rb_node *n = tids.node;

	DEBUG_ASSERT(process_tree_locked());
	while (n) {
		struct task *t = rb_entry(n, struct task, tid_node);

		if (t->tid == tid)
			return t;
		n = tid < t->tid ? n->left : n->right;
	}
	return NULL;
}

struct task *task_find(int tid)
{
	struct task *t;

	process_tree_lock();
	t = task_find_locked(tid);
	if (t)
		task_get(t);
	process_tree_unlock();
	return t;
}

struct task *task_find_next_locked(int tid)
{
	struct rb_node *n = tids.node;
	struct task *best = NULL;

	while (n) {
		struct task *t = rb_entry(n, struct task, tid_node);

		if (t->tid >= tid) {
			best = t;
			n = n->left;
		} else {
			n = n->right;
		}
	}
	return best;
}

static void tid_insert(struct task *t)
{
	struct rb_node **link = &tids.node, *parent = NULL;

	while (*link) {
		parent = *link;
		link = t->tid < rb_entry(parent, struct task, tid_node)->tid ? &parent->left
									     : &parent->right;
	}
	rb_insert(&tids, &t->tid_node, parent, link);
}

static int bears_number(struct process *p, void *arg)
{
	int id = *(int *)arg;

	return p->pgid == id || p->session->sid == id;
}

static bool tid_in_use(int tid)
{
	/* Until numbers come round again none can be left over as a group's or a session's. */
	return task_find_locked(tid) ||
	       (tids_wrapped && process_for_each_locked(bears_number, &tid));
}

int tid_alloc_locked(struct task *t)
{
	if (tid_count >= task_limit())
		return -EAGAIN;
	do {
		if (++last_tid >= PID_MAX) {
			last_tid = TID_FIRST_AGAIN;
			tids_wrapped = true;
		}
	} while (tid_in_use(last_tid));
	t->tid = last_tid;
	tid_insert(task_get(t));
	tid_count++;
	return t->tid;
}

void tid_remove_locked(struct task *t)
{
	rb_remove(&tids, &t->tid_node);
	tid_count--;
	cgroup_task_left_locked(t->process);
	task_put(t);
}

void tid_swap_locked(struct task *a, struct task *b)
{
	int tid = a->tid;

	rb_remove(&tids, &a->tid_node);
	rb_remove(&tids, &b->tid_node);
	a->tid = b->tid;
	b->tid = tid;
	tid_insert(a);
	tid_insert(b);
}

uint32_t task_count(void)
{
	return READ_ONCE(tid_count);
}

/* Kernel stacks may take an eighth of RAM, so that stacks and tables of all tasks together leave
 * most of it to programs. */
uint32_t task_limit(void)
{
	uint32_t n = (uint32_t)((uint64_t)frames_total() * PAGE_SIZE / (8 * KSTACK_SIZE));

	return n < 64 ? 64 : MIN(n, PID_MAX / 2u);
}
