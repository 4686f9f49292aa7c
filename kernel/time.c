// SPDX-License-Identifier: MIT
/*
 * Time and timers.
 *
 * Monotonic time is the generic timer's counter scaled to nanoseconds (kernel/clock_scale.h); it
 * starts with the counter, at reset. The wall clock is that plus an offset. Programs reckon both
 * for themselves (arch_clock_set).
 *
 * Each CPU has a queue: a tree of timers by deadline, its first one cached, and the end of the
 * running task's turn beside it. The comparator is set to the earlier of the two and only when that
 * moves closer: a cancelled deadline is left to expire, finds nothing due, and the next one is
 * programmed then. There is no periodic tick.
 *
 * Locks: a queue's lock, interrupts off, protects its tree, `first` and `running`. `slice` and
 * `programmed` belong to their own CPU with interrupts off. Handlers run without the lock,
 * interrupts off, one per interrupt: when another is due, or the turn's end, the comparator is set
 * to the past and the interrupt comes again at once, so that others get between.
 *
 * Deadlines by the wall clock lie in a queue of their own, which has no comparator but a timer on
 * some CPU's queue, wall_alarm: it rings when the first of them is due by the clock as it is set.
 * To set the clock is to start that timer anew, whatever number waits. The queue's lock protects
 * that and the offset of the clock; it is taken before CPUs' queues'.
 *
 * A timer's `cpu` says whose queue's lock protects it: n on queue n, ~n when idle and last on n.
 * timer_cancel() needs the latter to wait for a handler that is running right now; it compares
 * addresses only, so the handler may free its timer.
 */
#include "arch/timer.h"
#include "kernel/clock_event.h"
#include "kernel/clock_scale.h"
#include "kernel/latency.h"
#include "kernel/sched.h"

#define NEVER UINT64_MAX
/* Later deadlines count as this: keeps the scaling from overflowing. */
#define TIME_MAX ((uint64_t)1 << 62)

struct timer_queue {
	struct spinlock lock;
	struct rb_root tree;
	struct timer *first;
	struct timer *running; /* handler in progress: an address to compare with, never followed */
	uint64_t slice, programmed;
	uint64_t programmed_at; /* a deadline that was past then is not late since it was due */
} __attribute__((aligned(64)));

#define BY_WALL NR_CPUS_MAX /* the wall clock's queue */
static struct timer_queue queues[NR_CPUS_MAX + 1];
static const struct clock_event *clock_event; /* set once at boot, before other CPUs run */
static struct clock_scale to_ns, to_counter;  /* set once at boot */
static uint64_t wall_offset;                  /* atomic; changes under queues[BY_WALL].lock */
static struct timer wall_alarm;               /* likewise */

static struct timer_queue *queue_of(int cpu)
{
	struct timer_queue *q = &queues[cpu];

	__asm__("" : "+r"(q)); /* else compilers compute it again at every use */
	return q;
}

uint64_t time_now(void)
{
	return clock_scale_apply(to_ns, hw_counter());
}

uint64_t time_of_ticks(uint64_t ticks)
{
	return clock_scale_apply(to_ns, ticks);
}

uint64_t time_wall(void)
{
	return time_now() + time_wall_offset();
}

uint64_t time_wall_offset(void)
{
	return atomic_load(&wall_offset);
}

/* The first counter value at which time_now() has reached ns. */
static uint64_t counter_at(uint64_t ns)
{
	uint64_t counter;

	if (ns > TIME_MAX)
		ns = TIME_MAX;
	counter = clock_scale_apply(to_counter, ns);
	return clock_scale_apply(to_ns, counter) < ns ? counter + 1 : counter;
}

/* Sets the comparator when deadline is closer than what it waits for. This CPU's queue, interrupts
 * off. */
static void program_closer(struct timer_queue *q, uint64_t deadline)
{
	if (deadline >= q->programmed || !clock_event)
		return;
	q->programmed = deadline;
	q->programmed_at = time_now();
	clock_event->program(counter_at(deadline));
}

COLD void clock_event_cpu_init(void)
{
	struct timer_queue *q = queue_of((int)hw_cpu());
	uint64_t deadline;

	if (!clock_event)
		return;
	if (clock_event->cpu_init)
		clock_event->cpu_init();
	spin_lock_raw(&q->lock);
	deadline = q->first ? q->first->deadline : NEVER;
	spin_unlock_raw(&q->lock);
	q->programmed = NEVER;
	program_closer(q, MIN(deadline, q->slice));
}

bool clock_event_ready(void)
{
	return clock_event != NULL;
}

void clock_event_register(const struct clock_event *ev)
{
	uint64_t old = hw_irq_save();

	clock_event = ev;
	clock_event_cpu_init();
	hw_irq_restore(old);
}

void time_arm_slice(uint64_t deadline)
{
	struct timer_queue *q = queue_of((int)hw_cpu());

	q->slice = deadline;
	program_closer(q, deadline);
}

void timer_init(struct timer *t, void (*expire)(struct timer *t))
{
	t->expire = expire;
	t->deadline = NEVER;
	t->cpu = ~0;
}

static void queue_insert(struct timer_queue *q, struct timer *t)
{
	struct rb_node **link = &q->tree.node, *parent = NULL;
	bool first = true;

	while (*link) {
		parent = *link;
		if (t->deadline < rb_entry(parent, struct timer, node)->deadline) {
			link = &parent->left;
		} else {
			link = &parent->right;
			first = false;
		}
	}
	rb_insert(&q->tree, &t->node, parent, link);
	if (first)
		q->first = t;
}

static void queue_remove(struct timer_queue *q, struct timer *t)
{
	if (q->first == t) {
		struct rb_node *next = rb_next(&t->node);

		q->first = next ? rb_entry(next, struct timer, node) : NULL;
	}
	rb_remove(&q->tree, &t->node);
}

/* Locks the queue that t is, or was last, on. Interrupts off. */
static struct timer_queue *queue_lock(struct timer *t)
{
	for (;;) {
		int cpu = READ_ONCE(t->cpu);
		struct timer_queue *q = queue_of(cpu < 0 ? ~cpu : cpu);

		spin_lock_raw(&q->lock);
		if (likely(t->cpu == cpu))
			return q;
		spin_unlock_raw(&q->lock);
	}
}

/* Takes t off its queue, if it is on one. q is locked. */
static bool timer_unlink(struct timer_queue *q, struct timer *t)
{
	if (t->cpu < 0)
		return false;
	queue_remove(q, t);
	t->cpu = ~t->cpu;
	return true;
}

/* On this CPU's queue. */
static NOINLINE void start_here(struct timer *t, uint64_t deadline)
{
	uint64_t old = hw_irq_save();
	unsigned cpu = hw_cpu();
	struct timer_queue *q, *mine = queue_of((int)cpu);

	/* On no queue, it is ours alone: callers start one timer one at a time, and no handler runs
	 * for it but maybe the caller. */
	if (t->cpu >= 0) {
		q = queue_lock(t);
		timer_unlink(q, t);
		spin_unlock_raw(&q->lock);
	}
	spin_lock_raw(&mine->lock);
	t->deadline = deadline;
	t->cpu = (int)cpu;
	queue_insert(mine, t);
	spin_unlock_raw(&mine->lock);
	program_closer(mine, deadline);
	hw_irq_restore(old);
}

/* Sees to the first timer by the wall clock. q, the queue of those, is locked. */
static void wall_watch(const struct timer_queue *q)
{
	uint64_t wall;

	if (!q->first)
		return;
	wall = q->first->deadline & ~TIME_WALL;
	start_here(&wall_alarm, wall > wall_offset ? wall - wall_offset : 0);
}

static NOINLINE void start_by_wall(struct timer *t, uint64_t deadline)
{
	struct timer_queue *q = queue_of(BY_WALL);
	uint64_t old;

	(void)timer_try_cancel(t);
	old = spin_lock_irq(&q->lock);
	t->deadline = deadline;
	t->cpu = BY_WALL;
	queue_insert(q, t);
	if (q->first == t)
		wall_watch(q);
	spin_unlock_irq(&q->lock, old);
}

void timer_start(struct timer *t, uint64_t deadline)
{
	if (unlikely(deadline & TIME_WALL))
		start_by_wall(t, deadline);
	else
		start_here(t, deadline);
}

/* One try: true when nothing of t is left running. */
static bool cancel_once(struct timer *t, bool *was_pending)
{
	uint64_t old = hw_irq_save();
	bool running = false;
	struct timer_queue *q;

	/* Handlers of this CPU's queue run on this CPU with interrupts off: a timer that has left
	 * it and is not back has finished. */
	if (READ_ONCE(t->cpu) != ~(int)hw_cpu()) {
		q = queue_lock(t);
		running = q->running == t;
		if (timer_unlink(q, t))
			*was_pending = true;
		spin_unlock_raw(&q->lock);
	}
	hw_irq_restore(old);
	return !running;
}

bool timer_cancel(struct timer *t)
{
	bool was_pending = false;

	while (!cancel_once(t, &was_pending))
		hw_relax();
	return was_pending;
}

bool timer_try_cancel(struct timer *t)
{
	bool was_pending = false;

	cancel_once(t, &was_pending);
	return was_pending;
}

/* Runs the handler of a timer due at `now`; it may take some 500 instructions. False: there is
 * none. Interrupts off, q locked on entry and return, not in between. */
static bool run_due(struct timer_queue *q, uint64_t now)
{
	struct timer *t = q->first;

	if (!t || t->deadline > now)
		return false;
	timer_unlink(q, t);
	q->running = t;
	spin_unlock_raw(&q->lock);
	t->expire(t);
	/* Under the lock again, so that who cancels sees all that the handler did once it sees that
	 * the handler is over. */
	spin_lock_raw(&q->lock);
	q->running = NULL;
	return true;
}

/* The wall alarm's handler. It may ring on another CPU while a timer's handler runs here: then that
 * CPU leaves the rest to this one. */
static void wall_ring(struct timer *alarm)
{
	struct timer_queue *q = queue_of(BY_WALL);

	(void)alarm;
	spin_lock_raw(&q->lock);
	if (!q->running) {
		(void)run_due(q, TIME_WALL | time_wall());
		wall_watch(q);
	}
	spin_unlock_raw(&q->lock);
}

COLD void time_set_wall(uint64_t ns)
{
	struct timer_queue *q = queue_of(BY_WALL);
	uint64_t irqs = spin_lock_irq(&q->lock);

	atomic_store(&wall_offset, ns - time_now());
	arch_clock_set(to_ns, wall_offset);
	wall_watch(q);
	spin_unlock_irq(&q->lock, irqs);
}

COLD void time_init(void)
{
	uint64_t hz = hw_counter_hz();

	for (unsigned i = 0; i < NR_CPUS_MAX; i++)
		queues[i].slice = queues[i].programmed = NEVER;
	/* Firmware never said; the timer driver complains. Anything but a division by zero. */
	if (hz == 0)
		hz = NSEC_PER_SEC;
	to_ns = clock_scale_make(NSEC_PER_SEC, hz);
	to_counter = clock_scale_make(hz, NSEC_PER_SEC);
	timer_init(&wall_alarm, wall_ring);
	arch_clock_set(to_ns, wall_offset);
}

void clock_event_expired(void)
{
	struct timer_queue *q = queue_of((int)hw_cpu());
	uint64_t now = time_now(), next;
	bool ran;

	if (unlikely(now - q->programmed > LATENCY_FLOOR))
		latency_interrupt_late(MAX(q->programmed, q->programmed_at), now);
	/* Counts as past: what handlers start is not programmed one by one, but once, below. */
	q->programmed = 0;
	spin_lock_raw(&q->lock);
	ran = run_due(q, now);
	next = q->first ? q->first->deadline : NEVER;
	spin_unlock_raw(&q->lock);
	if (q->slice <= now && !ran) {
		q->slice = NEVER;
		sched_slice_expired();
	}
	next = MIN(next, q->slice);
	q->programmed = next;
	q->programmed_at = now;
	clock_event->program(next == NEVER ? CLOCK_EVENT_NEVER : counter_at(next));
}
