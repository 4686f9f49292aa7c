// SPDX-License-Identifier: MIT
/*
 * PI futexes: locks of user space whose owner inherits the priority of its waiters.
 *
 * The word holds the owner's tid, 0 when free, and FUTEX_WAITERS while the kernel knows of waiters;
 * without waiters users lock and unlock it by themselves. The first one that has to wait makes a
 * struct pi_state with a kernel mutex that the owner is said to hold, and locks that:
 * kernel/mutex.c does the inheriting. The state lives as long as somebody waits.
 *
 *    lock:    word free and no state -> take it. Else mark WAITERS, find or make the state, lock
 *             its mutex, write the own tid into the word
 *    unlock:  no state -> word 0. Else word := FUTEX_WAITERS ("being handed over": nobody can take
 *             it without the kernel), unlock the mutex
 *    exit:    unlocks what the task holds; the next owner finds FUTEX_OWNER_DIED
 *
 * The word is read and changed under a mutex chosen by the key, so that word and state agree; the
 * wait itself is without it. The list of states, their owners and counts are under a spin lock. A
 * task that would wait for itself, over any number of locks, gets -EDEADLK.
 */
#include <linux/futex.h>

#include "kernel/errno.h"
#include "kernel/futex.h"
#include "kernel/futex_key.h"
#include "kernel/futex_pi.h"
#include "kernel/futex_queue.h"
#include "kernel/pi.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "mm/slab.h"
#include "mm/usercopy.h"

#define WORD_LOCKS 16
#define CHAIN_HOLD 64 /* links looked at in one hold of states_lock */

struct pi_state {
	struct rb_node node;  /* states; states_lock, as all the rest */
	struct futex_key key; /* a reference to its object */
	struct mutex mutex;
	struct task *owner; /* a reference; NULL while it changes hands */
	struct list owned;  /* on owner->futex_owned */
	uint32_t waiters;   /* tasks that wait or are about to; at 0 the state goes */
	bool died;          /* its owner ended with it */
};

static struct mutex word_locks[WORD_LOCKS];
static struct spinlock states_lock;
static struct rb_root states; /* by key: found in bounded time, however many users make */

void futex_pi_init(void)
{
	for (unsigned i = 0; i < WORD_LOCKS; i++)
		mutex_init(&word_locks[i]);
}

static struct mutex *word_lock(const struct futex_key *key)
{
	uint64_t h = ((uintptr_t)key->base >> 4 ^ key->offset >> 2) * 0x9e3779b97f4a7c15ull;

	return &word_locks[h % WORD_LOCKS];
}

/* ---- States; states_lock held ---- */

static bool key_before(const struct futex_key *a, const struct futex_key *b)
{
	return a->base != b->base ? a->base < b->base : a->offset < b->offset;
}

/* Where key's state hangs, or is to be linked below *parent. */
static struct rb_node **place_of(const struct futex_key *key, struct rb_node **parent)
{
	struct rb_node **link = &states.node;

	for (*parent = NULL; *link;) {
		const struct futex_key *k = &rb_entry(*link, struct pi_state, node)->key;

		if (futex_key_equal(key, k))
			break;
		*parent = *link;
		link = &(*link)->child[!key_before(key, k)];
	}
	return link;
}

static struct pi_state *find_locked(const struct futex_key *key)
{
	struct rb_node *parent, *n = *place_of(key, &parent);

	return n ? rb_entry(n, struct pi_state, node) : NULL;
}

/* Returns the task whose reference is to be dropped once the lock is released, or NULL. */
static struct task *disown_locked(struct pi_state *s)
{
	struct task *old = s->owner;

	list_remove(&s->owned);
	s->owner = NULL;
	return old;
}

static void own_locked(struct pi_state *s, struct task *t)
{
	s->owner = task_get(t);
	list_push_back(&t->futex_owned, &s->owned);
}

static void state_free(struct pi_state *s)
{
	futex_key_put(&s->key);
	kfree(s);
}

/* One waiter less; the last one takes the state away. */
static void leave(struct pi_state *s)
{
	struct task *old = NULL;
	bool last;

	spin_lock(&states_lock);
	current()->futex_waits = NULL;
	last = --s->waiters == 0;
	if (last) {
		old = disown_locked(s);
		rb_remove(&states, &s->node);
	}
	spin_unlock(&states_lock);
	if (old)
		task_put(old);
	if (last)
		state_free(s);
}

/* ---- Locking ---- */

/* Whether current(), which is counted as a waiter of s, waits for itself, or behind more locks than
 * anybody needs. The lock is dropped now and then: a circle's tasks all wait, so it is there still;
 * and of those that close it together the last finds it whole. */
static bool is_circle(const struct pi_state *s)
{
	int n = 0;

	spin_lock(&states_lock);
	while (s && s->owner && s->owner != current() && n < PI_CHAIN_MAX) {
		struct task *t = task_get(s->owner);

		if (++n % CHAIN_HOLD == 0) {
			spin_unlock(&states_lock);
			spin_lock(&states_lock);
		}
		s = t->futex_waits;
		task_put(t);
	}
	spin_unlock(&states_lock);
	return s && s->owner;
}

/* A state for key, held by the task with tid, with current() counted as a waiter. Word lock held.
 * ERR_PTR: -ESRCH (no such task, or it is ending), -ENOMEM. */
static struct pi_state *state_create(struct futex_key *key, int tid)
{
	struct task *owner = task_find(tid);
	struct rb_node *parent, **link;
	struct pi_state *s;

	if (!owner)
		return ERR_PTR(-ESRCH);
	s = kmalloc(sizeof(*s), ALLOC_ZERO);
	if (!s) {
		task_put(owner);
		return ERR_PTR(-ENOMEM);
	}
	mutex_init_owned(&s->mutex, owner);
	list_init(&s->owned);
	spin_lock(&states_lock);
	if (owner->exiting) { /* it may have let go of its locks already */
		spin_unlock(&states_lock);
		kfree(s);
		task_put(owner);
		return ERR_PTR(-ESRCH);
	}
	s->key = *key;
	key->object = NULL; /* the state's from now on */
	own_locked(s, owner);
	s->waiters = 1;
	link = place_of(&s->key, &parent);
	rb_insert(&states, &s->node, parent, link);
	current()->futex_waits = s;
	spin_unlock(&states_lock);
	task_put(owner);
	return s;
}

/* The state for key with current() counted as a waiter, NULL when there is none. */
static struct pi_state *state_join(const struct futex_key *key)
{
	struct pi_state *s;

	spin_lock(&states_lock);
	s = find_locked(key);
	if (s) {
		s->waiters++;
		current()->futex_waits = s;
	}
	spin_unlock(&states_lock);
	return s;
}

/* Changes *uaddr from old to new: 0, -EFAULT, or -ERESTART_ALWAYS: it was something else, look
 * again. */
static int change_word(virt_addr_t uaddr, uint32_t old, uint32_t new)
{
	uint32_t seen;
	int err = user_compare_exchange32(uaddr, old, new, &seen);

	return err < 0 ? err : seen == old ? 0 : -ERESTART_ALWAYS;
}

/* Takes a word that is free, or joins those who wait for it: 1 taken; 0 *state is to be waited for;
 * negative errno, -ERESTART_ALWAYS to try again. */
static int take_or_join(virt_addr_t uaddr, struct futex_key *key, bool try, struct pi_state **state)
{
	uint32_t me = (uint32_t)current()->tid, word;
	struct pi_state *s;
	int err = user_load32(&word, uaddr);

	if (err < 0)
		return err;
	if ((word & FUTEX_TID_MASK) == me)
		return -EDEADLK;
	s = state_join(key);
	if (!s) {
		if ((word & FUTEX_TID_MASK) == 0) {
			err = change_word(uaddr, word, me | (word & FUTEX_OWNER_DIED));
			return err < 0 ? err : 1;
		}
		if (try)
			return -EWOULDBLOCK;
		err = change_word(uaddr, word, word | FUTEX_WAITERS);
		if (err < 0)
			return err;
		s = state_create(key, (int)(word & FUTEX_TID_MASK));
		if (IS_ERR(s))
			return PTR_ERR(s);
	}
	*state = s;
	/* Its owner may be waiting for us: then the circle is closed by this very wait. */
	if (!is_circle(s))
		return 0;
	leave(s);
	return -EDEADLK;
}

/* The mutex is ours: so is the word. Word lock held. */
static int become_owner(virt_addr_t uaddr, struct pi_state *s)
{
	uint32_t me = (uint32_t)current()->tid, word, new;
	struct task *old;
	bool others, died;
	int err;

	spin_lock(&states_lock);
	others = s->waiters > 1;
	died = s->died;
	s->died = false;
	old = disown_locked(s);
	if (others)
		own_locked(s, current());
	spin_unlock(&states_lock);
	if (old)
		task_put(old);
	do {
		err = user_load32(&word, uaddr);
		new = me | (others ? FUTEX_WAITERS : 0) | (word & FUTEX_OWNER_DIED) |
		      (died ? FUTEX_OWNER_DIED : 0);
		if (err == 0)
			err = change_word(uaddr, word, new);
	} while (err == -ERESTART_ALWAYS && !task_killed(current()));
	return err;
}

static void forget_owner(struct pi_state *s)
{
	struct task *old;

	spin_lock(&states_lock);
	old = disown_locked(s);
	spin_unlock(&states_lock);
	if (old)
		task_put(old);
}

/* Gives the mutex of s, which is current()'s, to the next waiter. */
static void pass_on(struct pi_state *s)
{
	forget_owner(s);
	mutex_unlock(&s->mutex);
}

/* Waits for s, which counts current(): 0 locked, -ETIMEDOUT, -EINTR, -EFAULT. Whatever comes,
 * current() is no waiter any more. */
static int wait_for(virt_addr_t uaddr, struct futex_key *key, struct pi_state *s, uint64_t deadline)
{
	struct mutex *words = word_lock(key);
	int err;

	if (mutex_owner(&s->mutex) == current()) {
		leave(s); /* the program has tampered with the word */
		return -EDEADLK;
	}
	err = mutex_lock_until(&s->mutex, deadline);
	if (err < 0) {
		leave(s);
		return err;
	}
	mutex_lock(words);
	err = become_owner(uaddr, s);
	if (err < 0)
		pass_on(s);
	leave(s);
	mutex_unlock(words);
	return err;
}

int futex_lock_pi(virt_addr_t uaddr, bool private, bool try, uint64_t deadline)
{
	struct pi_state *s = NULL;
	struct futex_key key, own;
	int err = futex_key_get(uaddr, private, &key);

	if (err < 0)
		return err;
	own = key;
	do {
		mutex_lock(word_lock(&key));
		err = take_or_join(uaddr, &own, try, &s);
		mutex_unlock(word_lock(&key));
	} while (err == -ERESTART_ALWAYS && !signal_pending());
	if (err == 0 && try) {
		leave(s);
		err = -EWOULDBLOCK;
	} else if (err == 0) {
		err = wait_for(uaddr, &key, s, deadline);
	} else if (err > 0) {
		err = 0;
	}
	futex_key_put(&own); /* unless the state has taken it over */
	return err == -EINTR ? -ERESTART_ALWAYS : err;
}

/* The state current() holds for key, kept alive by counting as a waiter; NULL: none; -EPERM:
 * another task's. */
static struct pi_state *state_held(const struct futex_key *key)
{
	struct pi_state *s;

	spin_lock(&states_lock);
	s = find_locked(key);
	if (s && (s->owner != current() || mutex_owner(&s->mutex) != current()))
		s = ERR_PTR(-EPERM);
	else if (s)
		s->waiters++;
	spin_unlock(&states_lock);
	return s;
}

static int unlock_word(virt_addr_t uaddr, const struct futex_key *key)
{
	uint32_t word;
	struct pi_state *s;
	int err = user_load32(&word, uaddr);

	if (err < 0)
		return err;
	if ((word & FUTEX_TID_MASK) != (uint32_t)current()->tid)
		return -EPERM;
	s = state_held(key);
	if (IS_ERR(s))
		return PTR_ERR(s);
	err = change_word(uaddr, word, s ? FUTEX_WAITERS : 0);
	if (!s)
		return err;
	if (err == 0)
		pass_on(s);
	leave(s);
	return err;
}

int futex_unlock_pi(virt_addr_t uaddr, bool private)
{
	struct futex_key key;
	uint32_t word;
	int err = user_load32(&word, uaddr);

	if (err == 0 && (word & FUTEX_TID_MASK) != (uint32_t)current()->tid)
		err = -EPERM; /* whatever else is wrong */
	if (err == 0)
		err = futex_key_get(uaddr, private, &key);
	if (err < 0)
		return err;
	do {
		mutex_lock(word_lock(&key));
		err = unlock_word(uaddr, &key);
		mutex_unlock(word_lock(&key));
	} while (err == -ERESTART_ALWAYS && !task_killed(current()));
	futex_key_put(&key);
	return err;
}

void futex_exit_pi(void)
{
	struct task *t = current();

	for (;;) {
		struct pi_state *s = NULL;

		spin_lock(&states_lock);
		if (!list_empty(&t->futex_owned)) {
			s = list_first(&t->futex_owned, struct pi_state, owned);
			s->waiters++;
			s->died = true;
		}
		spin_unlock(&states_lock);
		if (!s)
			return;
		if (mutex_owner(&s->mutex) == t) {
			pass_on(s);
		} else {
			forget_owner(s);
		}
		leave(s);
	}
}
