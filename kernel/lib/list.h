// SPDX-License-Identifier: MIT
// A circular doubly linked list threaded through its elements. The caller's lock protects it.
#ifndef KERNEL_LIB_LIST_H
#define KERNEL_LIB_LIST_H

#include "kernel/lib/types.h"

struct list {
	struct list *next, *prev;
};

#define LIST_INIT(name)                                                                            \
	{                                                                                          \
		&(name), &(name)                                                                   \
	}

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

/* Insert `e` right before `pos`: with pos = head, at the tail. */
static inline void list_insert_before(struct list *pos, struct list *e)
{
	struct list *prev =
		pos->prev; /* kept: stores may be to anywhere, as far as a compiler knows */

	e->next = pos;
	e->prev = prev;
	prev->next = e;
	pos->prev = e;
}

static inline void list_push_back(struct list *head, struct list *e)
{
	list_insert_before(head, e);
}

static inline void list_push_front(struct list *head, struct list *e)
{
	list_insert_before(head->next, e);
}

/* Unlink `e` and leave it an empty list, so that removing it twice is harmless. */
static inline void list_remove(struct list *e)
{
	struct list *next = e->next, *prev = e->prev;

	prev->next = next;
	next->prev = prev;
	list_init(e);
}

/* Move everything on `from` to the tail of `to`; `from` ends empty. */
static inline void list_splice_back(struct list *to, struct list *from)
{
	if (list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}

#define list_entry(ptr, type, member)  container_of(ptr, type, member)
#define list_first(head, type, member) list_entry((head)->next, type, member)
#define list_last(head, type, member)  list_entry((head)->prev, type, member)
#define list_for_each(pos, head, member)                                                           \
	for (pos = list_entry((head)->next, __typeof__(*pos), member); &pos->member != (head);     \
	     pos = list_entry(pos->member.next, __typeof__(*pos), member))
/* As list_for_each; `pos` may be unlinked or freed in the body. */
#define list_for_each_safe(pos, tmp, head, member)                                                 \
	for (pos = list_entry((head)->next, __typeof__(*pos), member),                             \
	    tmp = list_entry(pos->member.next, __typeof__(*pos), member);                          \
	     &pos->member != (head);                                                               \
	     pos = tmp, tmp = list_entry(tmp->member.next, __typeof__(*tmp), member))

#endif
