// SPDX-License-Identifier: MIT
/*
 * Groups' memory: the numbers.
 *
 *      page_alloc(ALLOC_USER) --current()'s group pays--> charge: every level has room?
 *                                                           | no                    | yes
 *                                          evict of that level, look again          v
 *                                                              frame, with the group's number
 *                                                                                   |
 *                                                              page_free: uncharge, by the number
 *
 * A charge counts in the group and in all above it, at once and exactly: nothing is set aside in
 * batches, since the lock is held for some thirty instructions and a level costs eight. Tasks
 * without a group pay two look-ups and nothing else. `own` counts the frames that carry the number
 * and the charges whose frame is still to come, so a group whose own is 0 is named by nobody.
 *
 *    (1) usage = own + tasks * MEMCG_TASK_FRAMES + the usage of all groups right below; swap
 *        likewise, by slots
 *    (2) min_kept, low_kept: the sum of MIN(usage, min), MIN(usage, low) over the groups right
 *        below
 *    (3) a number is in the table while its group is open; frames and slots carry no other, but 0
 *
 * A group that is closed hands its frames and slots to the one above, so a number lives no longer
 * than its group. Real-time tasks and tasks that die exceed limits rather than wait; so do
 * allocations of the kernel's own (slabs, tasks). What is too much then goes when a task of the
 * group returns to user mode (memcg_settle).
 */
#include "mm/memcg.h"

#include "kernel/errno.h"
#include "kernel/log.h"
#include "kernel/sched.h"
#include "kernel/time.h"
#include "mm/buddy.h"
#include "mm/memcg_internal.h"
#include "mm/reclaim.h"
#include "mm/slab.h"

#define CHUNK     256u
#define CHUNKS    16u
#define NO_CHARGE UINT32_MAX
#define TIGHT     128u /* pages: some batches of eviction */

struct spinlock memcg_lock;
struct waitq memcg_event_wait = WAITQ_INIT(memcg_event_wait);

/* Numbers to groups; a chunk is made when its first is needed, and stays. memcg_lock. */
static struct memcg **chunks[CHUNKS];
static uint32_t protections; /* groups with min or low: without any, nobody looks */

struct memcg *memcg_of_locked(unsigned id)
{
	return id < CHUNK * CHUNKS && chunks[id / CHUNK] != NULL ? chunks[id / CHUNK][id % CHUNK]
								 : NULL;
}

bool memcg_next_locked(unsigned i, struct memcg **m)
{
	*m = memcg_of_locked(i);
	return i < CHUNK * CHUNKS && chunks[i / CHUNK] != NULL;
}

bool memcg_is_below(const struct memcg *m, const struct memcg *root)
{
	while (m != NULL && m != root)
		m = m->parent;
	return m == root;
}

/* ---- Numbers ---- */

/* (2), when a's usage becomes `now`. */
static void usage_set(struct memcg *a, uint32_t now)
{
	struct memcg *up = a->parent;

	if (up != NULL && (a->min | a->low) != 0) {
		up->min_kept += MIN(now, a->min) - MIN(a->usage, a->min);
		up->low_kept += MIN(now, a->low) - MIN(a->usage, a->low);
	}
	a->usage = now;
}

static void usage_add(struct memcg *m, uint32_t n)
{
	for (struct memcg *a = m; a != NULL; a = a->parent) {
		usage_set(a, a->usage + n);
		a->peak = MAX(a->peak, a->usage);
	}
}

static void usage_sub(struct memcg *m, uint32_t n)
{
	for (struct memcg *a = m; a != NULL; a = a->parent) {
		DEBUG_ASSERT(a->usage >= n);
		usage_set(a, a->usage - n);
	}
}

void memcg_add_locked(struct memcg *m, uint32_t n)
{
	m->own += n;
	usage_add(m, n);
}

void memcg_sub_locked(struct memcg *m, uint32_t n)
{
	DEBUG_ASSERT(m->own >= n);
	m->own -= n;
	usage_sub(m, n);
}

void memcg_moved_locked(struct memcg *m, struct memcg *heir, uint32_t frames, uint32_t slots)
{
	m->own -= frames;
	m->own_swap -= slots;
	usage_set(m, m->usage - frames);
	m->swap -= slots;
	if (heir != NULL) {
		heir->own += frames;
		heir->own_swap += slots;
	}
}

struct memcg *memcg_over_locked(struct memcg *m, uint32_t n, bool high)
{
	for (; m != NULL; m = m->parent)
		if (m->usage + n > (high ? MIN(m->high, m->max) : m->max) ||
		    (high && m->swap > m->swap_high))
			return m;
	return NULL;
}

void memcg_count_locked(struct memcg *m, enum memcg_event e)
{
	m->own_events[e]++;
	for (; m != NULL; m = m->parent)
		m->events[e]++;
}

void memcg_count_event(struct memcg *m, enum memcg_event e)
{
	spin_lock(&memcg_lock);
	memcg_count_locked(m, e);
	spin_unlock(&memcg_lock);
	waitq_wake_all(&memcg_event_wait);
}

void memcg_count_reclaim(struct memcg *m, unsigned scanned, unsigned stolen)
{
	spin_lock(&memcg_lock);
	for (; m != NULL; m = m->parent) {
		m->scanned += scanned;
		m->stolen += stolen;
	}
	spin_unlock(&memcg_lock);
}

void memcg_count_fault(bool major)
{
	spin_lock(&memcg_lock);
	for (struct memcg *m = memcg_of_locked(memory_group()); m != NULL; m = m->parent) {
		m->faults++;
		m->major_faults += major;
	}
	spin_unlock(&memcg_lock);
}

bool memcg_pin(struct memcg *m)
{
	bool open;

	spin_lock(&memcg_lock);
	open = m->id != 0;
	m->pins += open;
	spin_unlock(&memcg_lock);
	return open;
}

void memcg_unpin(struct memcg *m)
{
	spin_lock(&memcg_lock);
	m->pins--;
	spin_unlock(&memcg_lock);
}

/* ---- Charges ---- */

static bool may_exceed(unsigned flags)
{
	const struct task *t = current();

	return !(flags & ALLOC_USER) || task_is_rt(t) || t->memory_reserve || t->oom_victim;
}

/* Lock held, and dropped. */
static uint32_t charge_and_unlock(struct memcg *m, uint32_t n)
{
	uint32_t id = m->id;
	bool over;

	memcg_add_locked(m, n);
	over = memcg_over_locked(m, 0, true) != NULL;
	spin_unlock(&memcg_lock);
	if (unlikely(over)) {
		current()->memory_over += n;
		atomic_fetch_or(&current()->hot.pending, TASK_WORK);
	}
	return id;
}

/* The number of the group that pays for n frames more: current()'s, 0 if it has none; NO_CHARGE: it
 * may not have them. */
static uint32_t charge(uint32_t n, unsigned flags)
{
	unsigned tries = 0, id;

	while ((id = memory_group()) != 0) {
		struct memcg *m, *over;

		spin_lock(&memcg_lock);
		m = memcg_of_locked(id);
		if (m == NULL) { /* the task was moved, and its group went, since we looked */
			spin_unlock(&memcg_lock);
			continue;
		}
		over = may_exceed(flags) ? NULL : memcg_over_locked(m, n, false);
		if (over == NULL) {
			id = charge_and_unlock(m, n);
			if ((flags & ALLOC_USER) && !(flags & ALLOC_NOWAIT))
				memcg_breathe();
			return id;
		}
		over->pins++;
		spin_unlock(&memcg_lock);
		if (flags & ALLOC_GROWS)
			WRITE_ONCE(current()->grew, time_now());
		if ((flags & ALLOC_NOWAIT) || memcg_make_room(over, flags, &tries) != 0)
			id = NO_CHARGE;
		memcg_unpin(over);
		if (id == NO_CHARGE)
			break;
	}
	return id;
}

void memcg_breathe(void)
{
	const struct task *t = current();

	if (unlikely(t->memory_over - t->memory_relieved >= MEMCG_HIGH_BATCH) &&
	    !may_exceed(ALLOC_USER))
		memcg_relieve();
}

bool memcg_tight(void)
{
	bool tight = false;

	if (memory_group() == 0)
		return false;
	spin_lock(&memcg_lock);
	tight = memcg_over_locked(memcg_of_locked(memory_group()), TIGHT, true) != NULL;
	spin_unlock(&memcg_lock);
	return tight;
}

/* n frames less for group id, which some of them still carried. */
static void uncharge(unsigned id, uint32_t n)
{
	spin_lock(&memcg_lock);
	memcg_sub_locked(memcg_of_locked(id), n);
	spin_unlock(&memcg_lock);
}

struct page *memcg_page_alloc(unsigned flags)
{
	uint32_t id = charge(1, flags);
	struct page *p;

	if (id == NO_CHARGE)
		return NULL;
	p = page_alloc(flags | ALLOC_PAID);
	if (p != NULL)
		WRITE_ONCE(p->u.lru.group, (uint16_t)id);
	else if (id != 0)
		uncharge(id, 1);
	return p;
}

bool memcg_charge_run(struct page *p, unsigned n)
{
	uint32_t id = charge(n, ALLOC_USER | ALLOC_NOWAIT);

	for (unsigned i = 0; id != NO_CHARGE && i < n; i++)
		WRITE_ONCE(p[i].u.lru.group, (uint16_t)id);
	return id != NO_CHARGE;
}

void memcg_charge_block(struct page *head)
{
	uint32_t id = charge(1u << head->order, ALLOC_NOWAIT);

	for (unsigned i = 0; i < 1u << head->order; i++)
		page_set_group(head + i, id);
}

void memcg_charge_to(struct page *p, unsigned id)
{
	struct memcg *m;

	spin_lock(&memcg_lock);
	m = memcg_of_locked(id);
	if (m != NULL && page_group(p) == 0) {
		memcg_add_locked(m, 1);
		page_set_group(p, id);
	}
	spin_unlock(&memcg_lock);
}

/* The number is read under the lock: memcg_hand_over() may be changing it. */
void memcg_uncharge(struct page *p)
{
	struct memcg *m;

	spin_lock(&memcg_lock);
	m = memcg_of_locked(page_group(p));
	if (m != NULL)
		memcg_sub_locked(m, 1);
	page_set_group(p, 0);
	spin_unlock(&memcg_lock);
}

void memcg_uncharge_block(struct page *head)
{
	for (unsigned i = 0; i < 1u << head->order; i++)
		if (page_group(head + i) != 0)
			memcg_uncharge(head + i);
}

void memcg_tasks_add(struct memcg *m, int n)
{
	uint32_t frames = (uint32_t)(n < 0 ? -n : n) * MEMCG_TASK_FRAMES;

	if (m == NULL)
		return;
	spin_lock(&memcg_lock);
	m->tasks += (uint32_t)n;
	if (n < 0)
		usage_sub(m, frames);
	else
		usage_add(m, frames);
	spin_unlock(&memcg_lock);
}

/* ---- Swap ---- */

bool memcg_swap_has_room(unsigned id)
{
	struct memcg *m, *full;

	if (id == 0)
		return true;
	spin_lock(&memcg_lock);
	m = full = memcg_of_locked(id);
	while (full != NULL && full->swap < full->swap_max)
		full = full->parent;
	if (full != NULL) {
		memcg_count_locked(full, MEMCG_SWAP_MAX);
		memcg_count_locked(m, MEMCG_SWAP_FAIL);
	}
	spin_unlock(&memcg_lock);
	if (full != NULL)
		waitq_wake_all(&memcg_event_wait);
	return full == NULL;
}

static bool swap_add(unsigned id, uint32_t n)
{
	struct memcg *m, *a;

	spin_lock(&memcg_lock);
	m = a = memcg_of_locked(id);
	if (m != NULL)
		m->own_swap += n;
	for (; a != NULL; a = a->parent) {
		a->swap += n;
		a->swap_peak = MAX(a->swap, a->swap_peak);
	}
	spin_unlock(&memcg_lock);
	return m != NULL;
}

bool memcg_swap_charge(unsigned id)
{
	return swap_add(id, 1);
}

void memcg_swap_uncharge(unsigned id)
{
	(void)swap_add(id, -1u);
}

/* ---- Protection ---- */

/* What of m's memory is protected from a reclaim for `root`. When the groups right below one ask
 * for more together than that is given itself, each gets its share. As deep as groups are,
 * MEMCG_DEPTH. */
static uint64_t protected_pages(const struct memcg *m, const struct memcg *root, bool min)
{
	const struct memcg *up = m->parent;
	uint64_t given, kept, own = min ? m->min : m->low;

	if (m == root)
		return 0; /* its own protection is against others */
	if (up == root || up == NULL)
		return own;
	given = protected_pages(up, root, min);
	kept = min ? up->min_kept : up->low_kept;
	return kept > given ? MIN(own, m->usage) * given / kept : own;
}

bool memcg_spares(unsigned id, const struct memcg *root, bool force)
{
	struct memcg *m;
	bool spared = false, was_low = false, news;

	if (READ_ONCE(protections) == 0)
		return false;
	spin_lock(&memcg_lock);
	m = memcg_of_locked(id);
	if (m != NULL) {
		spared = m->usage <= protected_pages(m, root, true);
		was_low = !spared && m->usage <= protected_pages(m, root, false);
	}
	/* An event is a round, not a page of it. */
	news = was_low && force && m->low_round != READ_ONCE(reclaim_rounds);
	if (news) {
		m->low_round = READ_ONCE(reclaim_rounds);
		memcg_count_locked(m, MEMCG_LOW);
	}
	spin_unlock(&memcg_lock);
	if (news)
		waitq_wake_all(&memcg_event_wait);
	return spared || (was_low && !force);
}

/* ---- Groups ---- */

/* Chunks are added under the caller's mutex, numbers change under the lock. */
static int id_take(struct memcg *m)
{
	for (unsigned c = 0; c < CHUNKS; c++) {
		if (chunks[c] == NULL) {
			struct memcg **chunk = kmalloc(CHUNK * sizeof(struct memcg *), ALLOC_ZERO);

			if (chunk == NULL)
				return -ENOMEM;
			WRITE_ONCE(chunks[c], chunk);
		}
		for (unsigned i = c == 0; i < CHUNK; i++)
			if (chunks[c][i] == NULL) {
				m->id = (uint16_t)(c * CHUNK + i);
				chunks[c][i] = m;
				return 0;
			}
	}
	return -ENOSPC;
}

int memcg_open(struct memcg *m, struct memcg *parent, struct cgroup *cgroup)
{
	*m = (struct memcg){ .parent = parent,
			     .cgroup = cgroup,
			     .max = MEMCG_NO_LIMIT,
			     .high = MEMCG_NO_LIMIT,
			     .swap_max = MEMCG_NO_LIMIT,
			     .swap_high = MEMCG_NO_LIMIT };
	return id_take(m);
}

/* Anything that still names m: charges under way, and who waits for room in it. */
static bool is_named(struct memcg *m)
{
	bool named;

	spin_lock(&memcg_lock);
	named = m->own != 0 || m->own_swap != 0 || m->pins != 0;
	if (!named) { /* (1), (2): a frame too many would be for ever the parent's */
		DEBUG_ASSERT(m->usage == 0 && m->swap == 0 && m->min_kept == 0 && m->low_kept == 0);
		chunks[m->id / CHUNK][m->id % CHUNK] = NULL;
		m->id = 0;
	}
	spin_unlock(&memcg_lock);
	return named;
}

void memcg_close(struct memcg *m)
{
	DEBUG_ASSERT(m->tasks == 0);
	memcg_set_limit(m, &m->min, 0);
	memcg_set_limit(m, &m->low, 0);
	WRITE_ONCE(m->oom_group, 0); /* its file is no longer there */
	for (;;) {
		memcg_hand_over(m, m->parent);
		if (!is_named(m))
			return;
		(void)time_sleep_until(time_now() + NSEC_PER_MSEC, WAIT_UNINTERRUPTIBLE);
	}
}

void memcg_set_limit(struct memcg *m, uint32_t *limit, uint32_t pages)
{
	spin_lock(&memcg_lock);
	if (limit == &m->min || limit == &m->low) {
		protections += (pages != 0) - (*limit != 0);
		if (m->parent != NULL)
			*(limit == &m->min ? &m->parent->min_kept : &m->parent->low_kept) +=
				MIN(m->usage, pages) - MIN(m->usage, *limit);
	}
	*limit = pages;
	spin_unlock(&memcg_lock);
}

void memcg_forget(void)
{
	for (unsigned c = 0; c < CHUNKS; c++) {
		kfree(chunks[c]);
		chunks[c] = NULL;
	}
}
