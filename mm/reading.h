// SPDX-License-Identifier: MIT
/*
 * Pages being read, and by whom: so that a task that waits for a page lends its priority to who
 * reads it (kernel/mutex.c does, when it follows what tasks wait for).
 */
#ifndef MM_READING_H
#define MM_READING_H

#include "mm/page.h"

struct task;

/* A read under way, on its reader's stack or with its request. */
struct reading {
	const void *of; /* by which it is found: the pages' object; or the page itself, of swap */
	struct page **pages; /* only compared; of consecutive indices */
	unsigned n;          /* may grow, of an entry's own task: before the page can be found */
	struct page *one;
	struct task *reader; /* not with raise(), which is called instead */
	void (*raise)(struct reading *r, int prio);
	int lent; /* the highest priority of those who wait; the lock of its list */
	struct reading *next;
};

/* Notes r, before anybody can find its pages, n of them so far: read by current(), or, with
 * raise(), by a request, which that makes more urgent; raise() is called with spin locks held. */
void reading_note(struct reading *r, const void *of, struct page **pages, unsigned n,
		  void (*raise)(struct reading *r, int prio));
/* The same of one page, which current() reads. */
static inline void reading_note_page(struct reading *r, const void *of, struct page *p)
{
	r->one = p;
	reading_note(r, of, &r->one, 1, NULL);
}
/* After those who wait were told, so that telling them was urgent too. Takes back what was lent;
 * r's memory is the caller's again. */
void reading_over(struct reading *r);
/* Somebody of priority prio waits for p, found by `of`: lends that to who reads it. Returns the
 * reader if it is a task that had less, with a reference: what it waits for itself is the caller's
 * affair (pi_update); or NULL. No lock of a task held. */
struct task *reading_lend(const struct page *p, const void *of, int prio) MUST_CHECK;

#endif
