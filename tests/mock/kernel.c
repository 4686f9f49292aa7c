// SPDX-License-Identifier: MIT
/*
 * Stand-ins for kernel/ in single-threaded tests: the running task, log, panic, mutexes, wait
 * queues, time. Every function of a kernel header is weak, so that a test which names the real file
 * in its SOURCES gets that one.
 *
 * A task that would sleep calls mock_on_block instead, which plays the other tasks; when that does
 * not end the wait, the test fails, for the real task would have slept for ever. Mutexes check
 * their order: a pair once taken as A then B may never be taken as B then A (addresses stand for
 * the locks; mutex_init forgets what was known of one).
 */
#include <stdlib.h>
#include <string.h>

#include "kernel/cred.h"
#include "kernel/errno.h"
#include "kernel/log.h"
#include "kernel/nofault.h"
#include "kernel/psi.h"
#include "kernel/sched.h"
#include "kernel/time.h"
#include "mm/memcg.h"
#include "mm/reading.h"
#include "mm/swap/swap_internal.h"
#include "tests/mock/private.h"

#define WEAK          __attribute__((weak))
#define LOG_SIZE      (1 << 20)
#define HELD_MAX      32
#define ORDERS_MAX    4096
#define PROCESSES_MAX 64
#define TASKS_MAX     256

struct order {
	const struct mutex *first, *then;
};

static struct {
	char log[LOG_SIZE];
	size_t log_used;
	uint64_t now;
	struct timer *timers[64];
	struct mutex *held[HELD_MAX];
	unsigned nheld;
	struct order orders[ORDERS_MAX];
	unsigned norders;
	struct task *processes[PROCESSES_MAX];
	unsigned nprocesses;
	struct task *tasks[TASKS_MAX];
	unsigned ntasks;
	const char *panic_text;
	uint32_t panic_preempt;
	struct task *panic_task;
} k;

jmp_buf mock_panic_jump;
void (*mock_on_block)(void);

void mock_kernel_reset(void)
{
	for (unsigned i = 0; i < k.ntasks; i++)
		free(k.tasks[i]);
	memset(&k, 0, sizeof(k));
	mock_on_block = NULL;
	for (unsigned i = 0; i < NR_CPUS_MAX; i++)
		cpu_locals[i].current = mock_task("cpu");
}

void mock_kernel_check(void)
{
	for (unsigned i = 0; i < k.ntasks; i++)
		if (k.tasks[i]->hot.preempt_count != 0)
			mock_violation(MOCK_RULE_CONTEXT, "task %s ends with preemption off",
				       k.tasks[i]->name);
	for (unsigned i = 0; i < mock_options.cpus; i++)
		if (cpu_locals[i].irqs_off)
			mock_violation(MOCK_RULE_CONTEXT, "CPU %u ends with interrupts off", i);
	if (k.nheld != 0)
		mock_violation(MOCK_RULE_CONTEXT, "%u mutexes are still held", k.nheld);
}

struct task *mock_task(const char *name)
{
	struct task *t = calloc(1, sizeof(*t));

	assert_true(t && k.ntasks < TASKS_MAX);
	strncpy(t->name, name, TASK_NAME_LEN - 1);
	t->refs = 1;
	t->tid = (int)k.ntasks + 1;
	list_init(&t->pi_lenders);
	list_init(&t->process_link);
	list_init(&t->sig_queue);
	k.tasks[k.ntasks++] = t;
	return t;
}

void mock_process_add(struct task *leader)
{
	assert_true(k.nprocesses < PROCESSES_MAX);
	k.processes[k.nprocesses++] = leader;
}

/* Tests of the no-fault class count these. */
unsigned mock_nofaults;

WEAK void nofault_broken(virt_addr_t va)
{
	(void)va;
	mock_nofaults++;
}

WEAK void sched_deadline_wait(void) {}

WEAK void sched_boost(struct task *t, int prio)
{
	t->sched.boost = prio;
}

/* Where nobody is lent anything. */
WEAK void sched_wait_page(const struct page *p, const void *of)
{
	current()->awaited = p;
	current()->awaited_of = of;
}

WEAK void reading_note(struct reading *r, const void *of, struct page **pages, unsigned n,
		       void (*raise)(struct reading *r, int prio))
{
	*r = (struct reading){ .of = of, .pages = pages, .n = n, .one = r->one, .raise = raise };
}

WEAK void reading_over(struct reading *r)
{
	(void)r;
}

WEAK int task_for_each_process(int (*fn)(struct task *leader, void *arg), void *arg)
{
	for (unsigned i = 0; i < k.nprocesses; i++) {
		int ret = fn(k.processes[i], arg);

		if (ret)
			return ret;
	}
	return 0;
}

/* No pool of huge pages, and so no frame of one. */
WEAK void hugetlb_put(struct page *p)
{
	fail_msg("frame %#x has PAGE_HUGETLB", page_to_pfn(p));
}

WEAK struct task *task_create_kernel(const char *name, void (*fn)(void *arg), void *arg, int policy,
				     int priority)
{
	(void)fn, (void)arg, (void)policy, (void)priority;
	return mock_alloc_should_fail() ? ERR_PTR(-ENOMEM) : mock_task(name);
}

WEAK struct task *task_get(struct task *t)
{
	atomic_inc(&t->refs);
	return t;
}

WEAK void task_put(struct task *t)
{
	assert_true(t->refs > 0);
	atomic_dec(&t->refs);
}

/* ---- Log and panic ---- */

WEAK int log_format(char *line, size_t size, const char *fmt, va_list ap)
{
	int n = MIN(vsnprintf(line, size, fmt, ap), (int)size - 1);

	for (int i = 0; i < n; i++)
		if ((unsigned char)line[i] < ' ')
			line[i] = '?';
	return n;
}

WEAK void log_line(enum log_level level, const char *fmt, ...)
{
	va_list ap;
	int n;

	(void)level;
	va_start(ap, fmt);
	n = vsnprintf(k.log + k.log_used, LOG_SIZE - k.log_used - 1, fmt, ap);
	va_end(ap);
	if (n < 0 || k.log_used + (size_t)n + 2 > LOG_SIZE)
		return;
	k.log_used += (size_t)n;
	k.log[k.log_used++] = '\n';
	k.log[k.log_used] = 0;
}

const char *mock_log(void)
{
	return k.log;
}

void mock_log_clear(void)
{
	k.log_used = 0;
	k.log[0] = 0;
}

void mock_panic_arm(const char *text)
{
	k.panic_text = text;
	k.panic_task = hw_current();
	k.panic_preempt = k.panic_task->hot.preempt_count;
}

void mock_panic_missing(const char *text)
{
	k.panic_text = NULL;
	fail_msg("no panic where one with \"%s\" was expected", text);
}

void mock_panic_caught(void)
{
	k.panic_text = NULL;
	cpu_local()->current = k.panic_task;
	cpu_local()->irqs_off = false;
	k.panic_task->hot.preempt_count = k.panic_preempt;
}

WEAK void assert_failed(const char *what, int line)
{
	panic("assertion failed: %s:%d", what, line);
}

WEAK void panic(const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (k.panic_text && strstr(text, k.panic_text))
		longjmp(mock_panic_jump, 1);
	k.panic_text = NULL;
	fail_msg("PANIC: %s", text);
	abort(); /* not reached: fail_msg leaves the test */
}

/* ---- Preemption and sleeping ---- */

WEAK void preempt_schedule(void)
{
	atomic_fetch_and(&hw_current()->hot.pending, ~(uint32_t)TASK_NEED_RESCHED);
}

static void assert_may_sleep(const char *what)
{
	if (!preemptible())
		mock_violation(MOCK_RULE_CONTEXT, "%s with preemption or interrupts off", what);
}

/* Lets another task run: current() is somebody else meanwhile. */
static void block(const char *what)
{
	static struct task *other;
	struct task *self = hw_current();

	if (!mock_on_block)
		fail_msg("%s: task %s would sleep for ever", what, self->name);
	if (!other || k.ntasks == 0 || k.tasks[k.ntasks - 1] != other)
		other = mock_task("other");
	cpu_local()->current = other;
	mock_on_block();
	cpu_local()->current = self;
}

/* ---- Mutexes ---- */

WEAK void mutex_init(struct mutex *m)
{
	spin_init(&m->lock);
	m->owner = 0;
	list_init(&m->waiters);
	m->lender = NULL;
	for (unsigned i = 0; i < k.norders;)
		if (k.orders[i].first == m || k.orders[i].then == m)
			k.orders[i] = k.orders[--k.norders];
		else
			i++;
}

static bool order_known(const struct mutex *first, const struct mutex *then)
{
	for (unsigned i = 0; i < k.norders; i++)
		if (k.orders[i].first == first && k.orders[i].then == then)
			return true;
	return false;
}

static void order_note(const struct mutex *m)
{
	for (unsigned i = 0; i < k.nheld; i++) {
		if (k.held[i]->owner != (uintptr_t)hw_current() || k.held[i] == m)
			continue;
		if (order_known(m, k.held[i]))
			mock_violation(MOCK_RULE_CONTEXT,
				       "mutexes %p and %p are taken in both orders",
				       (void *)k.held[i], (const void *)m);
		if (!order_known(k.held[i], m) && k.norders < ORDERS_MAX)
			k.orders[k.norders++] = (struct order){ k.held[i], m };
	}
}

static void mutex_own(struct mutex *m)
{
	assert_true(k.nheld < HELD_MAX);
	m->owner = (uintptr_t)hw_current();
	k.held[k.nheld++] = m;
}

static bool mutex_taken(const struct mutex *m)
{
	return m->owner != 0;
}

static int mutex_lock_mode(struct mutex *m, bool killable)
{
	assert_may_sleep("mutex_lock");
	if (m->owner == (uintptr_t)hw_current())
		mock_violation(MOCK_RULE_CONTEXT, "mutex %p: taken twice by the same task",
			       (void *)m);
	order_note(m);
	if (mutex_taken(m)) {
		if (killable && task_killed(hw_current()))
			return -EINTR;
		block("mutex_lock");
		if (killable && task_killed(hw_current()))
			return -EINTR;
		if (mutex_taken(m))
			fail_msg("mutex_lock: the owner never lets go");
	}
	mutex_own(m);
	return 0;
}

WEAK void mutex_lock(struct mutex *m)
{
	(void)mutex_lock_mode(m, false);
}

WEAK int mutex_lock_killable(struct mutex *m)
{
	return mutex_lock_mode(m, true);
}

WEAK bool mutex_trylock(struct mutex *m)
{
	if (mutex_taken(m))
		return false;
	mutex_own(m);
	return true;
}

WEAK void mutex_unlock(struct mutex *m)
{
	if (m->owner != (uintptr_t)hw_current())
		mock_violation(MOCK_RULE_CONTEXT,
			       "mutex %p: unlocked by a task that does not hold it", (void *)m);
	m->owner = 0;
	for (unsigned i = 0; i < k.nheld; i++)
		if (k.held[i] == m) {
			k.held[i] = k.held[--k.nheld];
			return;
		}
}

WEAK bool mutex_held(const struct mutex *m)
{
	return m->owner == (uintptr_t)hw_current();
}

WEAK struct task *mutex_owner(const struct mutex *m)
{
	return (struct task *)m->owner;
}

/* ---- Wait queues ---- */

WEAK void waitq_init(struct waitq *wq)
{
	spin_init(&wq->lock);
	list_init(&wq->waiters);
	list_init(&wq->watchers);
}

static void waitq_wake(struct waitq *wq, bool all)
{
	struct watcher *watcher, *next_watcher;
	struct waiter *w;

	list_for_each_safe (watcher, next_watcher, &wq->watchers, link)
		watcher->notify(watcher);
	list_for_each (w, &wq->waiters, node.link) {
		if (w->woken)
			continue;
		w->woken = true;
		if (!all)
			return;
	}
}

WEAK void waitq_wake_one(struct waitq *wq)
{
	waitq_wake(wq, false);
}

WEAK void waitq_wake_all(struct waitq *wq)
{
	waitq_wake(wq, true);
}

WEAK bool waitq_active(const struct waitq *wq)
{
	return !list_empty(&wq->waiters) || !list_empty(&wq->watchers);
}

WEAK void waitq_watch(struct waitq *wq, struct watcher *w)
{
	list_push_back(&wq->watchers, &w->link);
}

WEAK void waitq_unwatch(struct waitq *wq, struct watcher *w)
{
	(void)wq;
	list_remove(&w->link);
}

WEAK void waitq_prepare(struct waitq *wq, struct waiter *w, enum wait_mode mode)
{
	(void)mode;
	w->task = hw_current();
	w->woken = false;
	list_push_back(&wq->waiters, &w->node.link);
}

WEAK int waitq_sleep(struct waiter *w, enum wait_mode mode, uint64_t deadline)
{
	assert_may_sleep("waitq_sleep");
	if (w->woken)
		return 0;
	if (mode != WAIT_UNINTERRUPTIBLE && task_killed(hw_current()))
		return -EINTR;
	if (mock_on_block)
		block("waitq_sleep");
	if (w->woken)
		return 0;
	if (mode != WAIT_UNINTERRUPTIBLE && task_killed(hw_current()))
		return -EINTR;
	if (deadline == WAIT_FOREVER)
		fail_msg("waitq_sleep: nobody wakes task %s", w->task->name);
	if (k.now < deadline)
		mock_time_set(deadline);
	return -ETIMEDOUT;
}

WEAK void waitq_finish(struct waitq *wq, struct waiter *w)
{
	(void)wq;
	list_remove(&w->node.link);
}

/* ---- Time ---- */

static void timers_run(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(k.timers); i++) {
		struct timer *t = k.timers[i];

		if (t && t->deadline <= k.now) {
			k.timers[i] = NULL;
			t->cpu = -1;
			t->expire(t);
		}
	}
}

void mock_time_set(uint64_t now)
{
	k.now = now;
	timers_run();
}

void mock_time_advance(uint64_t ns)
{
	mock_time_set(k.now + ns);
}

WEAK uint64_t time_now(void)
{
	return k.now;
}

WEAK uint64_t time_wall(void)
{
	return k.now;
}

WEAK void timer_init(struct timer *t, void (*expire)(struct timer *t))
{
	t->expire = expire;
	t->cpu = -1;
}

WEAK bool timer_cancel(struct timer *t)
{
	for (unsigned i = 0; i < ARRAY_SIZE(k.timers); i++)
		if (k.timers[i] == t) {
			k.timers[i] = NULL;
			t->cpu = -1;
			return true;
		}
	return false;
}

WEAK bool timer_try_cancel(struct timer *t)
{
	return timer_cancel(t);
}

WEAK void timer_start(struct timer *t, uint64_t deadline)
{
	timer_cancel(t);
	for (unsigned i = 0; i < ARRAY_SIZE(k.timers); i++)
		if (!k.timers[i]) {
			k.timers[i] = t;
			t->deadline = deadline;
			t->cpu = (int)mock_cpu;
			return;
		}
	fail_msg("more timers than the mock has room for");
}

WEAK int time_sleep_until(uint64_t deadline, int wait_mode)
{
	assert_may_sleep("time_sleep_until");
	if (wait_mode != WAIT_UNINTERRUPTIBLE && task_killed(hw_current()))
		return -EINTR;
	if (k.now < deadline)
		mock_time_set(deadline);
	return 0;
}

WEAK uint64_t sched_cpus_online(void)
{
	return ((uint64_t)1 << mock_options.cpus) - 1;
}

WEAK void sched_yield_cpu(void)
{
	if (mock_on_block)
		block("sched_yield_cpu");
}

WEAK bool sched_wake(struct task *t)
{
	(void)t;
	return true;
}

/* ---- Pressure ---- */

WEAK struct psi psi_machine;
WEAK uint64_t psi_memory_waited(void)
{
	return 0;
}

WEAK bool psi_memory_begin(void)
{
	return false;
}

WEAK void psi_memory_end(bool began)
{
	assert_false(began);
}

WEAK int psi_trigger_add(struct psi_trigger *t)
{
	(void)t;
	return 0;
}

WEAK void psi_trigger_remove(struct psi_trigger *t)
{
	(void)t;
}

/* ---- Groups: there are none ---- */

WEAK void user_put(struct user *user)
{
	atomic_dec(&user->refs);
}

WEAK struct page *memcg_page_alloc(unsigned flags)
{
	(void)flags;
	fail();
	return NULL;
}

WEAK bool memcg_charge_run(struct page *p, unsigned n)
{
	(void)p, (void)n;
	return true;
}

WEAK void memcg_charge_block(struct page *head)
{
	(void)head;
}

WEAK void memcg_charge_to(struct page *p, unsigned id)
{
	(void)p, (void)id;
}

WEAK void memcg_uncharge_block(struct page *head)
{
	(void)head;
}

WEAK void memcg_uncharge(struct page *p)
{
	(void)p;
	fail();
}

WEAK bool memcg_swap_has_room(unsigned id)
{
	return id == 0;
}

WEAK uint32_t reclaim_rounds;

WEAK bool memcg_spares(unsigned id, const struct memcg *root, bool force)
{
	(void)id, (void)root, (void)force;
	return false;
}

WEAK unsigned memcg_isolate(struct memcg *m, struct page **pages, unsigned n, uint32_t *left)
{
	(void)m, (void)pages, (void)n;
	*left = 0;
	return 0;
}

WEAK void memcg_breathe(void) {}

WEAK bool memcg_tight(void)
{
	return false;
}

WEAK bool memcg_pin(struct memcg *m)
{
	m->pins++;
	return true;
}

WEAK void memcg_unpin(struct memcg *m)
{
	m->pins--;
}

WEAK void memcg_count_reclaim(struct memcg *m, unsigned scanned, unsigned stolen)
{
	(void)m, (void)scanned, (void)stolen;
}

WEAK uint32_t memcg_span(void)
{
	return 0;
}

WEAK void memcg_count_fault(bool major)
{
	(void)major;
}

WEAK void memcg_settle(void) {}

WEAK bool swap_owner_ready(uint32_t slot, unsigned group)
{
	(void)slot;
	return group == 0;
}

WEAK void swap_owner_set_locked(uint32_t slot, unsigned group)
{
	(void)slot;
	assert_int_equal(group, 0);
}

WEAK void swap_owner_charge_locked(uint32_t slot, struct page *p)
{
	(void)slot, (void)p;
}

WEAK void swap_owner_clear_locked(uint32_t slot)
{
	(void)slot;
}
