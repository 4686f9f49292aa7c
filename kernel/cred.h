// SPDX-License-Identifier: MIT
/*
 * Who a task is: user and group ids. A struct cred never changes once a task points to it, so the task itself reads its own without a
 * lock; a change makes a new one (kernel/cred.c). Privilege is simple: effective user 0 may do everything, nobody else
 * anything special; the capability calls report just that.
 */
#ifndef KERNEL_CRED_H
#define KERNEL_CRED_H

#include "kernel/lib/types.h"

#define CRED_GROUPS_MAX 32 /* supplementary groups: setgroups(2) beyond is -EINVAL */

struct task;

/* One per user id in use: what is counted per user. Counters are atomic. */
struct user {
	struct user *next; /* on the list of users; its lock */
	uint32_t uid, refs;
	uint32_t tasks;   /* against RLIMIT_NPROC */
	uint32_t signals; /* queued, against RLIMIT_SIGPENDING */
};

struct cred {
	uint32_t refs;
	uint32_t uid, euid, suid, fsuid;
	uint32_t gid, egid, sgid, fsgid;
	struct user *user; /* of uid; a reference */
	uint32_t ngroups;
	uint32_t groups[CRED_GROUPS_MAX];
};

struct cred *cred_get(struct cred *c);
void cred_put(struct cred *c);
/* The credentials of any task, with a reference. Takes the task's process lock. */
struct cred *cred_of_task(struct task *t);
/* Root's, for process 1, with a reference. */
struct cred *cred_init(void);

/* True when egid, fsgid or a supplementary group of c is gid. */
bool cred_in_group(const struct cred *c, uint32_t gid);
/* True when c may do what only the superuser may. */
static inline bool cred_privileged(const struct cred *c)
{
	return c->euid == 0;
}
/* The running task's privilege; kernel threads have all. */
bool current_privileged(void);

#endif
