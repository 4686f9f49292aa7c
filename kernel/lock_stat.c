// SPDX-License-Identifier: MIT
/*
 * Lock statistics: how often somebody had to wait for a lock, where, and for how long.
 *
 * Only waiting is counted, for only that is free: who finds a lock taken has time to count, and who
 * does not pays nothing. So there is no count of acquisitions; and how long locks are held is what
 * /proc/latency finds, as a spin lock's hold is a section without preemption.
 *
 * A place is the address behind the attempt, and what the link register held there: of the
 * functions of kernel/lock.c, which call nothing, that is their caller; elsewhere the last call
 * before, or the caller. Kernel addresses differ in their lower halves alone, so a place is one
 * word, and finding or claiming its line is a compare-exchange; sums are atomic. Nothing here takes
 * a lock.
 */
#include "kernel/lock_stat.h"

#include "kernel/lock.h"
#include "kernel/time.h"

#define PLACES 128 /* a power of two; a kernel under heavy load fills a half */
/* places that a key may be at: who looks holds the lock already, and others wait */
#define PROBES     4
#define KERNEL_TOP ((virt_addr_t)0xffffffff << 32)
#define MUTEX_BIT  1 /* of a site, which is a multiple of 4 */

struct place {
	uint64_t key; /* the lower halves of caller and site; 0: free */
	uint64_t ns;
	uint64_t longest;
	uint32_t waits;
};

static struct place places[PLACES + 1]; /* the last one is for who finds no other */

static struct place *place_of(uint64_t key)
{
	unsigned first = (unsigned)((key ^ key >> 32) * 0x9e3779b1u >> 16);

	for (unsigned i = 0; i < PROBES; i++) {
		struct place *p = &places[(first + i) % PLACES];
		uint64_t there = 0;

		if (atomic_compare_exchange(&p->key, &there, key) || there == key)
			return p;
	}
	return &places[PLACES];
}

void lock_waited(enum lock_kind kind, virt_addr_t site, virt_addr_t caller, uint64_t ns)
{
	uint32_t low = (uint32_t)site | (kind == LOCK_MUTEX ? MUTEX_BIT : 0);
	struct place *p = place_of((uint64_t)(uint32_t)caller << 32 | low);
	uint64_t longest = atomic_load(&p->longest);

	atomic_inc(&p->waits);
	atomic_fetch_add(&p->ns, ns);
	while (ns > longest && !atomic_compare_exchange(&p->longest, &longest, ns))
		;
}

/* What a spin lock does whose ticket's turn has not come (hw_spin_wait()). */
void spin_wait(const uint16_t *owner, uint16_t ticket, virt_addr_t site, virt_addr_t caller)
{
	uint64_t begin = hw_counter();

	while (atomic_load_acquire(owner) != ticket)
		hw_relax();
	lock_waited(LOCK_SPIN, site, caller, time_of_ticks(hw_counter() - begin));
}

static virt_addr_t address(uint32_t low)
{
	return low != 0 ? KERNEL_TOP | low : 0;
}

bool lock_waits(unsigned i, struct lock_waits *w)
{
	uint64_t key;

	if (i > PLACES)
		return false;
	key = atomic_load(&places[i].key);
	*w = (struct lock_waits){
		.kind = key & MUTEX_BIT ? LOCK_MUTEX : LOCK_SPIN,
		.site = address((uint32_t)key & ~(uint32_t)MUTEX_BIT),
		.caller = address((uint32_t)(key >> 32)),
		.waits = atomic_load(&places[i].waits),
		.ns = atomic_load(&places[i].ns),
		.longest = atomic_load(&places[i].longest),
	};
	return true;
}

void lock_waits_reset(void)
{
	for (struct place *p = places; p <= &places[PLACES]; p++) {
		atomic_store(&p->key, 0);
		atomic_store(&p->waits, 0);
		atomic_store(&p->ns, 0);
		atomic_store(&p->longest, 0);
	}
}
