// SPDX-License-Identifier: MIT
/*
 * A list in order of priority, within one in order of arrival. Nodes that share a priority lie side
 * by side; the first of them knows the last and the other way round, so an insertion goes past each
 * higher priority that is present in one step, however many nodes have it, and a removal knows its
 * neighbours. What has priority 0, below which there is nothing, goes to the end at once.
 *
 * The head is a struct list; nodes may go to another by list_splice_back(), all at once. The
 * caller's lock protects it.
 */
#ifndef KERNEL_LIB_PLIST_H
#define KERNEL_LIB_PLIST_H

#include "kernel/lib/list.h"

struct plist_node {
	struct list link;
	/* Above 0: of the first of its priority the last, of the last the first; of one alone
	 * itself; between them NULL. */
	struct plist_node *end;
	uint8_t prio;
	bool is_last; /* of several */
};

/* ---- For what follows ---- */

static inline struct plist_node *plist_node_of(struct list *link)
{
	return list_entry(link, struct plist_node, link);
}

static inline struct plist_node *plist_past(const struct plist_node *first)
{
	return plist_node_of(first->end->link.next);
}

/* n is another one with the priority of those that first leads. */
static inline void plist_join(struct plist_node *first, struct plist_node *n)
{
	first->end->end = NULL;
	first->end = n;
	first->is_last = false;
	n->end = first;
	n->is_last = true;
}

static inline void plist_insert_above(struct list *head, struct plist_node *n, unsigned prio)
{
	struct plist_node *first = plist_node_of(head->next);
	struct list *pos = head;

	n->end = n;
	/* Unless it is the lowest, there is one at which the walk ends: five instructions a step.
	 */
	if (!list_empty(head) && plist_node_of(head->prev)->prio <= prio) {
		while (first->prio > prio)
			first = plist_past(first);
		pos = &first->link;
		if (first->prio == prio) {
			pos = first->end->link.next;
			plist_join(first, n);
		}
	}
	list_insert_before(pos, &n->link);
}

static inline void plist_leave(struct plist_node *n)
{
	struct plist_node *end = n->end, *near;

	if (!end || end == n)
		return;
	near = plist_node_of(n->is_last ? n->link.prev : n->link.next);
	near->end = end; /* itself, where two were */
	end->end = near;
	near->is_last = n->is_last;
}

/* ---- ---- */

/* Behind those that have the priority, 0 to 255, too. At most as many steps as there are higher
 * ones. */
static inline void plist_insert(struct list *head, struct plist_node *n, int prio)
{
	n->prio = (uint8_t)prio;
	if (likely(prio == 0))
		list_push_back(head, &n->link);
	else
		plist_insert_above(head, n, (unsigned)prio);
}

/* n is in a list. Its link keeps what it has: n does not look removed. */
static inline void plist_remove(struct plist_node *n)
{
	struct list *next = n->link.next, *prev = n->link.prev;

	if (unlikely(n->prio > 0))
		plist_leave(n);
	prev->next = next;
	next->prev = prev;
}

#endif
