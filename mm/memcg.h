// SPDX-License-Identifier: MIT
/*
 * The memory of groups: who pays for a frame, and how much a group may have.
 *
 * A frame got with ALLOC_USER carries the number of the group that pays for it, page->u.lru.group,
 * from page_alloc() until it is free, whatever it becomes meanwhile; so do frames of slabs that a
 * group's task made, and swap slots. A group's usage counts those of all below it. What belongs to
 * no group carries 0 and is counted nowhere: the root's numbers are the machine's. mm/README.md has
 * a charge's way.
 */
#ifndef MM_MEMCG_H
#define MM_MEMCG_H

#include "kernel/task.h"
#include "mm/page.h"

struct cgroup;

#define MEMCG_NO_LIMIT UINT32_MAX
/* that a task counts as: its kernel stack, and one for its structures */
#define MEMCG_TASK_FRAMES 5
#define MEMCG_DEPTH       16 /* levels of groups below the root, at most */

enum memcg_event {
	MEMCG_LOW, /* reclaimed though below `low` */
	MEMCG_HIGH,
	MEMCG_MAX, /* a charge met `max` */
	MEMCG_OOM,
	MEMCG_OOM_KILL,
	MEMCG_OOM_GROUP_KILL,
	MEMCG_SWAP_HIGH,
	MEMCG_SWAP_MAX,
	MEMCG_SWAP_FAIL,
	MEMCG_EVENTS
};

/* Inside struct cgroup. Numbers are pages. All under memcg's lock, read by anyone. */
struct memcg {
	uint16_t id;          /* 0: the controller is off, the group above pays */
	struct memcg *parent; /* NULL: the root, which counts nothing */
	struct cgroup *cgroup;
	uint32_t usage, peak; /* with all below */
	uint32_t own;         /* frames that carry id, or will: charges under way */
	uint32_t tasks;       /* that count in it */
	uint32_t pins;        /* who has it over a sleep */
	uint32_t swap, swap_peak, own_swap;
	uint32_t max, high, low, min, swap_max, swap_high;
	uint32_t min_kept, low_kept; /* of the groups right below: the sum of what is protected */
	pfn_t hand;                  /* where the search for pages to evict goes on */
	uint32_t events[MEMCG_EVENTS], own_events[MEMCG_EVENTS]; /* with all below; here */
	uint32_t scanned, stolen;                                /* for its own limits */
	uint64_t faults, major_faults;                           /* with all below */
	uint32_t oom_group; /* 1: it ends as a whole; no lock */
	uint32_t low_round; /* reclaim_rounds when MEMCG_LOW was counted last */
};

/* Which group pays for what current() allocates; 0: none. */
static inline unsigned memory_group(void)
{
	const uint16_t *group = current()->memory_group;

	return group == NULL ? 0 : READ_ONCE(*group);
}

/* ---- Charges: for the allocator ---- */

/* page_alloc() with ALLOC_USER for a group's task. Beyond a limit it has the group's pages evicted
 * and waits, or ends a task in it; real-time tasks, OOM victims and the daemon never wait but
 * exceed. ALLOC_NOWAIT fails instead. NULL as page_alloc(). */
struct page *memcg_page_alloc(unsigned flags) MUST_CHECK;
/* A fault found no memory. True: the task's group refused it, and nobody there may be ended; a
 * moment later: to be tried again. Sleeps, killable. */
bool memcg_refused(void);
/* current()'s group pays for n single frames, if that is within its limits: true. Any context. */
bool memcg_charge_run(struct page *p, unsigned n) MUST_CHECK;
/* Likewise for a block of 2^order frames that the kernel uses, a slab or what kmalloc() gives,
 * whatever the limits: reclaim follows on the way to user mode. */
void memcg_charge_block(struct page *head);
/* Group id pays for p, if nobody does yet, whatever its limits: swapoff brought it back. Any
 * context. */
void memcg_charge_to(struct page *p, unsigned id);
/* p, on its way to be free, may carry a group; the frames of a block may. Any context. */
void memcg_uncharge(struct page *p);
void memcg_uncharge_block(struct page *head);

/* current()'s group, or one above, has next to nothing left of its limits: what it waits for is its
 * own affair, not the machine's. Any context. */
bool memcg_tight(void);

/* ---- Swap slots: the daemon charges under swap.lock, anyone gives back ---- */

bool memcg_swap_has_room(unsigned id);
/* False: that group is gone, nobody pays. */
bool memcg_swap_charge(unsigned id) MUST_CHECK;
void memcg_swap_uncharge(unsigned id);

/* ---- Reclaim ---- */

/* Is a page for which group id pays spared by a reclaim for `root` (NULL: of the machine)? force:
 * only what is below `min` is; a round in which that made a difference is an event MEMCG_LOW. Any
 * context but interrupts. */
bool memcg_spares(unsigned id, const struct memcg *root, bool force);
/* Up to n pages that group m or one below pays for, each with a reference and off its list, from
 * its hand on. *left: frames still to be looked at, 0: enough. The daemon's. */
unsigned memcg_isolate(struct memcg *m, struct page **pages, unsigned n, uint32_t *left);
void memcg_count_reclaim(struct memcg *m, unsigned scanned, unsigned stolen);
/* How many frames there are to look at. */
uint32_t memcg_span(void);

/* ---- The groups: for kernel/cgroup.c, which serialises these calls (its mutex) ---- */

/* m, zeroed or closed, pays from now on; without limits. parent: the one above that does, or NULL.
 * -ENOMEM; -ENOSPC: too many groups. */
int memcg_open(struct memcg *m, struct memcg *parent, struct cgroup *cgroup) MUST_CHECK;
/* Nothing pays into m any more but charges under way: waits for those, and hands what is left to
 * the one above. No tasks count in it, none is below. Sleeps. */
void memcg_close(struct memcg *m);
/* n tasks more, or less (negative), count in m, or in none (NULL). Any context. */
void memcg_tasks_add(struct memcg *m, int n);

/* m stays open until it is unpinned, which may be long: false: it is closed. */
bool memcg_pin(struct memcg *m) MUST_CHECK;
void memcg_unpin(struct memcg *m);
/* Sets one of m's limits: max, high, low, min, swap_max, swap_high. Any context. */
void memcg_set_limit(struct memcg *m, uint32_t *limit, uint32_t pages);
/* Evicts what m has beyond its limits; beyond max it ends tasks in it until that holds or there is
 * nobody left to end, or a signal for current() comes: what is left then goes as more is charged.
 * Sleeps. */
void memcg_enforce(struct memcg *m);
/* Evicts up to n pages of m: 0, -EAGAIN: not that many, -EINTR: a signal came before there were.
 * May sleep. */
int memcg_reclaim(struct memcg *m, uint32_t n) MUST_CHECK;
void memcg_count_event(struct memcg *m, enum memcg_event e);
/* Pages of m's events or swap's changed: sleepers on this queue look again. */
extern struct waitq memcg_event_wait;

/* A page fault of current()'s is over. Task context. */
void memcg_count_fault(bool major);
/* On the way to user mode, when current()->memory_over: evicts what its groups have too much and
 * delays the task, the longer the more that is and the more pages of it are its own; what is beyond
 * swap_high delays alone. A delay that is too short to be worth a sleep is left for the next
 * time. */
void memcg_settle(void);
/* In the middle of a call, after pages that were got without waiting: evicts some of what
 * current()'s groups have too much, if they have got much beyond high by it. Sleeps. */
void memcg_breathe(void);

/* What m and all below have, frame by frame; m NULL: the machine. Preemptible; a snapshot. In
 * pages. */
struct memcg_stat {
	uint32_t anon, file;
	uint32_t kernel_stack; /* with all else of tasks */
	uint32_t pagetables, shmem, file_mapped, file_dirty, file_writeback, swapcached;
	uint32_t lists[5]; /* as enum lru_list */
	uint32_t slab;
	uint32_t kernel; /* what else of the kernel's: buffers */
};
void memcg_stat(const struct memcg *m, struct memcg_stat *st);
/* Whether every group's numbers are those of its frames, tasks and the groups below it, when
 * nothing is under way; logs what is not. For tests and the debug kernel. */
bool memcg_check(void) MUST_CHECK;

#endif
