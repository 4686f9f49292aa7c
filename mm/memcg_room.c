// SPDX-License-Identifier: MIT
/*
 * Making room in a group. The page daemon evicts, as it does for the machine; here is who asks it,
 * and who has to wait.
 *
 *    over max, a charge       evict a batch, look again; nothing to evict in TRIES turns: end
 *                             somebody in the group, or fail; a page that a program stores to: it
 *                             waits, and tries again: the limit may be raised, somebody in the
 *                             group end
 *    over high, or max by     on the way to user mode: evict what is too much, EXCESS_MOST at a
 *                             time; beyond max, end somebody in the group where that does
 *    who may exceed           not help; and sleep for each page got meanwhile, with the square of
 *                             what stays beyond: 10 % too much 10 ms, twice the limit 1 s, but 2 s
 *                             in all
 *    over swap_high           the same without evicting
 *    memory.reclaim, limits   evict until it is enough, or a signal comes
 */
#include "kernel/errno.h"
#include "kernel/psi.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "mm/buddy.h"
#include "mm/memcg_internal.h"
#include "mm/oom.h"
#include "mm/reclaim_internal.h"

#define TRIES         3
#define RECLAIM_TRIES 16
#define PAUSE         (5 * NSEC_PER_MSEC)
#define LOOK          (2 * NSEC_PER_MSEC)
#define EXCESS_MOST   128u
#define DELAY_ONE     NSEC_PER_SEC /* for a page, at twice the limit or more */
#define DELAY_MOST    (2 * NSEC_PER_SEC)
#define DELAY_LEAST   (10 * NSEC_PER_MSEC)
/* when nobody in the group may be ended: each question has a report */
#define ASK_AGAIN     (10 * NSEC_PER_SEC)
#define REFUSED_PAUSE (NSEC_PER_SEC / 4)

/* Sleeps until then, or LOOK longer than the task is ordinary: whoever waits for a mutex of its may
 * be real-time. 0, -EINTR. */
static int pause_until(uint64_t until)
{
	int err = 0;

	while (err == 0 && !task_is_rt(current()) && time_now() < until)
		err = time_sleep_until(MIN(until, time_now() + LOOK), WAIT_KILLABLE);
	return err;
}

static int make_room(struct memcg *over, unsigned flags, unsigned *tries)
{
	if (task_killed(current()))
		return -ENOMEM;
	if (*tries == 0)
		memcg_count_event(over, MEMCG_MAX);
	if (reclaim_group(over, EVICT_BATCH, *tries > 0) > 0) {
		*tries = 1;
		return 0;
	}
	/* What is being written will be clean soon, who dies will be gone. */
	if (++*tries <= TRIES)
		return pause_until(time_now() + PAUSE) == 0 ? 0 : -ENOMEM;
	*tries = 1;
	if (time_now() < current()->memory_refused)
		return -ENOMEM;
	memcg_count_event(over, MEMCG_OOM);
	if (oom_kill(flags, over->cgroup))
		return 0;
	current()->memory_refused = time_now() + ASK_AGAIN;
	return -ENOMEM;
}

COLD bool memcg_refused(void)
{
	uint64_t until = current()->memory_refused;
	bool waits, again;

	if (until == 0 || time_now() > until + NSEC_PER_SEC)
		return false;
	waits = psi_memory_begin();
	again = pause_until(time_now() + REFUSED_PAUSE) == 0;
	psi_memory_end(waits);
	return again;
}

int memcg_make_room(struct memcg *over, unsigned flags, unsigned *tries)
{
	bool waits = psi_memory_begin();
	int err = make_room(over, flags, tries);

	psi_memory_end(waits);
	return err;
}

struct excess {
	uint32_t pages, limit;
	bool swap; /* slots beyond swap_high: nothing is evicted, as that takes more of them */
};

static struct excess excess_of(const struct memcg *m)
{
	struct excess e = { .limit = MIN(m->high, m->max) };

	e.swap = m->usage <= e.limit;
	if (e.swap)
		e.limit = m->swap_high;
	e.pages = (e.swap ? m->swap : m->usage) - e.limit;
	return e;
}

/* In 1,024ths of the limit. */
static uint64_t part_of(const struct excess *e)
{
	return ((uint64_t)e->pages << 10) / MAX(e->limit, 1u);
}

/* Of the groups from current()'s up that are over a limit the one that is by the largest part,
 * pinned, and by how much; NULL: none is. */
static struct memcg *find_excess(struct excess *e)
{
	struct memcg *m, *worst = NULL;

	spin_lock(&memcg_lock);
	for (m = memcg_of_locked(memory_group());
	     m != NULL && (m = memcg_over_locked(m, 0, true)) != NULL; m = m->parent) {
		struct excess one = excess_of(m);

		if (worst == NULL || part_of(&one) > part_of(e)) {
			worst = m;
			*e = one;
		}
	}
	if (worst != NULL)
		worst->pins++;
	spin_unlock(&memcg_lock);
	return worst;
}

static uint64_t delay_for(const struct excess *e, uint32_t pages)
{
	uint64_t part = MIN(part_of(e), 1024u);

	return MIN((part * part * (DELAY_ONE >> 10) >> 10) * pages, DELAY_MOST);
}

static void settle(struct memcg *m, struct excess *e)
{
	uint64_t delay = 0;

	memcg_count_event(m, e->swap ? MEMCG_SWAP_HIGH : MEMCG_HIGH);
	if (!e->swap)
		(void)reclaim_group(m, MIN(e->pages, EXCESS_MOST), false);
	if (READ_ONCE(m->usage) > READ_ONCE(m->max))
		memcg_enforce(m); /* what the kernel holds for a task cannot be evicted */
	memcg_unpin(m);
	m = find_excess(e);
	if (m != NULL) {
		memcg_unpin(m);
		delay = delay_for(e, current()->memory_over);
		if (delay < DELAY_LEAST)
			return;
	}
	current()->memory_over = current()->memory_relieved = 0;
	if (delay > 0)
		(void)pause_until(time_now() + delay);
}

static void relieve(struct memcg *m, const struct excess *e)
{
	bool waits = psi_memory_begin();

	memcg_count_event(m, e->swap ? MEMCG_SWAP_HIGH : MEMCG_HIGH);
	if (!e->swap)
		(void)reclaim_group(m, MIN(e->pages, EXCESS_MOST), false);
	psi_memory_end(waits);
	memcg_unpin(m);
}

void memcg_relieve(void)
{
	struct task *t = current();

	while (t->memory_over - t->memory_relieved >= MEMCG_HIGH_BATCH) {
		struct excess e;
		struct memcg *m = find_excess(&e);

		t->memory_relieved =
			m != NULL ? t->memory_relieved + MEMCG_HIGH_BATCH : t->memory_over;
		if (m != NULL)
			relieve(m, &e);
	}
}

void memcg_settle(void)
{
	struct excess e;
	struct memcg *m = NULL;
	bool waits;

	if (!task_is_rt(current()) && !task_killed(current()))
		m = find_excess(&e); /* else it is taken from who comes next */
	if (m == NULL) {
		current()->memory_over = current()->memory_relieved = 0;
		return;
	}
	waits = psi_memory_begin();
	settle(m, &e);
	psi_memory_end(waits);
}

int memcg_reclaim(struct memcg *m, uint32_t n)
{
	unsigned fruitless = 0;

	while (n > 0) {
		uint32_t freed;

		if (signal_pending())
			return -EINTR;
		freed = reclaim_group(m, MIN(n, EXCESS_MOST), fruitless > 0);
		/* Whoever uses the pages may be faster than the medium, for a while. */
		if (freed == 0 && ++fruitless > RECLAIM_TRIES)
			return -EAGAIN;
		n -= MIN(n, freed);
	}
	return 0;
}

void memcg_enforce(struct memcg *m)
{
	uint32_t usage, limit;

	do {
		int err;

		usage = READ_ONCE(m->usage);
		limit = MIN(READ_ONCE(m->high), READ_ONCE(m->max));
		err = usage > limit ? memcg_reclaim(m, usage - limit) : 0;
		if (err == 0)
			continue;
		if (err == -EINTR || READ_ONCE(m->usage) <= READ_ONCE(m->max))
			return;
		memcg_count_event(m, MEMCG_OOM);
		if (!oom_kill(ALLOC_USER, m->cgroup))
			return;
	} while (READ_ONCE(m->usage) > limit);
}
