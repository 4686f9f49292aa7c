// SPDX-License-Identifier: MIT
// The out-of-memory policy: asking it for somebody's end, choosing it, reading what it did.
// mm/oom/README.md has the theory.
#ifndef MM_OOM_H
#define MM_OOM_H

#include "kernel/lib/types.h"

struct cgroup;
struct process;

enum oom_reason {
	OOM_MEMORY,    /* an allocation finds nothing, neither free nor to be evicted */
	OOM_THRASHING, /* there are frames, but nobody gets on for paging */
	OOM_TEST,      /* as if there were none (mm/oom_site.h) */
};

/* For an allocation that neither eviction nor refusal can help: picks a process, of the whole
 * machine (group NULL) or of the group whose limit is reached, and ends it. Sleeps, killable when
 * ALLOC_USER is in alloc_flags. True: memory came, somebody is dying or has died, or the caller was
 * killed: try again. False: there is nobody to end. Real-time tasks do not call it. The caller has
 * a reference to the group. */
bool oom_kill(unsigned alloc_flags, struct cgroup *group);
/* Asks for one process's end for that reason and does not wait. False: a decision is under way
 * already, nothing was asked. Task context; does not sleep. The caller has a reference to the group
 * while it calls. */
bool oom_ask(enum oom_reason why, struct cgroup *group);
/* Somebody has asked, or a victim is dying: a hint, any context. */
bool oom_under_way(void);
/* Is p, or who shares its memory, exempt whatever the policy? Kernel tasks are. Takes the tree
 * lock. */
bool oom_spares(struct process *p);
/* Starts the threads of the OOM policy. reclaim_init calls it. */
void oom_init(void);

/* The i-th policy's name, NULL past the last; puts one in force: 0 or -EINVAL. Any time. */
const char *oom_policy_name(unsigned i, bool *in_force);
int oom_policy_choose(const char *name) MUST_CHECK;

/* Hands the text of the last reports to put, piece by piece, oldest first. May sleep; put may
 * not. */
void oom_record_read(void (*put)(void *arg, const char *text, size_t n), void *arg);

/* What the policy must know of groups. All but get and put are called with the process tree locked
 * or by a caller with a reference; none sleeps. */
struct oom_groups {
	void (*get)(struct cgroup *g);
	void (*put)(struct cgroup *g);
	/* Is p in g or in a group below it? Tree lock. */
	bool (*holds)(const struct cgroup *g, const struct process *p);
	/* The highest group with memory.oom.group from p's own up to top (NULL: the root's
	 * children), or NULL: p ends alone. No reference added. Tree lock. */
	struct cgroup *(*unit)(const struct process *p, const struct cgroup *top);
	/* p ends by the policy's decision: counts the event. Tree lock. */
	void (*killed)(struct process *p);
	/* Pages: what g may have, with its swap; what is left of that. */
	uint64_t (*limit)(const struct cgroup *g);
	uint64_t (*room)(const struct cgroup *g);
	/* The path of p's group, as far as it fits. Terminated. Tree lock. */
	void (*path)(const struct process *p, char *buf, size_t size);
	/* A line for the report about the lowest group from *g up whose memory is counted: its
	 * path, usage and limits in KB. Terminated. *g is the one above then. False: there is
	 * none. */
	bool (*describe)(const struct cgroup **g, char *buf, size_t size);
};
/* Once, at boot, before the first group; they stay. */
void oom_set_groups(const struct oom_groups *groups);

#endif
