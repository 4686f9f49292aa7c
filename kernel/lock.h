// SPDX-License-Identifier: MIT
/*
 * Locks. A spin lock is a ticket lock that turns preemption off: hold it for bounded work only
 * (about 1,000 instructions). The _irq forms also mask interrupts and are for data that interrupt
 * handlers touch. A mutex inherits priority along chains of owners; it sleeps, so it may not be
 * taken under a spin lock or in an interrupt. Lock order stands in each room's README.md.
 */
#ifndef KERNEL_LOCK_H
#define KERNEL_LOCK_H

#include "arch/hw.h"
#include "kernel/lib/atomic.h"
#include "kernel/lib/list.h"
#include "kernel/preempt.h"

struct spinlock {
	uint16_t owner, next; /* ticket being served, ticket to be handed out */
};

#define SPINLOCK_INIT                                                                              \
	{                                                                                          \
		0, 0                                                                               \
	}

static inline void spin_init(struct spinlock *l)
{
	l->owner = l->next = 0;
}

static inline bool spin_trylock_raw(struct spinlock *l)
{
	uint16_t owner = atomic_load(&l->owner), expected = owner;

	return __atomic_compare_exchange_n(&l->next, &expected, (uint16_t)(owner + 1), false,
					   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static inline void spin_unlock_raw(struct spinlock *l)
{
	atomic_store_release(&l->owner, (uint16_t)(l->owner + 1));
}

/* Inline for speed; what is compiled for size calls the one copy in lock.c. */
#if defined(__OPTIMIZE_SIZE__) && !defined(SPIN_INLINE)
/* Takes l without touching preemption: for callers that have it off already. */
void spin_lock_raw(struct spinlock *l);
void spin_lock(struct spinlock *l);
void spin_unlock(struct spinlock *l);
uint64_t MUST_CHECK spin_lock_irq(struct spinlock *l);
void spin_unlock_irq(struct spinlock *l, uint64_t old);
#else
#ifndef SPIN_INLINE
#define SPIN_INLINE static inline
#endif

SPIN_INLINE void spin_lock_raw(struct spinlock *l)
{
	uint16_t ticket = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);

	if (unlikely(atomic_load_acquire(&l->owner) != ticket))
		hw_spin_wait(&l->owner, ticket);
}

SPIN_INLINE void spin_lock(struct spinlock *l)
{
	preempt_disable();
	spin_lock_raw(l);
}

SPIN_INLINE void spin_unlock(struct spinlock *l)
{
	spin_unlock_raw(l);
	preempt_enable();
}

/* Interrupts that are off keep the CPU to its task: preemption is not counted as well. */
SPIN_INLINE uint64_t MUST_CHECK spin_lock_irq(struct spinlock *l)
{
	uint64_t old = hw_irq_save();

	spin_lock_raw(l);
	return old;
}

SPIN_INLINE void spin_unlock_irq(struct spinlock *l, uint64_t old)
{
	spin_unlock_raw(l);
	preempt_irq_restore(old);
}
#endif

static inline bool spin_trylock(struct spinlock *l)
{
	preempt_disable();
	if (spin_trylock_raw(l))
		return true;
	preempt_enable();
	return false;
}

/* True while anybody holds l: for assertions that a caller took it. */
static inline bool spin_held(const struct spinlock *l)
{
	return atomic_load(&l->owner) != atomic_load(&l->next);
}

/* A kernel that counts takings of spin locks and how long each is held. */
#ifndef LOCK_HOLDS
#define LOCK_HOLDS 0
#endif
#if LOCK_HOLDS
#include "kernel/lock_hold.h"
#define LOCK_CLASS(l) __FILE_NAME__ " " #l
/* take: a statement that uses l_ */
#define SPIN_TAKE(l, take)                                                                         \
	({                                                                                         \
		struct spinlock *l_ = (l);                                                         \
		bool contended_ = spin_held(l_);                                                   \
		uint64_t began_ = hw_counter();                                                    \
		take;                                                                              \
		lock_taken(l_, LOCK_CLASS(l), contended_, began_);                                 \
	})
#define SPIN_TRY(l, try)                                                                           \
	({                                                                                         \
		struct spinlock *l_ = (l);                                                         \
		bool taken_ = try(l_);                                                             \
		if (taken_)                                                                        \
			lock_taken(l_, LOCK_CLASS(l), false, 0);                                   \
		taken_;                                                                            \
	})
#define spin_lock_raw(l) SPIN_TAKE(l, spin_lock_raw(l_))
#define spin_lock(l)     SPIN_TAKE(l, spin_lock(l_))
#define spin_lock_irq(l)                                                                           \
	({                                                                                         \
		uint64_t flags_;                                                                   \
		SPIN_TAKE(l, flags_ = spin_lock_irq(l_));                                          \
		flags_;                                                                            \
	})
#define spin_trylock_raw(l)     SPIN_TRY(l, spin_trylock_raw)
#define spin_trylock(l)         SPIN_TRY(l, spin_trylock)
#define spin_unlock_raw(l)      (lock_dropped(l), spin_unlock_raw(l))
#define spin_unlock(l)          (lock_dropped(l), spin_unlock(l))
#define spin_unlock_irq(l, old) (lock_dropped(l), spin_unlock_irq(l, old))
#endif

struct mutex_waiter;
struct task;

struct mutex {
	struct spinlock lock;
	/* The task, plus bit 0 while tasks wait, or did until now: that bit is changed under lock,
	 * the rest by compare-exchange too. */
	uintptr_t owner;
	/* By priority; under lock. */
	struct list waiters;
	/* Of these the one on the owner's list of those that it inherits from, or NULL; under lock,
	 * the list under the owner's pi_lock. */
	struct mutex_waiter *lender;
};

#define MUTEX_INIT(name)                                                                           \
	{                                                                                          \
		SPINLOCK_INIT, 0, LIST_INIT((name).waiters), NULL                                  \
	}

void mutex_init(struct mutex *m);
/* Sleep until m is ours; the owner inherits our priority meanwhile. Task context, preemption on. */
void mutex_lock(struct mutex *m);
/* As mutex_lock, but a fatal signal ends the wait: 0 or -EINTR (then m is not held). */
int mutex_lock_killable(struct mutex *m) MUST_CHECK;
/* As mutex_lock, but every unblocked signal ends the wait, and so does the deadline (time_now(),
 * ns; UINT64_MAX: none): 0, -EINTR or -ETIMEDOUT. For users' locks (PI futexes). */
int mutex_lock_until(struct mutex *m, uint64_t deadline) MUST_CHECK;
/* A mutex that `owner` holds already without having taken it. owner must unlock it, and be alive
 * meanwhile. */
void mutex_init_owned(struct mutex *m, struct task *owner);
bool mutex_trylock(struct mutex *m) MUST_CHECK;
/* m must stay valid until this returns, even when another task can already take it. */
void mutex_unlock(struct mutex *m);
/* True when the running task holds m. */
bool mutex_held(const struct mutex *m);
/* Nobody holds m, nor waits for it. Any context; what its last holder wrote is seen. */
static inline bool mutex_is_free(const struct mutex *m)
{
	return atomic_load_acquire(&m->owner) == 0;
}
/* The task that holds m, or NULL; it may change at any moment unless the caller holds m or m's
 * waiters know better. */
struct task *mutex_owner(const struct mutex *m);

#endif
