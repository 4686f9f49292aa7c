// SPDX-License-Identifier: MIT
/*
 * Triggers: who has one is told when a state took its share of a window of time, at most once per
 * window, as Linux does it.
 *
 * While a state that anybody has a trigger for is there, and for a window afterwards, the poll
 * timer looks ten times in the shortest window; for CPUs, of whose waits nobody is told, for as
 * long as anything runs. What a window has so far is what came in since it began, and of the window
 * before it as much as a window that ends now reaches back to:
 *
 *        before         |  since `start`
 *    ------[############|##########now]        before * (window - elapsed) / window + growth
 *
 * A trigger that is reached within a window of its last time waits for that window's end.
 */
#include "kernel/errno.h"
#include "kernel/fs/poll.h"
#include "kernel/lib/string.h"
#include "kernel/psi_internal.h"
#include "mm/slab.h"

/* looked at in one interrupt, some 60 instructions each; one that fires is the last */
#define TRIGGERS_AT_ONCE 6

#define LOOKS           10u /* in a window */
#define WINDOW_MIN      (500 * NSEC_PER_MSEC)
#define WINDOW_MAX      (10 * NSEC_PER_SEC)
#define WINDOW_ORDINARY (2 * NSEC_PER_SEC) /* a multiple of it */

static uint64_t window_growth(struct psi_trigger *t, uint64_t now, uint64_t total)
{
	uint64_t elapsed = now - t->start, growth = total - t->start_value;

	if (elapsed > t->window) {
		t->start = now;
		t->start_value = total;
		t->before = growth;
		return growth;
	}
	return growth + t->before * (t->window - elapsed) / t->window;
}

/* fresh: nobody looked for a while, as nothing happened. */
/* True: it has fired. */
static bool look_at(struct psi_trigger *t, uint64_t now, bool fresh)
{
	uint64_t total = t->psi->figures.total[t->state];

	if (fresh) {
		t->start = now;
		t->start_value = t->seen;
		t->before = 0;
	}
	if (total != t->seen) {
		t->psi->poll_until = now + t->psi->poll_period * LOOKS;
		if (window_growth(t, now, total) >= t->threshold)
			t->pending = true;
	}
	t->seen = total;
	if (!t->pending || now < t->fired_at + t->window)
		return false;
	t->pending = false;
	t->fired_at = now;
	if (t->fire != NULL) {
		t->fire(t, now);
	} else {
		atomic_store(&t->event, true);
		waitq_wake_all(&t->wq);
	}
	return true;
}

/* One interrupt's part of a round: a CPU's times, then some triggers, of which one fires. True:
 * that was the last of it. */
static bool poll_step_locked(struct psi *p, uint64_t now)
{
	if (p->unlooked == 0) {
		if (!psi_collect_step_locked(p))
			return false;
		p->unlooked = p->ntriggers;
		p->poll_fresh = now > p->poll_until;
		p->more = (p->polled & PSI_CPU_STATES) && (atomic_load(&p->armed) & PSI_AVERAGE);
		return p->unlooked == 0;
	}
	for (unsigned n = TRIGGERS_AT_ONCE; n > 0 && p->unlooked > 0; n--) {
		struct psi_trigger *t = list_first(&p->triggers, struct psi_trigger, link);

		list_remove(&t->link);
		list_push_back(&p->triggers, &t->link);
		p->unlooked--;
		if (look_at(t, now, p->poll_fresh))
			break;
		p->more |= t->pending;
	}
	return p->unlooked == 0;
}

void psi_poll_expired(struct timer *timer)
{
	struct psi *p = container_of(timer, struct psi, poll);
	uint64_t now = time_now(), next = now + PSI_STEP_PAUSE;
	bool more = true;

	spin_lock_raw(&p->lock);
	if (poll_step_locked(p, now)) {
		next = now + p->poll_period;
		more = p->more || (p->polled != 0 && now < p->poll_until);
	}
	spin_unlock_raw(&p->lock);
	psi_timer_again(p, PSI_POLL, more, next);
}

/* The states and the period that p's triggers want. */
static void set_polled_locked(struct psi *p)
{
	uint64_t least = WINDOW_MAX;
	struct psi_trigger *t;
	uint32_t states = 0;

	list_for_each (t, &p->triggers, link) {
		states |= 1u << t->state;
		least = MIN(least, t->window);
	}
	WRITE_ONCE(p->poll_period, least / LOOKS);
	WRITE_ONCE(p->polled, states);
}

int psi_trigger_add(struct psi_trigger *t)
{
	struct psi *p = t->psi;
	uint64_t old;
	int err;

	psi_collect(p);
	old = spin_lock_irq(&p->lock);
	err = p->ntriggers < PSI_TRIGGERS_MAX >> t->ordinary ? 0 : -ENOSPC;
	if (!err) {
		p->ntriggers++;
		t->start = time_now();
		t->start_value = t->seen = p->figures.total[t->state];
		list_push_back(&p->triggers, &t->link);
		set_polled_locked(p);
	}
	spin_unlock_irq(&p->lock, old);
	if (!err)
		psi_arm(p, PSI_POLL);
	return err;
}

void psi_trigger_remove(struct psi_trigger *t)
{
	struct psi *p = t->psi;
	uint64_t old = spin_lock_irq(&p->lock);

	list_remove(&t->link);
	p->ntriggers--;
	p->unlooked = MIN(p->unlooked, p->ntriggers);
	set_polled_locked(p);
	spin_unlock_irq(&p->lock, old);
}

/* A number of us. */
static bool take_us(const char **text, uint64_t *ns)
{
	uint64_t us = 0;
	const char *s = *text;

	while (*s == ' ' || (*s >= '\t' && *s <= '\r'))
		s++;
	if (*s < '0' || *s > '9')
		return false;
	for (; *s >= '0' && *s <= '9' && us <= UINT32_MAX; s++)
		us = us * 10 + (uint64_t)(*s - '0');
	*ns = us * NSEC_PER_USEC;
	*text = s;
	return us <= UINT32_MAX;
}

static int parse(struct psi_trigger *t, enum psi_resource r, const char *text)
{
	bool full = strncmp(text, "full", 4) == 0;

	if (!full && strncmp(text, "some", 4) != 0)
		return -EINVAL;
	t->state = full ? PSI_FULL(r) : PSI_SOME(r);
	text += 4;
	if (!take_us(&text, &t->threshold) || !take_us(&text, &t->window))
		return -EINVAL;
	if (t->window < WINDOW_MIN || t->window > WINDOW_MAX || t->threshold == 0 ||
	    t->threshold > t->window || (t->ordinary && t->window % WINDOW_ORDINARY != 0))
		return -EINVAL;
	return 0;
}

struct psi_trigger *psi_trigger_create(struct psi *p, enum psi_resource r, const char *text,
				       bool ordinary)
{
	struct psi_trigger *t = kmalloc(sizeof(*t), ALLOC_ZERO);
	int err;

	if (t == NULL)
		return ERR_PTR(-ENOMEM);
	t->psi = p;
	t->ordinary = ordinary;
	waitq_init(&t->wq);
	err = parse(t, r, text);
	if (!err)
		err = psi_trigger_add(t);
	if (!err)
		return t;
	kfree(t);
	return ERR_PTR(err);
}

void psi_trigger_destroy(struct psi_trigger *t)
{
	psi_trigger_remove(t);
	kfree(t);
}

unsigned psi_trigger_poll(struct psi_trigger *t, struct poll_table *pt)
{
	poll_watch(pt, &t->wq);
	return POLL_READABLE | POLL_WRITABLE | (atomic_exchange(&t->event, false) ? POLLPRI : 0);
}
