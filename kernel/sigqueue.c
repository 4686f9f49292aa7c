// SPDX-License-Identifier: MIT
/*
 * What signals are made of: siginfo as users see it, tables of handlers, and the queues in which
 * signals wait. A queue is a list of siginfos beside a word with a bit per signal; the bit alone is
 * enough for a signal below 32 whose siginfo could not be kept.
 */
#include "kernel/lib/string.h"
#include "kernel/process.h"
#include "kernel/sigset.h"
#include "mm/slab.h"
#include "mm/usercopy.h"

/* ---- siginfo ---- */

void siginfo_image(void *image128, const struct ksiginfo *info)
{
	memcpy(image128, info, sizeof(*info));
	memset((char *)image128 + sizeof(*info), 0, 128 - sizeof(*info));
}

int siginfo_to_user(virt_addr_t dst, const struct ksiginfo *info)
{
	uint8_t image[128];

	siginfo_image(image, info);
	return copy_to_user(dst, image, sizeof(image));
}

/* ---- Handlers ---- */

struct sighand *sighand_create(void)
{
	struct sighand *s = kmalloc(sizeof(*s), ALLOC_ZERO);

	if (s)
		s->refs = 1;
	return s;
}

struct sighand *sighand_copy(struct sighand *from)
{
	struct sighand *s = kmalloc(sizeof(*s), 0);
	uint64_t old;

	if (!s)
		return NULL;
	old = spin_lock_irq(&from->lock);
	s->changed = from->changed;
	memcpy(s->action, from->action, sizeof(s->action));
	spin_unlock_irq(&from->lock, old);
	spin_init(&s->lock);
	s->refs = 1;
	return s;
}

struct sighand *sighand_get(struct sighand *s)
{
	atomic_inc(&s->refs);
	return s;
}

void sighand_put(struct sighand *s)
{
	if (atomic_dec(&s->refs) == 0)
		kfree(s);
}

void sighand_reset_for_exec(struct sighand *s)
{
	/* One by one, so that interrupts are not off for long: nobody but the caller changes any,
	 * and who sends looks at one. */
	for (uint64_t left = s->changed; left != 0; left &= left - 1) {
		struct ksigaction *a = &s->action[__builtin_ctzll(left)];
		uint64_t old = spin_lock_irq(&s->lock);

		*a = (struct ksigaction){ .handler = a->handler == ACTION_IGNORE ? ACTION_IGNORE
										 : ACTION_DEFAULT };
		spin_unlock_irq(&s->lock, old);
	}
}

struct ksigaction signal_action_locked(struct process *p, int signo)
{
	struct ksigaction a;

	spin_lock_raw(&p->sighand->lock);
	a = p->sighand->action[signo - 1];
	spin_unlock_raw(&p->sighand->lock);
	return a;
}

/* ---- Queues ---- */

NOINLINE void sigqueue_free(struct sigqueue *q)
{
	if (!q->user) { /* its owner's */
		q->queued = false;
		return;
	}
	atomic_dec(&q->user->signals);
	user_put(q->user);
	kfree(q);
}

void sigqueue_flush(struct list *queue, uint64_t *pending)
{
	while (!list_empty(queue)) {
		struct sigqueue *q = list_first(queue, struct sigqueue, link);

		list_remove(&q->link);
		sigqueue_free(q);
	}
	*pending = 0;
}

void sigqueue_remove_mask(struct list *queue, uint64_t *pending, uint64_t mask)
{
	struct sigqueue *q, *next;

	if (!(*pending & mask))
		return;
	*pending &= ~mask;
	list_for_each_safe (q, next, queue, link) {
		if (mask & SIGNAL_MASK(q->info.signo)) {
			list_remove(&q->link);
			sigqueue_free(q);
		}
	}
}

int sigqueue_take(struct list *queue, uint64_t *pending, uint64_t mask, struct ksiginfo *info)
{
	uint64_t set = *pending & mask;
	struct sigqueue *q, *next, *found = NULL;
	bool more = false;
	int signo;

	if (!set)
		return 0;
	/* Faults first: they belong to the instruction at hand. */
	signo = __builtin_ctzll(set & SYNCHRONOUS ? set & SYNCHRONOUS : set) + 1;
	list_for_each_safe (q, next, queue, link) {
		if (q->info.signo != signo)
			continue;
		if (found) {
			more = true;
			break;
		}
		found = q;
	}
	if (found) {
		*info = found->info;
		WRITE_ONCE(found->delivered, info->u.timer.overrun);
		list_remove(&found->link);
		sigqueue_free(found);
	} else {
		*info = (struct ksiginfo){ .signo = signo, .code = SI_USER };
	}
	if (!more)
		*pending &= ~SIGNAL_MASK(signo);
	return signo;
}

struct sigqueue *sigqueue_alloc(const struct ksiginfo *info)
{
	struct task *t = current();
	struct user *user;
	struct sigqueue *q;

	if (!t->cred)
		return NULL; /* from a kernel thread or an idle CPU's interrupt: the bit alone
				tells */
	user = t->cred->user;
	if (atomic_load(&user->signals) >= process_limit(RLIMIT_SIGPENDING))
		return NULL;
	q = kmalloc(sizeof(*q), ALLOC_NOWAIT);
	if (!q)
		return NULL;
	atomic_inc(&user->signals);
	*q = (struct sigqueue){ .user = user_hold(user), .info = *info };
	return q;
}
