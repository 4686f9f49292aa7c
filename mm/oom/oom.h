// SPDX-License-Identifier: MIT
/*
 * The out-of-memory policy, private to mm/oom/: who is ended when neither eviction nor refusal
 * helps.
 *
 *    reclaim_wait --oom_kill--> thread "oom": collect -> score -> decide -> report, kill
 *                                                                                     |
 *                                       thread "oomreaper": aspace_reap at once  <----+
 *
 * Choosing takes the lock of the process tree, which an asker, who may hold an address space's
 * mutex, could not; and reaping takes the victim's mutex, which may be slow to come by. Hence
 * two threads. Both may use the reserve of frames.
 */
#ifndef MM_OOM_OOM_H
#define MM_OOM_OOM_H

#include "kernel/task.h"

struct aspace;

#define OOM_CANDIDATES 48 /* kept for choice and report: the highest scores */

struct oom_candidate {
	int pid;
	uint64_t start_time; /* with pid, tells the process for sure */
	char name[TASK_NAME_LEN];
	uint64_t rss, swapped, tables; /* frames, pages, frames */
	int adj;                       /* oom_score_adj */
	int64_t score;                 /* the policy's */
	bool dying;                    /* has been killed by somebody: only needs memory to end */
	const char *exempt;            /* why it may not be chosen, or NULL */
};

/* Pure functions of what they are given, so that a policy is tested by tables. */
struct oom_policy {
	const char *name;
	/* total: frames and slots of the machine. More is likelier to be ended. */
	int64_t (*score)(const struct oom_candidate *c, uint64_t total);
	/* The index of the one to end, or -1: nobody. */
	int (*decide)(const struct oom_candidate *c, unsigned n);
};
extern const struct oom_policy oom_policy_linux;

struct oom_request {
	char name[TASK_NAME_LEN]; /* who asked */
	int tid;
	unsigned alloc_flags;
};

/* Fills c with the highest scores by p (at most OOM_CANDIDATES, in no order) and returns how
 * many; *seen counts all processes. Takes the tree lock. */
unsigned oom_collect(const struct oom_policy *p, struct oom_candidate *c, unsigned *seen);
/* The state of memory and all candidates, for the log. chosen: an index, or -1. */
void oom_report(const struct oom_request *r, const struct oom_policy *p,
		const struct oom_candidate *c, unsigned n, int chosen);
/* Kills the process c names and all that share its memory. The address space with a reference, or
 * NULL: it is gone. */
struct aspace *oom_end(const struct oom_candidate *c);

/* One round of the OOM thread: decides, ends, waits for the memory, and answers all who asked. */
void oom_answer(void);

/* Has the reaper take back as's memory; consumes the reference. False: the reaper has enough to
 * do, the victim must do it itself. */
bool oom_reap(struct aspace *as, const char *name, int pid);
/* One victim off the reaper's queue; false: there is none. */
bool oom_reap_next(void);
void oom_reaper_init(void);

#endif
