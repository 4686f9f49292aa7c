// SPDX-License-Identifier: MIT
/*
 * Control groups, version 2: a tree of groups; each process is in one. Linux's
 * Documentation/admin-guide/cgroup-v2.rst says how they behave; kernel/README.md how they are made.
 * The files are in kernel/fs/proc/cgroup*.c, the memory controller in mm/memcg.h.
 *
 * Everything is under the process tree's lock, but for what is said. cgroup_mutex, outside it, lets
 * one change of the tree or of its controllers happen at a time: those sleep.
 */
#ifndef KERNEL_CGROUP_H
#define KERNEL_CGROUP_H

#include "kernel/process.h"
#include "kernel/psi.h"
#include "mm/memcg.h"

enum cgroup_controller { CGROUP_MEMORY = 1, CGROUP_PIDS = 2, CGROUP_CONTROLLERS = 3 };

#define CGROUP_NO_LIMIT UINT32_MAX

/* Who may do what with those of its files that chown(2) and chmod(2) can hand on. Written under the
 * inode's mutex. */
struct cgroup_owner {
	uint32_t uid, gid, mode;
};
enum {
	CGROUP_OWNER_DIR,
	CGROUP_OWNER_PROCS,
	CGROUP_OWNER_THREADS,
	CGROUP_OWNER_CONTROL,
	CGROUP_OWNER_REST, /* whoever made the group has its other files for good: limits are not
			      handed on with the directory */
	CGROUP_OWNERS
};

struct cgroup {
	uint32_t refs; /* atomic: being in the tree, the processes in it, groups below, inodes */
	bool dead;     /* removed; still named by who holds a reference */
	uint8_t depth;
	uint8_t control; /* controllers that groups right below have; cgroup_mutex, and this lock to
			    change */
	uint64_t id;
	struct cgroup *parent; /* a reference; NULL: the root */
	struct list children, sibling;
	uint32_t descendants, max_descendants, max_depth;
	uint32_t processes; /* that live, right here */
	uint32_t populated; /* with all below */
	uint32_t events;    /* counts changes of cgroup.events */
	struct {
		uint32_t now, peak, max; /* tasks with all below; not yet reaped ones count */
		uint32_t met;            /* times that a fork met max */
	} pids;
	struct memcg memory;
	struct psi psi;                            /* the root has psi_machine */
	uint32_t psi_files;                        /* open ones, of psi; cgroup_mutex */
	struct cgroup_owner owners[CGROUP_OWNERS]; /* see above */
	char name[];
};

extern struct cgroup cgroup_root;
extern struct waitq cgroup_event_wait; /* pollers of cgroup.events and pids.events */
void cgroup_lock(void);
void cgroup_unlock(void);

struct cgroup *cgroup_get(struct cgroup *g);
void cgroup_put(struct cgroup *g);
/* A new group below parent, with a reference for the caller: -EINVAL (a newline in the name),
 * -ENOENT (parent was removed), -EAGAIN (too deep, too many), -ENOMEM, -ENOSPC. owner: who has its
 * directory and files. Sleeps. */
int cgroup_create(struct cgroup *parent, const char *name, size_t len,
		  const struct cgroup_owner *owner, struct cgroup **out) MUST_CHECK;
/* -EBUSY: processes live in it, or there are groups below. What memory is charged to it goes to the
 * one above. Sleeps. */
int cgroup_remove(struct cgroup *g) MUST_CHECK;
/* The first child with an id >= id and that name (NULL: any): with a reference, or NULL. Sleeps for
 * the lock. */
struct cgroup *cgroup_child(struct cgroup *g, const char *name, size_t len, uint64_t id);
/* Controllers that g has. */
unsigned cgroup_available(const struct cgroup *g);
/* Controllers are given to the groups right below g, or taken: -ENOENT (g has none such), -EBUSY
 * (the groups below use it; processes live in g), -ENODEV (g was removed), -ENOMEM, -ENOSPC: then
 * nothing has changed. Sleeps. */
int cgroup_set_control(struct cgroup *g, unsigned give, unsigned take) MUST_CHECK;
/* The process with thread `tid` (0: the caller's) goes to g, by the rights of `by`: -ESRCH, -EBUSY
 * (g's memory is given to groups below), -EACCES, -ENODEV. A dead one is not moved: 0. thread: that
 * thread alone is to go, which it can where it is already, else -EOPNOTSUPP. */
int cgroup_move(struct cgroup *g, int tid, bool thread, const struct cred *by) MUST_CHECK;
/* The group whose directory is open as fd, with a reference: ERR_PTR: -EBADF; -ENOENT, it was
 * removed. kernel/fs/proc/proc.c. */
struct cgroup *cgroup_of_fd(int fd);
/* SIGKILL to every process in g and below. */
void cgroup_kill(struct cgroup *g);
/* What g measures of its tasks' pressure, which is there until g's psi_close: NULL: g was removed.
 * Sleep. */
struct psi *cgroup_psi_open(struct cgroup *g);
void cgroup_psi_close(struct cgroup *g);
static inline struct psi *cgroup_psi(struct cgroup *g)
{
	return g->parent == NULL ? &psi_machine : &g->psi;
}
/* Writes g's path from the root, "/a/b", as format() does. Tree lock. */
int cgroup_path_locked(const struct cgroup *g, char *buf, size_t size);
/* Is g `top` or below it? */
bool cgroup_is_below(const struct cgroup *g, const struct cgroup *top);

/* ---- For fork, exit and wait; tree locked ---- */

/* Whether current() may have its child, or thread, start in g (NULL: where current() is), by its
 * own rights: as cgroup_move(). */
int cgroup_may_start_locked(const struct cgroup *g, bool thread) MUST_CHECK;
/* A look before a fork's work, the tree not locked: the same, and -EAGAIN when pids.max forbids one
 * more task just now. */
int cgroup_may_fork(struct cgroup *g, bool thread) MUST_CHECK;
/* A task comes to p, in g, which is there already (a thread more) or new: -EAGAIN. */
int cgroup_task_joins_locked(struct process *p, struct cgroup *g) MUST_CHECK;
/* A thread of p's has ended: nobody pays for its stack any more. Before that of the whole
 * process. */
void cgroup_task_ended_locked(struct process *p);
/* A task that has joined p, and ended, has no tid any more. */
void cgroup_task_left_locked(struct process *p);
/* t's pressure is measured in g, in that of its process from its publication on, in the root from
 * its end on. */
void cgroup_measure_locked(struct task *t, struct cgroup *g);
/* p's last thread is gone. */
void cgroup_process_ended_locked(struct process *p);
/* Who pays for the memory of those in g; NULL: nobody. */
struct memcg *cgroup_payer(struct cgroup *g);
/* p's threads are paid for by `to` instead of `from`. */
void cgroup_pay_locked(struct process *p, struct memcg *from, struct memcg *to);
/* Panics when groups' numbers are not those of their frames, for a second: others may be at work.
 * Sleeps. */
void cgroup_check(void);
/* kernel/cgroup_oom.c. */
void cgroup_oom_init(void);
/* The root, before file systems are mounted and tasks made. */
void cgroup_init(void);
/* Process 1 joins it. */
void cgroup_add_first(struct process *first);

#endif
