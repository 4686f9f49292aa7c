// SPDX-License-Identifier: MIT
/*
 * Growing stacks: a fault below an area with AREA_GROWSDOWN extends it down to the faulting page,
 * within RLIMIT_STACK, and never closer than STACK_GUARD to what lies below, so that running away
 * ends in SIGSEGV and not in a neighbour's memory. Placement keeps the same distance (area.c).
 * Memory that cannot be accessed (PROT_NONE: a program's own guard) may be closer.
 */
#include "mm/aspace_internal.h"

int stack_grow(struct aspace *as, struct area *a, virt_addr_t va)
{
	struct area *prev = area_prev(a);
	uint64_t more;
	int err;

	va &= PAGE_MASK;
	more = bytes_to_pages(a->start - va);
	if (a->end - va > as->limit.stack)
		return -ENOMEM;
	if (prev != NULL && (prev->flags & AREA_RIGHTS) && !(prev->flags & AREA_GROWSDOWN) &&
	    (va < prev->end || va - prev->end < STACK_GUARD))
		return -ENOMEM;
	if (prev != NULL && va < prev->end)
		return -ENOMEM;
	err = limits_check(as, more, 0, a->flags);
	if (err == 0 && (a->flags & AREA_ACCOUNT))
		err = commit_reserve(as, more, more);
	if (err == 0)
		err = unshare_range(as, va, a->start);
	if (err == 0)
		area_resize(as, a, va, a->end);
	commit_settle(as);
	return err ? -ENOMEM : 0;
}
