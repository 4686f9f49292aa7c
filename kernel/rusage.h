// SPDX-License-Identifier: MIT
// What was used, in the form of getrusage(2).
#ifndef KERNEL_RUSAGE_H
#define KERNEL_RUSAGE_H

#include <linux/time.h> /* struct timeval, which the next one needs */
#include <linux/resource.h>

struct usage; /* kernel/process.h */

void rusage_fill(struct rusage *ru, const struct usage *u);

#endif
