// SPDX-License-Identifier: MIT
/*
 * Who is late, and whose fault it is. Nothing is measured where locks are taken and given back;
 * what is late says so itself:
 *
 *  - The timer's interrupt has a time. When it is handled later than that, interrupts were off in
 *    between, and where it came in is where they were let in again (latency_interrupt_late).
 *  - An interrupt that asks for a switch while the running task has preemption off leaves a mark,
 *    TASK_DELAYED, and the time. Who turns preemption on again comes through preempt_schedule() for
 *    the switch, and with the mark there, through latency_switch_comes().
 *  - A real-time task that slept for a time knows how much later it ran.
 *
 * So each delay is one that somebody had, and a part of the section that made it. To find the
 * sections themselves, samples are taken (latency_set_sampling): each CPU has a timer that goes off
 * at random moments. One that falls into a section with interrupts off is late; one that falls into
 * a section with preemption off leaves the mark. Of many samples some come just after the section
 * began, and the longest delay becomes the longest section.
 *
 * Delays are kept per CPU, the longest for each place. The place is the return address of who was
 * called for the switch, with its caller's, by frame records; a function that jumps to
 * preempt_schedule() as the last thing it does has left its place to its caller.
 *
 * Locks: a CPU's lock and wakeups_lock, innermost of all, the first with interrupts off.
 */
#include "kernel/latency.h"

#include "arch/thread.h"
#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "kernel/runq.h"
#include "mm/slab.h"

#define WAKEUPS_MAX 64 /* have wake-ups kept; the list is gone through under its lock */
#define ENDED_KEPT  8
/* ns that the next one stays away from a section that is being measured */
#define SAMPLE_PAUSE 20000
#define SAMPLE_LEAST 2000 /* ns; a sample takes some 700 instructions */

struct cpu_latency {
	struct spinlock lock;
	struct latency_delay delays[LATENCY_KINDS][LATENCY_KEPT];
	uint64_t least[LATENCY_KINDS]; /* ns of the shortest of them, or LATENCY_FLOOR: what is no
					  longer need not be looked at */

	/* This CPU's own, interrupts off. */
	uint64_t waits_since; /* when the task that has TASK_DELAYED got it */
	struct timer sample;
	uint32_t random;
};

static struct cpu_latency *latencies[NR_CPUS_MAX]; /* set once, at boot */
static uint64_t sample_ns;

static struct spinlock wakeups_lock; /* the list, its entries' task, tid, prio, name */
static struct list wakeups = LIST_INIT(wakeups);
static unsigned wakeups_count, wakeups_ended;

/* ---- Delays ---- */

static void delay_set(struct latency_delay *d, uint64_t ns, virt_addr_t site, virt_addr_t caller)
{
	const struct task *t = current();

	*d = (struct latency_delay){
		.ns = ns, .when = time_now(), .site = site, .caller = caller, .tid = t->tid
	};
	string_copy(d->name, t->name, sizeof(d->name));
}

/* Interrupts off. */
static void delay_note(struct cpu_latency *c, enum latency_kind kind, uint64_t ns, virt_addr_t site,
		       virt_addr_t caller)
{
	struct latency_delay *least = c->delays[kind], *d;

	spin_lock_raw(&c->lock);
	for (d = c->delays[kind]; d < c->delays[kind] + LATENCY_KEPT; d++) {
		if (d->site == site && d->ns > 0) {
			least = d;
			break;
		}
		if (d->ns < least->ns)
			least = d;
	}
	if (ns > least->ns) {
		delay_set(least, ns, site, caller);
		for (d = c->delays[kind]; d < c->delays[kind] + LATENCY_KEPT; d++)
			ns = MIN(ns, d->ns);
		c->least[kind] = MAX(ns, (uint64_t)LATENCY_FLOOR);
	}
	spin_unlock_raw(&c->lock);
}

/* The return address of the caller of the function that a frame record belongs to; 0: it is the
 * first one. */
static virt_addr_t caller_of(const virt_addr_t *record)
{
	const virt_addr_t *next = (const virt_addr_t *)record[0];

	return next ? next[1] : 0;
}

void latency_interrupt_late(uint64_t due, uint64_t now)
{
	struct cpu_latency *c = latencies[hw_cpu()];
	virt_addr_t site, from;

	if (!c || (int64_t)(now - due) <= (int64_t)READ_ONCE(c->least[LATENCY_IRQS_OFF]))
		return;
	site = arch_interrupted(&from);
	delay_note(c, LATENCY_IRQS_OFF, now - due, site, from);
}

static void switch_waits(struct cpu_latency *c)
{
	struct task_hot *hot = &current()->hot;

	if (READ_ONCE(hot->pending) & TASK_DELAYED)
		return;
	c->waits_since = time_now();
	atomic_fetch_or(&hot->pending, TASK_DELAYED | TASK_NEED_RESCHED);
}

void latency_switch_waits(void)
{
	struct cpu_latency *c = latencies[hw_cpu()];

	if (c)
		switch_waits(c);
}

void latency_switch_comes(const void *frame)
{
	const virt_addr_t *record = frame;
	uint64_t old = hw_irq_save(), ns;
	struct cpu_latency *c = latencies[hw_cpu()];

	/* The mark may be gone by now: an interrupt came after the count fell to zero, and with it
	 * the switch. */
	if (atomic_fetch_and(&current()->hot.pending, ~(uint32_t)TASK_DELAYED) & TASK_DELAYED) {
		ns = time_now() - c->waits_since;
		if (ns > READ_ONCE(c->least[LATENCY_PREEMPT_OFF]))
			delay_note(c, LATENCY_PREEMPT_OFF, ns, record[1], caller_of(record));
	}
	hw_irq_restore(old);
}

bool latency_delay(unsigned cpu, enum latency_kind kind, unsigned i, struct latency_delay *d)
{
	struct cpu_latency *c = latencies[cpu];
	const struct latency_delay *kept;
	uint64_t irqs;
	bool found = false;

	if (!c)
		return false;
	kept = c->delays[kind];
	irqs = spin_lock_irq(&c->lock);
	for (unsigned k = 0; k < LATENCY_KEPT && !found; k++) {
		unsigned longer = 0;

		for (unsigned other = 0; other < LATENCY_KEPT; other++)
			longer += kept[other].ns > kept[k].ns ||
				  (other < k && kept[other].ns == kept[k].ns);
		found = kept[k].ns > 0 && longer == i;
		if (found)
			*d = kept[k];
	}
	spin_unlock_irq(&c->lock, irqs);
	return found;
}

/* ---- Samples ---- */

static void sample_again(struct cpu_latency *c, uint64_t pause)
{
	uint64_t mean = READ_ONCE(sample_ns);

	if (mean == 0)
		return;
	c->random = c->random * 1664525 +
		    1013904223; /* a full period suffices; the high half is taken */
	timer_start(&c->sample, time_now() + pause + mean / 2 + (mean * (c->random >> 16) >> 16));
}

static void sample_taken(struct timer *t)
{
	struct cpu_latency *c = container_of(t, struct cpu_latency, sample);

	bool marked = current()->hot.preempt_count > 0;

	if (marked)
		switch_waits(c);
	sample_again(c, marked ? SAMPLE_PAUSE : 0);
}

uint64_t latency_sampling(void)
{
	return READ_ONCE(sample_ns);
}

/* The timers run on the CPU that starts them: the caller goes from one to the next. One that still
 * runs from before is moved. */
int latency_set_sampling(uint64_t ns)
{
	uint64_t home = READ_ONCE(current()->sched.affinity);

	if (ns > 0 && (ns < SAMPLE_LEAST || ns > NSEC_PER_SEC))
		return -EINVAL;
	WRITE_ONCE(sample_ns, ns);
	for (int cpu = 0; cpu < NR_CPUS_MAX && ns > 0; cpu++) {
		uint64_t old;

		if (!latencies[cpu] || sched_set_affinity(current(), cpu_bit(cpu)) < 0)
			continue;
		old = hw_irq_save();
		sample_again(latencies[cpu], 0);
		hw_irq_restore(old);
	}
	return ns > 0 ? sched_set_affinity(current(), home) : 0;
}

/* ---- Wake-ups ---- */

static unsigned bucket_of(uint64_t ns)
{
	unsigned log2 = 63 - (unsigned)__builtin_clzll(ns | 255); /* 7: below 256 */

	return MIN(log2 - 7, LATENCY_BUCKETS - 1u);
}

static struct latency_wakeups *wakeups_of(struct task *t)
{
	struct latency_wakeups *w;

	if (READ_ONCE(wakeups_count) >= WAKEUPS_MAX)
		return NULL;
	w = kmalloc(sizeof(*w), 0);
	if (!w)
		return NULL; /* with the next wake-up then */
	memset(w, 0, sizeof(*w));
	w->task = t;
	spin_lock(&wakeups_lock);
	list_push_back(&wakeups, &w->link);
	wakeups_count++;
	spin_unlock(&wakeups_lock);
	return w;
}

void latency_woke(struct task *t)
{
	uint64_t late = t->wake.ran > t->wake.due ? t->wake.ran - t->wake.due : 0;
	struct latency_wakeups *w;

	t->wake.ran = 0;
	if (!task_is_rt(t))
		return;
	if (!t->wake.ups)
		t->wake.ups = wakeups_of(t);
	w = t->wake.ups;
	if (!w)
		return;
	w->bucket[bucket_of(late)]++;
	if (late > w->worst)
		WRITE_ONCE(w->worst, late);
}

static void fill_in(struct latency_wakeups *w, const struct task *t)
{
	w->tid = t->tid;
	w->prio = t->sched.prio;
	string_copy(w->name, t->name, sizeof(w->name));
}

static struct latency_wakeups *first_ended(void)
{
	struct latency_wakeups *w;

	list_for_each (w, &wakeups, link)
		if (!w->task)
			return w;
	return NULL;
}

void latency_task_ends(struct task *t)
{
	struct latency_wakeups *w;

	if (t->wake.ran)
		latency_woke(t);
	w = t->wake.ups;
	if (!w)
		return;
	t->wake.ups = NULL;
	spin_lock(&wakeups_lock);
	fill_in(w, t);
	w->task = NULL;
	w = ++wakeups_ended > ENDED_KEPT ? first_ended() : NULL;
	if (w) {
		list_remove(&w->link);
		wakeups_ended--;
		wakeups_count--;
	}
	spin_unlock(&wakeups_lock);
	kfree(w);
}

bool latency_wakeups(unsigned i, struct latency_wakeups *w)
{
	struct latency_wakeups *at;
	bool found = false;

	spin_lock(&wakeups_lock);
	list_for_each (at, &wakeups, link) {
		found = i-- == 0;
		if (!found)
			continue;
		if (at->task)
			fill_in(at, at->task);
		*w = *at;
		break;
	}
	spin_unlock(&wakeups_lock);
	return found;
}

static void forget(struct cpu_latency *c)
{
	memset(c->delays, 0, sizeof(c->delays));
	for (unsigned kind = 0; kind < LATENCY_KINDS; kind++)
		c->least[kind] = LATENCY_FLOOR;
}

void latency_reset(void)
{
	struct latency_wakeups *w;

	for (unsigned cpu = 0; cpu < NR_CPUS_MAX; cpu++) {
		struct cpu_latency *c = latencies[cpu];
		uint64_t irqs;

		if (!c)
			continue;
		irqs = spin_lock_irq(&c->lock);
		forget(c);
		spin_unlock_irq(&c->lock, irqs);
	}
	spin_lock(&wakeups_lock);
	list_for_each (w, &wakeups, link) {
		/* A task that counts at this moment may keep that one. */
		memset(w->bucket, 0, sizeof(w->bucket));
		WRITE_ONCE(w->worst, 0);
	}
	spin_unlock(&wakeups_lock);
}

void latency_init(void)
{
	for (unsigned cpu = 0; cpu < NR_CPUS_MAX; cpu++) {
		struct cpu_latency *c;

		if (!(sched_cpus_online() & cpu_bit((int)cpu)))
			continue;
		c = kmalloc(sizeof(*c), 0);
		if (!c)
			return;
		memset(c, 0, sizeof(*c));
		forget(c);
		c->random = cpu + 1;
		timer_init(&c->sample, sample_taken);
		atomic_store_release(&latencies[cpu], c);
	}
}
