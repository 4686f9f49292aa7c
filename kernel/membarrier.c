// SPDX-License-Identifier: MIT
/*
 * membarrier(2): the caller makes other threads behave as if each had executed a barrier while the
 * call lasts, so that those threads' own fast paths need none.
 *
 * Every CPU that runs a thread in question is interrupted, executes a DMB, and the caller waits for
 * it. Threads that do not run need nothing: they go and come under their run queue's lock, which
 * the look at what runs takes as well. Who left before the look has released that lock after its
 * last access, and the caller takes it after that; who comes after the look takes it after the
 * caller released it, and sees what the caller wrote before. So it is for a thread that moves
 * meanwhile, CPU by CPU. A thread that changes its address space or gives it up while it runs
 * (exec, exit) executes a DMB first.
 *
 * GLOBAL_EXPEDITED reaches every user task, registered or not: those that are not lose some hundred
 * instructions.
 *
 * The SYNC_CORE commands promise that no thread runs instructions any more that were fetched
 * before. The ERET with which a CPU goes back to user mode is a context synchronization event (DDI
 * 0487, Glossary; SCTLR_EL1.EOS is RES1 without FEAT_ExS): the interrupt's for threads that run,
 * the switch's for the others, the call's for the caller.
 */
#include "kernel/membarrier.h"

#include <linux/membarrier.h>

#include "kernel/irq.h"
#include "kernel/runq.h"
#include "kernel/syscall.h"
#include "mm/aspace.h"

#define COMMANDS                                                                                   \
	(MEMBARRIER_CMD_GLOBAL | MEMBARRIER_CMD_GLOBAL_EXPEDITED |                                 \
	 MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED | MEMBARRIER_CMD_PRIVATE_EXPEDITED |             \
	 MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED | MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE |  \
	 MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE)

static struct mutex barrier_mutex = MUTEX_INIT(barrier_mutex);
static uint64_t
	waited_for; /* CPUs that have not executed the barrier; set under barrier_mutex, atomic */

void membarrier_interrupt(void)
{
	uint64_t bit = cpu_bit((int)hw_cpu());

	hw_mb();
	(void)__atomic_fetch_and(&waited_for, ~bit,
				 __ATOMIC_ACQ_REL); /* acquires what the caller wrote */
}

/* The CPUs that run another thread of as, or, when as is NULL, of any process. */
static uint64_t cpus_that_run(const struct aspace *as)
{
	uint64_t online = atomic_load(&cpus_online), cpus = 0;

	for (int cpu = 0; cpu < NR_CPUS_MAX; cpu++) {
		struct runq *rq = runq_of(cpu);
		const struct aspace *theirs;
		uint64_t irqs;

		if (!(online & cpu_bit(cpu)))
			continue;
		irqs = spin_lock_irq(&rq->lock);
		theirs = rq->curr == current() ? NULL : READ_ONCE(rq->curr->aspace);
		spin_unlock_irq(&rq->lock, irqs);
		if (theirs && (!as || as == theirs))
			cpus |= cpu_bit(cpu);
	}
	return cpus;
}

/* A barrier for all threads of as, or, when as is NULL, of all processes. */
static int64_t barrier_at(const struct aspace *as)
{
	uint64_t cpus;

	mutex_lock(&barrier_mutex);
	hw_mb(); /* the caller's accesses before the looks */
	cpus = cpus_that_run(as);
	atomic_store_release(&waited_for, cpus);
	for (; cpus; cpus &= cpus - 1)
		ipi_send((unsigned)__builtin_ctzll(cpus), IPI_BARRIER);
	while (atomic_load_acquire(
		&waited_for)) /* others have interrupts off for 1,000 instructions at most */
		hw_relax();
	hw_mb();
	mutex_unlock(&barrier_mutex);
	return 0;
}

static int64_t barrier_if(struct aspace *as, uint32_t mark)
{
	return atomic_load(&as->marks) & mark ? barrier_at(as) : -EPERM;
}

SYSCALL(membarrier)
{
	struct aspace *as = current()->aspace;

	if ((unsigned)args[1] != 0) /* the one flag there is belongs to restartable sequences */
		return -EINVAL;
	switch ((int)args[0]) {
	case MEMBARRIER_CMD_QUERY: return COMMANDS;
	case MEMBARRIER_CMD_GLOBAL:
	case MEMBARRIER_CMD_GLOBAL_EXPEDITED: return barrier_at(NULL);
	case MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED: return 0;
	case MEMBARRIER_CMD_PRIVATE_EXPEDITED: return barrier_if(as, SPACE_BARRIER);
	case MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE: return barrier_if(as, SPACE_BARRIER_CORE);
	case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED:
		atomic_fetch_or(&as->marks, SPACE_BARRIER);
		return 0;
	case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE:
		atomic_fetch_or(&as->marks, SPACE_BARRIER_CORE);
		return 0;
	default: return -EINVAL;
	}
}
