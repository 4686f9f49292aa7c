// SPDX-License-Identifier: MIT
// Private to mm/oom/: candidates, policies, requests. README.md has the theory.
#ifndef MM_OOM_OOM_H
#define MM_OOM_OOM_H

#include "kernel/log.h"
#include "kernel/task.h"
#include "mm/oom.h"

struct aspace;

/* kept for choice and report: the highest scores, and those who are exempt... */
#define OOM_CANDIDATES 48
/* ...the largest of them, which give way to others while there are more than so many */
#define OOM_EXEMPT 12

struct oom_candidate {
	int pid;
	uint64_t start_time; /* with pid, tells the process for sure */
	char name[TASK_NAME_LEN];
	char group[32]; /* the path of its group, as far as it fits; empty: there are no groups */
	uint64_t rss, swapped, tables; /* frames, pages, frames */
	uint64_t shared;               /* of rss: pages of files and of shared memory */
	int adj;                       /* oom_score_adj */
	int urgency;   /* of its most urgent thread: OOM_URGENCY_RT + priority real-time
			  (SCHED_DEADLINE: PRIO_DEADLINE), 20 - nice ordinary, 0 SCHED_IDLE */
	uint64_t grew; /* time_now() of the last new page it took while memory was short, its
			  group's or the machine's; 0: none */
	int64_t score; /* the policy's */
	bool dying; /* killed by somebody, with all who share its memory: they only need memory to
		       end */
	const char *exempt; /* why it may not be chosen, or NULL */
};
#define OOM_URGENCY_RT 41

#define KB(pages) ((uint64_t)(pages) << (PAGE_SHIFT - 10))

enum { OOM_NOBODY = -1, OOM_RESTART = -2 };

/* Pure functions of what they are given, so that a policy is tested by tables. */
struct oom_policy {
	const char *name;
	/* total: frames and slots of the machine, or of the group. More is likelier to be ended. */
	int64_t (*score)(const struct oom_candidate *c, uint64_t total);
	/* The index of the one to end, OOM_NOBODY, or OOM_RESTART: the machine. */
	int (*decide)(const struct oom_candidate *c, unsigned n);
};

/* Defines a policy, in a file of its own: OOM_POLICY(linux) = { "linux", score, oom_highest }; */
#define OOM_POLICY(ident)                                                                          \
	extern const struct oom_policy oom_policy_##ident;                                         \
	static const struct oom_policy *const ident##_entry                                        \
		__attribute__((used, section("oom_policies"))) = &oom_policy_##ident;              \
	const struct oom_policy oom_policy_##ident

/* For policies: memory that its end would give back, moved by oom_score_adj; the highest score that
 * is not exempt, who dies already before all others, at equal scores the younger one. */
int64_t oom_size(const struct oom_candidate *c, uint64_t total);
int oom_highest(const struct oom_candidate *c, unsigned n);
/* The one in force. */
const struct oom_policy *oom_policy(void);

struct oom_request {
	char name[TASK_NAME_LEN]; /* who asked */
	int tid;
	unsigned alloc_flags;
	int prio; /* the highest of those who ask, PRIO_FAIR if none is real-time */
	int pid;  /* of whose process that is; 0: a thread of the kernel */
	enum oom_reason why;
	struct cgroup *group; /* with a reference, or NULL: the whole machine */
};

/* oom_kill() for that reason. */
bool oom_ask_and_wait(enum oom_reason why, unsigned alloc_flags, struct cgroup *group);

/* NULL: there are no groups. */
extern const struct oom_groups *oom_groups;

/* Whom there was no place for: [0] who might have been chosen, [1] who is exempt. */
struct oom_left_out {
	unsigned processes[2];
	uint64_t pages[2]; /* of theirs, with tables */
};

/* Fills c with candidates by p (at most OOM_CANDIDATES, in no order) among the processes of the
 * group (NULL: all) and returns how many. Takes the tree lock. */
unsigned oom_collect(const struct oom_policy *p, const struct cgroup *group,
		     struct oom_candidate *c, struct oom_left_out *left);

/* Finds out who spares its address space, and who lives on it: what oom_is_exempt() says
 * afterwards, until the tree is unlocked, of p, which runs on `as`. The OOM thread; tree lock. */
void oom_note_users(void);
bool oom_is_exempt(struct process *p, const struct aspace *as);

/* Kills the process c names and all that share its memory; with it, where its group says so, all of
 * the group that is not exempt, as far up as `top` (NULL: the root). Marks what the reaper has to
 * do and starts it. The address space with a reference, or NULL: it is gone. */
struct aspace *oom_end(const struct oom_candidate *c, const struct cgroup *top);

/* One line of a report: to the log and, by the OOM thread, to the record. At most 160 bytes. */
void oom_say(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Gives the record's frames back; nobody reads or writes it. For tests. */
void oom_record_forget(void);
/* Who asked, the state of memory and all candidates. chosen: an index, OOM_NOBODY or
 * OOM_RESTART. */
void oom_report(const struct oom_request *r, const struct oom_policy *p,
		const struct oom_candidate *c, unsigned n, const struct oom_left_out *left,
		int chosen);
/* A line for g, and for each group above it below `top` (NULL: the root). Tree lock, or a
 * reference. */
void oom_report_groups(const struct cgroup *g, const struct cgroup *top);

/* One round of the OOM thread: decides, ends, answers all who asked, waits for the end. */
void oom_answer(void);
/* Who waits for an answer looks whether it still has to: it may be the victim. Any task context. */
void oom_look_again(void);
/* Something has changed for the victim that is waited for. Any task context. */
void oom_news(void);

/* Has the reaper take back what is in an address space that ends; takes a reference. Any task
 * context. */
void oom_reap(struct aspace *as);
/* The reaper's work is of that priority from now on: PRIO_FAIR, that of nobody who waits. */
void oom_reap_urgently(int prio);
/* Takes one victim's memory back; false: there is none left. */
bool oom_reap_next(void);
void oom_reaper_init(void);

#endif
