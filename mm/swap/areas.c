// SPDX-License-Identifier: MIT
/*
 * Swap areas: a medium with a store each. A slot is a place for contents, not a place on a medium:
 * which area has them is in the slot, so an area can give everything it has back to RAM, from where
 * the page daemon takes it to another one, under the same slot and without a look at any table.
 *
 *    on  --swap_detach--> leaving --nothing of it is left--> closed
 *     ^                      |
 *     +-- no frames, killed -+    what came back until then stays in RAM
 *
 * Before anybody is ended for want of memory, an area that is leaving stays (swap_keep): swapoff
 * fails instead.
 *
 * The daemon writes to the area of the highest priority that takes pages; areas of one priority
 * have a batch each in turn. Areas that an error or a full medium made refuse are asked again when
 * a slot is freed; those whose write budget is spent or whose medium is gone, also after a while;
 * one whose medium came back as another's is asked nothing more.
 *
 * Locks: `control` (swap on and off, one at a time) -> `writing` (the daemon's writes, cleaning,
 * figures; opening and closing) -> the store's -> swap.lock. A page-in needs none of the mutexes:
 * the slot that it has bound keeps its area. Under `writing` nobody waits for memory: the daemon
 * needs it to make some.
 */
#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "kernel/task.h"
#include "kernel/time.h"
#include "mm/buddy.h"
#include "mm/reclaim.h"
#include "mm/reclaim_internal.h"
#include "mm/swap/ahead.h"
#include "mm/swap/swap_internal.h"
#include "mm/swap/tiers.h"

/* an area whose write budget was spent, or whose medium was gone */
#define ASK_AGAIN  NSEC_PER_SEC
#define WARN_PAUSE (60 * NSEC_PER_SEC) /* between two warnings about that */

static struct mutex control = MUTEX_INIT(control), writing = MUTEX_INIT(writing);
static uint32_t batches;    /* writing */
static int least_prio = -1; /* given last without being asked for; control */

/* ---- Writing: the page daemon alone ---- */

/* Among equals who has more comes first: batches since it was written to, and before all who is in
 * this one. `writing` held, or a hint. */
static uint32_t area_rested(const struct swap_area *a)
{
	return batches - a->turn - 1;
}

/* The area to write to, NULL: none takes anything. */
static struct swap_area *area_choose(void)
{
	struct swap_area *best = NULL;
	/* The pool takes what packs when nothing may be written. */
	bool room = READ_ONCE(swap.ask_again) != 0 && tier_has_room();

	spin_lock(&swap.lock);
	if (swap.ask_again != 0 && time_now() >= swap.ask_again)
		swap.refusing = swap.ask_again = 0;
	for (unsigned i = 0; i < SWAP_AREAS; i++) {
		struct swap_area *a = &swap.areas[i];

		if (a->store == NULL || a->leaving || READ_ONCE(a->medium->lost) ||
		    swap.refusing >> i & 1)
			continue;
		if (best == NULL || a->prio > best->prio ||
		    (a->prio == best->prio && area_rested(a) > area_rested(best)))
			best = a;
	}
	swap.refused = best == NULL && !room;
	spin_unlock(&swap.lock);
	return best;
}

static void warn_spent(const struct swap_area *a)
{
	static uint64_t warned;
	uint64_t now = time_now();

	if (warned != 0 && now - warned < WARN_PAUSE)
		return;
	warned = now;
	log_warn(
		"swap: the write budget of %s is spent: counts as full until more has come in (/proc/swapstore)",
		a->medium->name);
}

static void area_refused(struct swap_area *a, int err)
{
	static uint64_t last;
	bool gone = err == -EROFS || err == -ENODEV; /* the store said so, once */

	spin_lock(&swap.lock);
	swap.refusing |= 1u << (a - swap.areas);
	if (gone || err == -EDQUOT) {
		swap.spent = err == -EDQUOT;
		WRITE_ONCE(swap.ask_again, time_now() + ASK_AGAIN);
	}
	spin_unlock(&swap.lock);
	if (err == -EDQUOT)
		warn_spent(a);
	else if (!gone && swap_may_log(&last))
		log_warn("swap: nothing can be written to %s (%s, error %d): counts as full",
			 a->medium->name, err == -ENOSPC ? "full" : "failing", -err);
}

/* Appends a page, or with n its n packed bytes, to the area whose turn it is: *area. */
static int areas_append(uint32_t slot, const void *data, uint16_t n, unsigned *area)
{
	struct swap_area *a;
	int err = -ENOSPC;

	while (err && (a = area_choose()) != NULL) {
		err = n > 0 ? store_append_packed(a->store, slot, data, n)
			    : page_store(a->store, slot, data);
		if (err) {
			area_refused(a, err);
			continue;
		}
		a->turn = batches;
		*area = (unsigned)(a - swap.areas);
	}
	return err;
}

int swap_write(uint32_t slot, const void *page)
{
	struct slot *s = slot_at(slot);
	unsigned area;
	int err = 0;

	mutex_lock(&writing);
	spin_lock(&swap.lock);
	slot_unstore_locked(slot, s); /* what an earlier write left */
	spin_unlock(&swap.lock);
	if (!tier_keep(slot, page)) {
		err = areas_append(slot, page, 0, &area);
		spin_lock(&swap.lock);
		if (!err)
			slot_stored_locked(s, area);
		spin_unlock(&swap.lock);
	}
	mutex_unlock(&writing);
	return err;
}

struct loss {
	void (*lost)(uint32_t slot, void *arg);
	void *arg;
};

static void slot_lost(uint32_t slot, void *arg)
{
	const struct loss *l = arg;

	if (tier_lost(slot))
		return;
	spin_lock(&swap.lock);
	slot_unstore_locked(slot, slot_at(slot));
	spin_unlock(&swap.lock);
	l->lost(slot, l->arg);
}

/* What areas but `without` promise: no more than there are numbers. swap.lock held. */
static uint32_t promised_locked(const struct swap_area *without)
{
	uint64_t n = 0;

	for (const struct swap_area *a = swap.areas; a < swap.areas + SWAP_AREAS; a++)
		n += a->leaving || a == without ? 0 : a->slots;
	return (uint32_t)MIN(n, (uint64_t)SLOTS_MOST);
}

/* a was written to: segments that were retired took their share of what is promised along.
 * `writing` held. */
static void area_written(struct swap_area *a)
{
	uint32_t capacity = store_capacity(a->store);
	uint64_t day;
	int64_t left = store_budget(a->store, &day);

	spin_lock(&swap.lock);
	a->budget_day = day;
	a->budget_left = left;
	if (a->slots > capacity) {
		a->slots = capacity;
		swap.total = promised_locked(NULL);
	}
	spin_unlock(&swap.lock);
}

int swap_commit(void (*lost)(uint32_t slot, void *arg), void *arg)
{
	struct loss loss = { lost, arg };
	int first = 0;

	mutex_lock(&writing);
	tier_write_back(areas_append);
	for (unsigned i = 0; i < SWAP_AREAS; i++) {
		struct swap_area *a = &swap.areas[i];
		int err = a->store != NULL ? store_commit(a->store, slot_lost, &loss) : 0;

		if (err)
			area_refused(a, err);
		first = first ? first : err;
		if (a->store != NULL)
			area_written(a);
	}
	tier_written_back();
	batches++;
	mutex_unlock(&writing);
	if (first)
		(void)area_choose(); /* whether any is left */
	return first;
}

bool swap_clean(void)
{
	bool more = false;

	if (READ_ONCE(swap.total) == 0)
		return false;
	mutex_lock(&writing);
	for (unsigned i = 0; i < SWAP_AREAS; i++)
		more |= swap.areas[i].store != NULL && store_clean(swap.areas[i].store);
	mutex_unlock(&writing);
	return more;
}

/* ---- Figures ---- */

/* The i-th area in use, or NULL; `writing` or `control` held. */
static struct swap_area *area_nth(unsigned i)
{
	for (unsigned k = 0; k < SWAP_AREAS; k++)
		if (swap.areas[k].store != NULL && i-- == 0)
			return &swap.areas[k];
	return NULL;
}

static uint32_t area_room(const struct swap_area *a)
{
	return a->leaving ? 0 : a->slots - MIN(a->slots, a->used);
}

/* Slots that count as the area's: those it has, and of those that none has, with their contents in
 * the pool or in frames alone, what does not fit areas of higher priority: so all areas together
 * have as many as are used, and none has more than there are. */
static uint32_t area_counts(const struct swap_area *a)
{
	uint32_t elsewhere, before = 0, n;

	spin_lock(&swap.lock);
	elsewhere = swap.used;
	for (const struct swap_area *b = swap.areas; b < swap.areas + SWAP_AREAS; b++) {
		elsewhere -= b->used;
		if (b->prio > a->prio || (b->prio == a->prio && b < a))
			before += area_room(b);
	}
	n = a->used + MIN(elsewhere - MIN(elsewhere, before), area_room(a));
	spin_unlock(&swap.lock);
	return n;
}

void swap_budget_figures(uint64_t *day, int64_t *left)
{
	*day = 0;
	*left = 0;
	spin_lock(&swap.lock);
	for (const struct swap_area *a = swap.areas; a < swap.areas + SWAP_AREAS; a++)
		if (a->store != NULL && a->budget_day != 0) {
			*day += a->budget_day;
			*left += a->budget_left;
		}
	spin_unlock(&swap.lock);
}

bool swap_area_stats(unsigned i, struct swap_area_stats *st)
{
	const struct swap_area *a;

	mutex_lock(&writing);
	a = area_nth(i);
	if (a != NULL) {
		*st = (struct swap_area_stats){ .pages = a->slots,
						.used = area_counts(a),
						.prio = a->prio };
		(void)string_copy(st->name, a->medium->name, sizeof(st->name));
		store_stats(a->store, &st->store);
	}
	mutex_unlock(&writing);
	return a != NULL;
}

int swap_area_allow(const char *name, struct swap_allowance budget)
{
	struct swap_area *a;
	unsigned i = 0;

	mutex_lock(&writing);
	while ((a = area_nth(i++)) != NULL && strcmp(a->medium->name, name) != 0)
		;
	if (a != NULL)
		store_allow(a->store, budget);
	mutex_unlock(&writing);
	return a != NULL ? 0 : -ENODEV;
}

uint32_t swap_segments(uint32_t first, struct store_segment *to, uint32_t n)
{
	uint32_t got = 0, before = 0; /* those of the areas before */
	const struct swap_area *a;

	mutex_lock(&writing);
	for (unsigned i = 0; got < n && (a = area_nth(i)) != NULL; i++) {
		uint32_t from = first + got - before;
		uint32_t all = store_segments(a->store, from, to + got, n - got);

		for (uint32_t k = from; k < all && got < n; k++)
			to[got++].area = i;
		before += all;
	}
	mutex_unlock(&writing);
	return got;
}

/* ---- Swap on ---- */

static int priority_for(int wanted)
{
	return wanted >= 0 ? wanted : --least_prio;
}

/* One that was given without being asked for is free: those given after it move up, as on Linux. */
static void priority_back(int prio)
{
	least_prio++;
	spin_lock(&swap.lock);
	for (unsigned i = 0; i < SWAP_AREAS; i++)
		swap.areas[i].prio += swap.areas[i].prio < prio;
	spin_unlock(&swap.lock);
}

/* Every store takes slots up to `last`. */
static int stores_grow(struct store *added, uint32_t last)
{
	int err = store_grow(added, last);

	for (unsigned i = 0; i < SWAP_AREAS && !err; i++)
		if (swap.areas[i].store != NULL)
			err = store_grow(swap.areas[i].store, last);
	return err;
}

static void area_publish(struct swap_area *a, struct swap_area area)
{
	mutex_lock(&writing);
	area.turn = batches;
	swap.cursor = MAX(swap.cursor, 1u);
	spin_lock(&swap.lock);
	*a = area;
	swap.refusing = 0;
	swap.refused = false;
	swap.total = promised_locked(NULL);
	spin_unlock(&swap.lock);
	mutex_unlock(&writing);
}

static int area_open(struct swap_area *a, struct medium *m, bool format, int prio)
{
	struct store *store;
	uint32_t slots, last;
	int err = store_open(m, format, &store, &slots);

	if (err)
		return err;
	slots = MIN(slots, SLOTS_MOST);
	last = MAX(MIN(swap.total + slots, SLOTS_MOST), swap.limit);
	err = slots == 0 ? -ENOSPC : stores_grow(store, last);
	if (!err && m->distant)
		err = swap_ahead_start();
	if (!err) /* last: each number that there is, each store takes */
		err = slots_extend(last);
	if (err) {
		store_close(store);
		return err;
	}
	area_publish(a, (struct swap_area){ .medium = m,
					    .store = store,
					    .prio = priority_for(prio),
					    .slots = slots });
	return 0;
}

static int area_add(struct medium *m, bool format, int prio)
{
	struct swap_area *unused = NULL;

	for (unsigned i = 0; i < SWAP_AREAS; i++) {
		if (swap.areas[i].medium == m)
			return -EBUSY;
		if (swap.areas[i].medium == NULL && unused == NULL)
			unused = &swap.areas[i];
	}
	return unused != NULL ? area_open(unused, m, format, prio) : -EPERM;
}

int swap_attach(struct medium *m, bool format, int prio)
{
	int err;

	mutex_lock(&control);
	err = area_add(m, format, prio);
	mutex_unlock(&control);
	if (err == 0)
		log_info("swap: %s, %u KB for pages in all%s", m->name,
			 READ_ONCE(swap.total) * (unsigned)(PAGE_SIZE / 1024),
			 READ_ONCE(swap.total) == SLOTS_MOST ? ", the most there can be" : "");
	else if (err == -EMEDIUMTYPE)
		log_error("swap: %s holds something else: left alone, no swap. Erase it to use it",
			  m->name);
	else
		log_error("swap: %s cannot be used (error %d): no swap on it", m->name, -err);
	return err;
}

/* ---- Swap off ---- */

/* Pins slot when the contents are in that area. */
static bool slot_pin_of(uint32_t slot, unsigned area)
{
	struct slot *s;
	bool there;

	if (READ_ONCE(*slot_chunk(slot)) == NULL)
		return false;
	s = slot_at(slot);
	spin_lock(&swap.lock);
	there = s->written && s->area == area;
	if (there)
		s->entries++;
	spin_unlock(&swap.lock);
	return there;
}

/* p, bound to the slot, has the only copy from now on; p NULL: there is none any more. */
static void slot_release(uint32_t slot, unsigned area, struct page *p)
{
	struct slot *s = slot_at(slot);

	spin_lock(&swap.lock);
	if (s->written && s->area == area && (p == NULL || s->frame == page_to_pfn(p))) {
		if (p != NULL) {
			page_set_flag(p, PAGE_DIRTY);
			swap_owner_charge_locked(slot, p);
		}
		s->poisoned |= p == NULL;
		slot_unstore_locked(slot, s);
	}
	spin_unlock(&swap.lock);
}

/* Brings the slot's contents back to RAM, if the area has them. 0, -ENOMEM, -EINTR, -ENODEV. */
static int slot_bring_back(uint32_t slot, unsigned area)
{
	bool major;
	struct page *p;
	int err = 0;

	if (!slot_pin_of(slot, area))
		return 0;
	/* Everybody's pages: the slots' groups pay, not whoever turns swap off. */
	p = slot_in(slot, ALLOC_USER | ALLOC_PAID, &err, &major);
	if (p != NULL || err == -EIO)
		slot_release(slot, area, p);
	if (p != NULL)
		page_put(p);
	slot_put(slot);
	return p != NULL || err == -EIO ? 0 : err;
}

static bool area_used(const struct swap_area *a)
{
	return READ_ONCE(a->used) > 0;
}

/* The daemon may have chosen the area just before it was marked, so another look is taken until
 * nothing is there. */
static int area_empty(struct swap_area *a)
{
	unsigned area = (unsigned)(a - swap.areas);
	int err = 0;

	while (area_used(a) && !err)
		for (uint32_t slot = 1; slot <= swap.limit && area_used(a) && !err; slot++)
			err = !READ_ONCE(a->leaving)   ? -ENOMEM
			      : task_killed(current()) ? -EINTR
						       : slot_bring_back(slot, area);
	return err ? err : READ_ONCE(a->leaving) ? 0 : -ENOMEM;
}

/* False: it was so. */
static bool area_mark(struct swap_area *a, bool leaving)
{
	bool changes;

	spin_lock(&swap.lock);
	changes = a->leaving != leaving;
	a->leaving = leaving;
	swap.total = promised_locked(NULL);
	swap.refused = false;
	spin_unlock(&swap.lock);
	return changes;
}

bool swap_keep(void)
{
	bool kept = false;

	for (unsigned i = 0; i < SWAP_AREAS; i++)
		kept |= READ_ONCE(swap.areas[i].leaving) && area_mark(&swap.areas[i], false);
	return kept;
}

/* Closes an area that is still leaving and has nothing. */
static bool area_close(struct swap_area *a)
{
	struct store *store = a->store;
	bool close;

	mutex_lock(&writing);
	spin_lock(&swap.lock);
	close = a->leaving && a->used == 0;
	if (close)
		*a = (struct swap_area){ .medium = NULL };
	spin_unlock(&swap.lock);
	if (close)
		store_close(store); /* what was written in this batch is dead as well */
	mutex_unlock(&writing);
	return close;
}

/* False when all that could be made free would not do: then nothing is begun that keeps others from
 * their memory. */
static bool area_fits(const struct swap_area *a)
{
	uint64_t room = frames_free() + lru_size(LRU_INACTIVE_FILE) + lru_size(LRU_ACTIVE_FILE);
	uint32_t total, elsewhere, used;

	spin_lock(&swap.lock);
	used = a->used;
	total = promised_locked(a);
	elsewhere = swap.used - MIN(used, swap.used);
	spin_unlock(&swap.lock);
	return room + total - MIN(elsewhere, total) >= used;
}

static int area_remove(struct swap_area *a)
{
	int err, prio;

	if (!area_fits(a))
		return -ENOMEM;
	prio = a->prio;
	(void)area_mark(a, true);
	/* A batch that had chosen the area before it was marked may end between the two: then there
	 * is something in it again. */
	do
		err = area_empty(a);
	while (!err && !area_close(a));
	if (err)
		(void)area_mark(a, false);
	else if (prio < 0)
		priority_back(prio);
	return err;
}

int swap_detach(struct medium *m)
{
	int err = -EINVAL;

	mutex_lock(&control);
	for (unsigned i = 0; i < SWAP_AREAS; i++)
		if (swap.areas[i].medium == m)
			err = area_remove(&swap.areas[i]);
	mutex_unlock(&control);
	if (err == 0)
		log_info("swap: %s is off", m->name);
	else if (err != -EINVAL)
		log_warn("swap: %s stays on (error %d)", m->name, -err);
	return err;
}
