// SPDX-License-Identifier: MIT
/*
 * Faults of several threads of one process at the same time.
 *
 * Areas and upper tables change under the address space's mutex, entries under their leaf table's
 * lock. A fault that changes nothing but an entry needs the first two only to stand still, so it
 * does not take the mutex but says, in this CPU's slot, that it is at work, and goes on if nobody
 * has the mutex. Whoever has taken the mutex looks at the slots and waits for those that are at
 * work (aspace_mutex_lock()). One of the two sees the other, as each has a barrier between its word
 * and its look. Nothing is written that CPUs share but the table's lock, and a mutex that somebody
 * waits for turns faults away, so they do not keep its takers waiting.
 *
 * A fault at work has preemption off, and is short: it finds its area and table, and has an entry
 * that is none, present, or of a page in the swap cache, in an area of private anonymous memory
 * without huge or locked pages. It allocates without waiting. Whatever else it comes to, it leaves
 * to the way with the mutex, which decides everything anew.
 *
 * Only address spaces that threads share are `parallel` (from the first thread on, for good):
 * others do not look at slots.
 */
#include "mm/aspace_internal.h"

#include "mm/memcg.h"

static struct {
	struct aspace *at; /* whose fault this CPU is at work on; preemption off */
} __attribute__((aligned(64))) slots[NR_CPUS_MAX];

#define OTHER_WAYS (AREA_HUGEPAGE | AREA_LOCKED | AREA_HUGETLB)

bool aspace_faults_on(const struct aspace *as, unsigned cpu)
{
	return atomic_load_acquire(&slots[cpu].at) == as;
}

void aspace_wait_faults(struct aspace *as)
{
	hw_mb(); /* the mutex is ours before the look; pairs with the one in fault_parallel() */
	for (unsigned cpu = 0; cpu < NR_CPUS_MAX; cpu++)
		while (aspace_faults_on(as, cpu))
			hw_relax();
}

NOINLINE void aspace_mutex_lock_call(struct aspace *as)
{
	aspace_mutex_lock(as);
}

void aspace_make_parallel(struct aspace *as)
{
	if (as->parallel)
		return;
	mutex_lock(&as->mutex);
	as->parallel = true;
	mutex_unlock(&as->mutex);
}

/* Areas and tables stand still. True: resolved. */
static bool resolve(struct fault *f)
{
	const struct area *a = area_find(f->as, f->va);

	if (a == NULL || a->object != NULL || (a->flags & OTHER_WAYS))
		return false;
	if (f->access & FAULT_WRITE) {
		/* What is most likely needed; the way through fault.c may not allocate. */
		f->frame = page_alloc(ALLOC_USER | ALLOC_GROWS | ALLOC_NOWAIT | ALLOC_ZERO);
		if (f->frame == NULL)
			return false;
		f->frame_zeroed = true;
	}
	return fault_handle(f) == 0;
}

NOINLINE bool fault_parallel(struct aspace *as, virt_addr_t va, unsigned access)
{
	bool resolved = false;
	unsigned cpu;
	struct fault f;

	fault_begin(&f, as, va & PAGE_MASK, access | FAULT_PARALLEL);
	preempt_disable();
	cpu = hw_cpu();
	atomic_store(&slots[cpu].at, as);
	hw_mb(); /* DDI 0487, B2.3.12 (DMB): our word before the look at the mutex */
	if (mutex_is_free(&as->mutex))
		resolved = resolve(&f);
	atomic_store_release(&slots[cpu].at, NULL);
	preempt_enable();
	if (f.frame != NULL || f.copied != NULL || f.slot != 0)
		fault_release(&f);
	if (resolved) {
		current()->minflt++;
		vm_count(VM_PGFAULT, 1);
		if (unlikely(memory_group() != 0))
			memcg_count_fault(false);
	}
	return resolved;
}
