// SPDX-License-Identifier: MIT
/*
 * Who reads which page: a few lists, by object, for pages of swap by page. A list is as long as
 * reads of such objects are under way; only real-time tasks that wait walk one.
 *
 * A page is noted before it can be found, so whoever finds it with PAGE_READING finds its reader
 * here too. A page has one reader: a task, which notes what it inserts, and hands what it reads
 * ahead over to a request, noted before the task forgets it. What is compared may be a frame that
 * is somebody else's by now: then too much is lent, until that read is over.
 */
#include "mm/reading.h"

#include "kernel/sched.h"

#define LISTS 16u

static struct {
	struct spinlock lock; /* above a disk queue's and tasks' pi_lock */
	struct reading *first;
} lists[LISTS];

static unsigned list_of(const void *of)
{
	return ((uintptr_t)of >> 3 ^ (uintptr_t)of >> 9) % LISTS;
}

void reading_note(struct reading *r, const void *of, struct page **pages, unsigned n,
		  void (*raise)(struct reading *r, int prio))
{
	unsigned i = list_of(of);

	r->of = of;
	r->pages = pages;
	r->n = n;
	r->reader = current();
	r->raise = raise;
	r->lent = PRIO_FAIR;
	spin_lock(&lists[i].lock);
	r->next = lists[i].first;
	lists[i].first = r;
	spin_unlock(&lists[i].lock);
}

void reading_over(struct reading *r)
{
	unsigned i = list_of(r->of);
	struct reading **at = &lists[i].first;

	spin_lock(&lists[i].lock);
	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	spin_unlock(&lists[i].lock);
	if (r->lent > PRIO_FAIR && !r->raise)
		sched_boost(r->reader, PRIO_FAIR);
}

/* Whether p is among r's: at the place that its index says. */
static bool is_read_by(const struct page *p, const struct reading *r)
{
	unsigned n = atomic_load_acquire(&r->n);

	if (n == 0)
		return false;
	if (n > 1) {
		uint32_t i = p->u.file.index - r->pages[0]->u.file.index;

		return i < n && r->pages[i] == p;
	}
	return r->pages[0] == p;
}

struct task *reading_lend(const struct page *p, const void *of, int prio)
{
	unsigned i = list_of(of);
	struct task *reader = NULL;

	spin_lock(&lists[i].lock);
	for (struct reading *r = lists[i].first; r; r = r->next) {
		if (r->lent >= prio || !is_read_by(p, r))
			continue;
		r->lent = prio;
		if (r->raise) {
			r->raise(r, prio);
		} else if (!reader) {
			reader = task_get(r->reader);
			spin_lock(&reader->pi_lock);
			reader->sched.boost = prio;
			spin_unlock(&reader->pi_lock);
		}
	}
	spin_unlock(&lists[i].lock);
	return reader;
}
