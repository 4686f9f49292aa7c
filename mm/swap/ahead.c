// SPDX-License-Identifier: MIT
/*
 * Reading swap ahead. Slots are handed out in the order in which pages leave, and the log is
 * written in that order, so what left after a page is likely to be wanted after it, and lies behind
 * it on the medium: one transfer brings a whole row of records (store_read_ahead).
 *
 *     slots   . . . . | F  a  a  a  h  a  a  a | b  b  b  b ...
 *                      from                    next
 *
 *     F the fault, a asked for with it, h the middle one: when that is used, the next row is asked
 *     for
 *
 * A stream is a run of faults that follow each other; there are a few, so that programs do not
 * disturb each other. A row is two slots when a second fault follows a first; it doubles, up to
 * 2^page_cluster, while half of the last one was used, halves while less was, and is none when
 * nothing was: until two faults follow each other again. So pages wanted at random cost no
 * transfer.
 *
 * madvise(2)'s WILLNEED names slots itself. Those that follow each other, up or down, are noted as
 * one run, wherever they are kept, in frames that are taken as they fill and given back as they are
 * read; the thread makes rows of them. Nothing that is asked for is forgotten while there are
 * frames to note it in, and NOTES_MOST of them are enough for the worst order.
 *
 * A thread does the reading, at no priority of its own: who faulted waits for its own page alone.
 * It binds one slot at a time, as a page-in does, so who needs one of the others does not wait for
 * it either, but reads, or finds, its own. What was read ahead is clean and on the inactive list;
 * where there is no frame at once, nothing is read.
 *
 * Lock: ahead.lock, a leaf but for waking the thread, below swap.lock. `starting`: mutex, the
 * outermost.
 */
#include "mm/swap/ahead.h"

#include "kernel/errno.h"
#include "kernel/psi.h"
#include "kernel/sched.h"
#include "kernel/task.h"
#include "kernel/waitq.h"
#include "mm/buddy.h"
#include "mm/swap/swap_internal.h"

#define STREAMS    4u
#define ROWS       4u   /* asked for and not begun; more are forgotten */
#define WANTED_ROW 8u   /* slots of advice that are read at a time */
#define NOTES_MOST 256u /* frames */

struct row {
	uint32_t from;
	uint16_t n;
	bool wanted; /* by advice */
	bool down;   /* advice, not made rows yet: slots that are from, from - 1, ... */
};

/* A frame of runs that were asked for by advice. */
struct notes {
	struct notes *next;
	unsigned n, begun; /* runs */
	struct row runs[];
};
#define NOTES_RUNS ((PAGE_SIZE - sizeof(struct notes)) / sizeof(struct row))

struct stream {
	uint32_t from, next; /* the last row */
	unsigned hits;
	uint32_t turn; /* when it was used last */
};

unsigned swap_page_cluster = 3;

static struct {
	struct spinlock lock;
	struct stream streams[STREAMS];
	uint32_t turn;
	struct row rows[ROWS];
	unsigned asked, begun; /* rows, since the start */
	struct notes *wanted,
		*last;       /* of advice; NULL: nothing. `last` is good while wanted is not NULL */
	unsigned notes;      /* so many */
	struct task *thread; /* starting */
} ahead = { .lock = SPINLOCK_INIT };
static struct waitq work = WAITQ_INIT(work); /* apart, as it lies in the Image */

static struct mutex starting = MUTEX_INIT(starting);

/* ---- What to read ---- */

static unsigned row_limit(void)
{
	unsigned cluster = READ_ONCE(swap_page_cluster);

	return cluster > 0 ? 1u << cluster : 0;
}

/* The next row of a stream begins at `from`. True: there is one, and it is asked for. */
static bool row_ask_locked(struct stream *st, uint32_t from)
{
	unsigned had = st->next - st->from, limit = row_limit(), n = 2;

	if (had > 0)
		n = 2 * st->hits >= had ? 2 * had : st->hits > 0 ? had / 2 : 0;
	n = MIN(n, limit);
	*st = (struct stream){ .from = from, .next = from + n, .turn = ++ahead.turn };
	if (n == 0 || ahead.asked - ahead.begun == ROWS)
		return false;
	ahead.rows[ahead.asked++ % ROWS] = (struct row){ .from = from, .n = (uint16_t)n };
	return true;
}

/* The stream that a fault on slot goes on with: in its last row or as far behind it; NULL: none. */
static struct stream *stream_find_locked(uint32_t slot)
{
	for (unsigned i = 0; i < STREAMS; i++) {
		struct stream *st = &ahead.streams[i];

		if (st->next != 0 && slot - st->from <= 2 * (st->next - st->from))
			return st;
	}
	return NULL;
}

static struct stream *stream_oldest_locked(void)
{
	struct stream *oldest = &ahead.streams[0];

	for (unsigned i = 1; i < STREAMS; i++)
		if ((int32_t)(ahead.streams[i].turn - oldest->turn) < 0)
			oldest = &ahead.streams[i];
	return oldest;
}

void swap_ahead_fault(uint32_t slot)
{
	struct stream *st;
	bool wake = false;

	if (row_limit() == 0)
		return;
	spin_lock(&ahead.lock);
	st = stream_find_locked(slot);
	if (st != NULL)
		wake = row_ask_locked(st, slot + 1);
	else
		*stream_oldest_locked() =
			(struct stream){ .from = slot + 1, .next = slot + 1, .turn = ++ahead.turn };
	spin_unlock(&ahead.lock);
	if (wake)
		waitq_wake_one(&work);
}

void swap_ahead_hit(struct page *p, uint32_t slot)
{
	struct stream *st;
	bool wake = false;

	page_clear_flag(p, PAGE_AHEAD);
	vm_count(VM_SWAP_RA_HIT, 1);
	spin_lock(&ahead.lock);
	for (st = ahead.streams; st < &ahead.streams[STREAMS]; st++) {
		if (slot < st->from || slot >= st->next)
			continue;
		st->hits++;
		/* Those behind the middle may not be used yet; they count as if they were. */
		if (slot - st->from == (st->next - st->from) / 2 &&
		    2 * st->hits >= slot - st->from) {
			st->hits = st->next - st->from;
			wake = row_ask_locked(st, st->next);
		}
		break;
	}
	spin_unlock(&ahead.lock);
	if (wake)
		waitq_wake_one(&work);
}

/* True: slot is the next of the run. */
static bool run_extend(struct row *r, uint32_t slot)
{
	if (r->n == 1)
		r->down = slot < r->from;
	if (r->n == UINT16_MAX || slot != (r->down ? r->from - r->n : r->from + r->n))
		return false;
	r->n++;
	return true;
}

/* Another frame of notes, behind the others. */
static bool notes_add_locked(void)
{
	struct page *p = ahead.notes < NOTES_MOST ? page_alloc(ALLOC_NOWAIT) : NULL;
	struct notes *notes;

	if (p == NULL)
		return false;
	notes = page_to_virt(p);
	*notes = (struct notes){ .next = NULL };
	*(ahead.wanted == NULL ? &ahead.wanted : &ahead.last->next) = notes;
	ahead.last = notes;
	ahead.notes++;
	return true;
}

bool swap_want(uint32_t slot)
{
	bool noted = true;

	spin_lock(&ahead.lock);
	if (ahead.wanted == NULL || !run_extend(&ahead.last->runs[ahead.last->n - 1], slot)) {
		noted = (ahead.wanted != NULL && ahead.last->n < NOTES_RUNS) || notes_add_locked();
		if (noted)
			ahead.last->runs[ahead.last->n++] =
				(struct row){ .from = slot, .n = 1, .wanted = true };
	}
	spin_unlock(&ahead.lock);
	return noted;
}

static bool any_asked(void)
{
	return READ_ONCE(ahead.asked) != READ_ONCE(ahead.begun) || READ_ONCE(ahead.wanted) != NULL;
}

void swap_want_go(void)
{
	if (any_asked() && swap_ahead_start() == 0)
		waitq_wake_one(&work);
}

/* ---- Reading ---- */

/* Reads one slot, if nobody has, a medium that takes long alone has it, or it is wanted, and memory
 * is at hand; `whole`: the row that it is the first of, to be had with it. True: that was asked of
 * the medium. */
static bool slot_read_ahead(uint32_t slot, const struct row *row, bool whole)
{
	struct reading r;
	struct page *p;
	bool begun;

	if (!slot_pin_unread(slot, row->wanted))
		return false;
	p = page_alloc(ALLOC_USER | ALLOC_NOWAIT);
	begun = p != NULL && reading_begin(&r, p, slot, true);
	/* While the slot is being read its contents stay where they are. */
	whole = whole && begun && slot_at(slot)->kept == KEPT_NOT;
	if (whole)
		store_read_ahead(swap.areas[slot_at(slot)->area].store, row->from, row->n);
	if (begun && slot_read(&r, p, slot))
		p = NULL; /* it is gone */
	else if (begun)
		vm_count(VM_SWAP_RA, 1);
	if (p != NULL)
		page_put(p);
	slot_put(slot);
	return whole;
}

/* A row of what was wanted first. Returns the notes that this was the last of, or NULL. */
static struct notes *wanted_take_locked(struct row *r)
{
	struct notes *notes = ahead.wanted;
	struct row *run = &notes->runs[notes->begun];

	*r = *run;
	r->n = MIN(run->n, WANTED_ROW);
	run->n -= r->n;
	if (run->down) {
		run->from -= r->n;
		r->from = run->from + 1;
	} else {
		run->from += r->n;
	}
	if (run->n > 0 || ++notes->begun < notes->n)
		return NULL;
	WRITE_ONCE(ahead.wanted, notes->next);
	ahead.notes--;
	return notes;
}

static bool row_take(struct row *r)
{
	struct notes *over = NULL;
	bool any;

	spin_lock(&ahead.lock);
	any = any_asked();
	if (ahead.asked != ahead.begun)
		*r = ahead.rows[ahead.begun++ % ROWS];
	else if (any)
		over = wanted_take_locked(r);
	spin_unlock(&ahead.lock);
	if (over != NULL)
		page_free(virt_to_page(over), 0);
	return any;
}

bool swap_ahead_turn(void)
{
	bool first = true, waits;
	struct row r;

	if (!row_take(&r))
		return false;
	/* On behalf of who will need the pages. Of who gave advice nobody knows that it waits. */
	waits = !r.wanted && psi_memory_begin();
	for (; r.n > 0; r.from++, r.n--)
		if (slot_read_ahead(r.from, &r, first))
			first = false;
	psi_memory_end(waits);
	return true;
}

static void thread_main(void *arg)
{
	(void)arg;
	for (;;) {
		(void)wait_event(&work, any_asked(), WAIT_UNINTERRUPTIBLE, WAIT_FOREVER);
		(void)swap_ahead_turn();
	}
}

int swap_ahead_start(void)
{
	struct task *t;
	int err = 0;

	mutex_lock(&starting);
	if (ahead.thread == NULL) {
		t = task_create_kernel("swapahead", thread_main, NULL, SCHED_OTHER, 0);
		if (IS_ERR(t))
			err = PTR_ERR(t);
		else
			ahead.thread = t;
	}
	mutex_unlock(&starting);
	return err;
}
