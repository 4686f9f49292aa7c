// SPDX-License-Identifier: MIT
/*
 * Thrashing: memory is there, the page daemon finds frames, yet nobody gets on, as every page that
 * is needed has to be brought back first and pushes out one that is needed next. No allocation ever
 * fails by that, so nobody asks the OOM policy; this does.
 *
 * A machine that works hard pages as much. A program that goes through twice the RAM loses 99 % of
 * its time to paging and comes to its end all the same, and a shell beside it answers at once, as a
 * page is back in a fraction of a millisecond. What makes a machine useless is what each page costs
 * who needs it: the medium is slow, or so many stand in line that a program that needs 200 of its
 * pages to answer takes seconds. So four things have to come together, in BAD_WINDOWS windows of
 * half a second in a row:
 *
 *    lost time    of `percent` of the window the CPUs made nothing, for want of memory (full
 *                 pressure)
 *    in circles   about as many pages came back as went: who fills new memory is slow, too, but
 *                 gets on; who comes back when others have gone soon has all
 *    for several  programs waited for half as long again as the window lasted: a program that is
 *                 alone keeps nobody from anything, however slow its pages come
 *    dear         a page that came back cost its task `wait_ms` and more: all that programs waited,
 *                 by the number of pages
 *
 * Pages come and go in batches, so each window counts with half of what was before. Several tasks
 * wait at a time, so the cost of a page is that of its transfer times their number: what a shell
 * beside them pays. With 10 ms it answers after two seconds. A card that takes a rest of a second
 * makes everybody wait, once, in one window.
 *
 * Then the policy is asked for one victim, and the judgement begins anew. From the first bad moment
 * to the question it is WINDOW * (BAD_WINDOWS + 1) at most: a window to begin with, and the bad
 * ones.
 *
 * The judgement is made in an interrupt, by a trigger of pressure (kernel/psi_trigger.c); the page
 * daemon, awake at such times, asks.
 */
#include "mm/thrash.h"

#include "kernel/errno.h"
#include "kernel/psi.h"
#include "mm/buddy.h"
#include "mm/frames.h"
#include "mm/oom.h"
#include "mm/swap/slots.h"
#include "mm/workingset.h"

#define WINDOW      (500 * NSEC_PER_MSEC)
#define BAD_WINDOWS 2

#define PAGES_LEAST 4 /* that came back in a window: less proves nothing */

struct thrash_settings thrash_settings = { .percent = 60, .wait_ms = 10 };

static struct thrash_judge judge; /* the trigger's */
static bool wanted;               /* atomic */

static bool is_bad(const struct thrash_judge *j, const struct thrash_settings *set)
{
	return j->came >= PAGES_LEAST && 4 * j->came >= j->went && 4 * j->went >= j->came &&
	       j->waited >= j->came * set->wait_ms * NSEC_PER_MSEC;
}

bool thrash_judge(struct thrash_judge *j, const struct thrash_settings *set,
		  const struct thrash_sample *s)
{
	struct thrash_sample last = j->last;
	uint64_t waited = s->waited - last.waited;

	if (s->now - last.now > WINDOW + WINDOW / 2) { /* one between lost less */
		*j = (struct thrash_judge){ .last = *s };
		return false;
	}
	j->last = *s;
	j->waited = j->waited / 2 + waited;
	j->came = j->came / 2 + (s->refaults - last.refaults);
	j->went = j->went / 2 + ((s->evictions - last.evictions) & INT32_MAX);
	j->bad = 2 * waited >= 3 * (s->now - last.now) && is_bad(j, set) ? j->bad + 1 : 0;
	if (j->bad < BAD_WINDOWS)
		return false;
	*j = (struct thrash_judge){ 0 };
	return true;
}

static void window_lost(struct psi_trigger *t, uint64_t now)
{
	struct thrash_sample s = { .now = now,
				   .waited = psi_memory_waited(),
				   .refaults =
					   vm_events(VM_REFAULT_ANON) + vm_events(VM_REFAULT_FILE),
				   .evictions = workingset_evictions() };

	(void)t;
	if (!thrash_judge(&judge, &thrash_settings, &s))
		return;
	atomic_store(&wanted, true);
	reclaim_wake();
}

static struct psi_trigger trigger;

void thrash_changed(void)
{
	static struct mutex mutex = MUTEX_INIT(mutex);
	static bool looks; /* mutex */

	mutex_lock(&mutex);
	if (looks)
		psi_trigger_remove(&trigger);
	trigger = (struct psi_trigger){ .psi = &psi_machine,
					.state = PSI_FULL(PSI_MEMORY),
					.window = WINDOW,
					.fire = window_lost };
	trigger.threshold = thrash_settings.percent * (WINDOW / 100);
	looks = trigger.threshold != 0 && psi_trigger_add(&trigger) == 0;
	mutex_unlock(&mutex);
}

int thrash_choose(const char *percent)
{
	uint32_t value = 0;

	for (const char *s = percent; *s != '\0'; s++) {
		if (*s < '0' || *s > '9' || value > 100)
			return -EINVAL;
		value = value * 10 + (uint32_t)(*s - '0');
	}
	if (value > 100 || *percent == '\0')
		return -EINVAL;
	thrash_settings.percent = value;
	return 0;
}

void thrash_turn(void)
{
	/* With frames to spare it was a group that waited, at a limit of its own (mm/memcg_room.c).
	 * Rather than somebody swapoff ends. */
	if (unlikely(atomic_load(&wanted)) && atomic_exchange(&wanted, false) &&
	    frames_free() <= 2 * watermarks.high && !swap_keep())
		(void)oom_ask(OOM_THRASHING, NULL);
}
