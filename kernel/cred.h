// SPDX-License-Identifier: MIT
/*
 * Who a task is: user and group ids. A struct cred never changes once a task points to it, so the
 * task itself reads its own without a lock; a change makes a new one (kernel/cred.c,
 * kernel/caps.c). What only some may do is asked for by capability, as capabilities(7) names them:
 * the superuser has them all until it gives some up.
 */
#ifndef KERNEL_CRED_H
#define KERNEL_CRED_H

#include <linux/capability.h>

#include "kernel/lib/atomic.h"
#include "kernel/lib/types.h"

#define CRED_GROUPS_MAX 32 /* supplementary groups: setgroups(2) beyond is -EINVAL */

#define CAPS_ALL ((1ull << (CAP_LAST_CAP + 1)) - 1)

struct process;
struct task;

/* capabilities(7): sets of bits, bit n for capability n. */
struct caps {
	uint64_t effective, permitted, inheritable, bounding, ambient;
	uint64_t secure; /* SECBIT_... */
};

/* One per user id in use: what is counted per user. Counters are atomic. */
struct user {
	struct user *next;   /* on the list of users; its lock */
	uint32_t uid, refs;  /* of whoever is one, or counts in it */
	uint32_t tasks;      /* against RLIMIT_NPROC */
	uint32_t signals;    /* queued, against RLIMIT_SIGPENDING */
	uint32_t pipe_pages; /* that pipes may fill, against pipe_limits (kernel/fs/pipe.h) */
};

struct cred {
	uint32_t refs;
	uint32_t uid, euid, suid, fsuid;
	uint32_t gid, egid, sgid, fsgid;
	struct user *user; /* of uid; a reference */
	struct caps caps;
	uint32_t ngroups;
	uint32_t groups[CRED_GROUPS_MAX];
};

/* A further reference to a user somebody has, and its end. Any context but interrupts. */
static inline struct user *user_hold(struct user *user)
{
	atomic_inc(&user->refs);
	return user;
}
void user_put(struct user *user);

struct cred *cred_get(struct cred *c);
void cred_put(struct cred *c);
/* The credentials of any task, with a reference. Takes the task's process lock. */
struct cred *cred_of_task(struct task *t);
/* Root's, for process 1, with a reference. */
struct cred *cred_init(void);

/* True when egid, fsgid or a supplementary group of c is gid. */
bool cred_in_group(const struct cred *c, uint32_t gid);
static inline bool cred_capable(const struct cred *c, unsigned cap)
{
	return c->caps.effective >> cap & 1;
}
/* The running task's capability; kernel threads have all. */
bool current_capable(unsigned cap);

/* May the running task look into p, or take what is p's (ptrace(2), "Ptrace access mode checking")?
 * Asked with its ids for files, or else with its real ones. 0, -EPERM, or -ESRCH: p has been
 * reaped. */
int process_may_inspect(struct process *p, bool fs_ids) MUST_CHECK;

/* kernel/cred.c and kernel/caps.c between themselves. */
/* A copy of current()'s credentials for editing; NULL: no memory. */
struct cred *cred_prepare(void);
/* Whether u, but for the superuser, has more tasks than current()'s RLIMIT_NPROC. */
bool user_above_nproc(const struct user *u);
/* Puts c (consumed) in place; a changed real uid moves the task to that user's account. 0 or
 * -ENOMEM (nothing changed). */
int cred_commit(struct cred *c);
/* What becomes of c's capabilities when its user ids were old's (capabilities(7), "Effect of user
 * ID changes on capabilities"). */
void caps_follow_uids(struct cred *c, const struct cred *old);
void caps_follow_fsuid(struct cred *c, const struct cred *old);
/* execve(2)'s part: the new program's credentials. 0 or -ENOMEM (nothing changed). */
int cred_exec(void) MUST_CHECK;
/* prctl(2)'s options about capabilities; any other: -EINVAL. */
int64_t caps_prctl(const uint64_t *args);

#endif
