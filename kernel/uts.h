// SPDX-License-Identifier: MIT
// The system's names, as uname(2) and /proc/sys/kernel show them. Programs look at the release to
// see what a Linux of that age would offer.
#ifndef KERNEL_UTS_H
#define KERNEL_UTS_H

#include "kernel/lib/types.h"

struct new_utsname; /* linux/utsname.h */

#define UTS_SYSNAME "Linux" /* the system call ABI that is spoken here */
#define UTS_RELEASE "6.1.0-granule"
#define UTS_VERSION "#1 SMP PREEMPT_RT Granule"

void uts_fill(struct new_utsname *u);
/* n bytes, cut at 64. */
void uts_set_hostname(const char *name, size_t n);

#endif
