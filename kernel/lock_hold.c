// SPDX-License-Identifier: MIT
/*
 * What spin locks cost by class, in kernels that are built for it (LOCK_HOLDS, the debug kernel):
 * how often one was taken, how often and how long somebody waited for it, how long it was held.
 *
 * A class is the file and the expression that lock and unlock name it by ("sched.c &rq->lock"): one
 * text, whose address is the key. Macros at the end of lock.h pass it. Who holds a lock keeps its
 * CPU, so each CPU has a short stack of those held, which its own interrupts alone get between:
 * they leave it as they found it. The depth grows before an entry is filled, and falls after it was
 * given up, so an interrupt's entries lie above. Counts are atomic; nothing here takes a lock.
 */
#include "kernel/lock_hold.h"

#include "arch/hw.h"
#include "kernel/lib/atomic.h"
#include "kernel/time.h"

#define CLASSES  256 /* a power of two; there are some 150 */
#define HELD_MAX 16  /* deeper ones are not measured */

struct held {
	const void *lock;
	struct lock_class *class;
	uint64_t since;
};

static struct lock_class classes[CLASSES + 1]; /* the last one is for who finds no other */
static struct held held[NR_CPUS_MAX][HELD_MAX];
static unsigned depth[NR_CPUS_MAX];

static struct lock_class *class_of(const char *name)
{
	uint32_t first = (uint32_t)(uintptr_t)name * 0x9e3779b1u >> 16;

	for (unsigned i = 0; i < CLASSES; i++) {
		struct lock_class *c = &classes[(first + i) % CLASSES];
		const char *there = NULL;

		if (atomic_compare_exchange(&c->name, &there, name) || there == name)
			return c;
	}
	return &classes[CLASSES];
}

static void times_add(struct lock_times *t, uint64_t ticks)
{
	uint64_t least = atomic_load(&t->least), most = atomic_load(&t->most);

	atomic_inc(&t->count);
	atomic_fetch_add(&t->sum, ticks);
	while ((least == 0 || ticks + 1 < least) &&
	       !atomic_compare_exchange(&t->least, &least, ticks + 1))
		;
	while (ticks > most && !atomic_compare_exchange(&t->most, &most, ticks))
		;
}

void lock_taken(const void *lock, const char *name, bool contended, uint64_t began)
{
	struct lock_class *c = class_of(name);
	unsigned cpu = hw_cpu(), at = depth[cpu]++;
	uint64_t now;

	barrier();
	now = hw_counter();
	if (contended)
		times_add(&c->waits, now - began);
	if (at < HELD_MAX)
		held[cpu][at] = (struct held){ lock, c, now };
}

void lock_dropped(const void *lock)
{
	unsigned cpu = hw_cpu(), top = depth[cpu];
	struct held *h = held[cpu];

	for (unsigned i = top; i-- > 0;) {
		if (i >= HELD_MAX || h[i].lock != lock)
			continue;
		times_add(&h[i].class->holds, hw_counter() - h[i].since);
		for (; i + 1 < top && i + 1 < HELD_MAX; i++)
			h[i] = h[i + 1];
		break;
	}
	barrier();
	depth[cpu] = top - 1;
}

static struct lock_times times_in_ns(const struct lock_times *t)
{
	uint64_t least = atomic_load(&t->least);

	return (struct lock_times){
		.count = atomic_load(&t->count),
		.sum = time_of_ticks(atomic_load(&t->sum)),
		.least = least > 0 ? time_of_ticks(least - 1) : 0,
		.most = time_of_ticks(atomic_load(&t->most)),
	};
}

bool lock_class_get(unsigned i, struct lock_class *c)
{
	if (i > CLASSES)
		return false;
	c->name = i < CLASSES ? atomic_load(&classes[i].name) : "others";
	c->waits = times_in_ns(&classes[i].waits);
	c->holds = times_in_ns(&classes[i].holds);
	return true;
}

/* Names stay: locks that are held meanwhile end with their class. */
void lock_classes_reset(void)
{
	for (struct lock_class *c = classes; c <= &classes[CLASSES]; c++) {
		struct lock_times *const both[] = { &c->waits, &c->holds };

		for (unsigned k = 0; k < ARRAY_SIZE(both); k++) {
			atomic_store(&both[k]->count, 0);
			atomic_store(&both[k]->sum, 0);
			atomic_store(&both[k]->least, 0);
			atomic_store(&both[k]->most, 0);
		}
	}
}
