// SPDX-License-Identifier: MIT
// What the files of pressure share: counting (psi.c), figures (psi_average.c), triggers
// (psi_trigger.c).
#ifndef KERNEL_PSI_INTERNAL_H
#define KERNEL_PSI_INTERNAL_H

#include "kernel/psi.h"

#define PSI_STEP_PAUSE (50 * NSEC_PER_USEC) /* between the steps of a look */

/* A group more or fewer exists. May sleep. */
void psi_groups_add(int n);
/* Goes on to collect what was since the last time, by one CPU: that is what one interrupt bears.
 * True: that was the last one, and it is in p's totals. p->lock held. */
bool psi_collect_step_locked(struct psi *p) MUST_CHECK;
/* Collects all that was until now, in steps. No lock held; thread context. */
void psi_collect(struct psi *p);
/* What is left of averages after `missed` periods of nothing, in 1/2048. */
void psi_average_faded(uint64_t missed, uint32_t faded[3]);
/* Averages (percent, 1/2048) fade so, and go on by one period in which a state had ns of
 * `period`. */
void psi_average_step(uint32_t avg[3], const uint32_t faded[3], uint64_t ns, uint64_t period);
/* The end of a timer's handler: it comes again at the deadline, or when something goes on in p
 * again. No lock held. */
void psi_timer_again(struct psi *p, uint32_t timer, bool again, uint64_t deadline);
void psi_poll_expired(struct timer *t);

#endif
