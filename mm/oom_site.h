// SPDX-License-Identifier: MIT
/*
 * Memory that ends in every allocation, one after the other: for tests, in debug kernels alone
 * (OOM_SITES). Once armed, the next allocation that may sleep, made by a process with an
 * oom_score_adj of 999 or 1000 on a call path that was not met before, asks for somebody's end
 * whatever is free, and waits for it, with all the locks that its caller holds. Who has 1000 goes
 * first: the process itself, or another.
 */
#ifndef MM_OOM_SITE_H
#define MM_OOM_SITE_H

#include "kernel/lib/types.h"

#ifdef OOM_SITES
/* Asked by every allocation of frames and objects, with its flags: true, it fails, as the caller
 * has been ended. Sleeps where they allow that. */
bool oom_site(unsigned alloc_flags);
/* /proc/sys/vm/oom_site: arms the next; says how many were met, and whether one is still waited
 * for. */
void oom_site_arm(void);
bool oom_site_armed(unsigned *met);
#else
static inline bool oom_site(unsigned alloc_flags)
{
	(void)alloc_flags;
	return false;
}
#endif

#endif
