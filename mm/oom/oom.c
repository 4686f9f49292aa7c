// SPDX-License-Identifier: MIT
/*
 * One decision at a time. Whoever finds nothing to be had asks (oom_kill) and waits for the end
 * of the round; the thread answers all who asked meanwhile together:
 *
 *    frames have come already            -> yes
 *    policy names somebody               -> ended, reaped; the round lasts until frames
 *                                           came, it is gone, or VICTIM_TIME is up -> yes
 *    policy names nobody                 -> no: the allocations fail
 *
 * So nobody else is ended before the last victim's memory came back, and a victim that does not
 * come to its end cannot hold everyone up for ever.
 */
#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "kernel/sched.h"
#include "mm/aspace.h"
#include "mm/buddy.h"
#include "mm/oom/oom.h"
#include "mm/reclaim.h"
#include "mm/swap.h"

#define VICTIM_TIME (2 * NSEC_PER_SEC) /* that nobody else is ended for */
#define VICTIM_LOOK (2 * NSEC_PER_MSEC)

static struct {
	struct spinlock lock;
	struct waitq work, answered;
	struct oom_request request; /* of the first who asked in this round; lock */
	bool asked;                 /* lock */
	uint32_t round;             /* counts answers; lock */
	bool answer;                /* of the last round; lock */
} oom = { .lock = SPINLOCK_INIT,
	  .work = WAITQ_INIT(oom.work),
	  .answered = WAITQ_INIT(oom.answered) };

/* The thread's; apart from what has a first value, as that lies in the Image. */
static struct oom_candidate candidates[OOM_CANDIDATES];

static bool frames_came(void)
{
	return frames_free() > watermarks.low;
}

/* No task runs on it and nothing is left in it. */
static bool is_empty(struct aspace *as)
{
	return READ_ONCE(as->users) == 0 && aspace_rss(as) == 0;
}

/* Until the victim's memory came back or its address space is empty. Our reference keeps `as`;
 * the reaper has its own. */
static void victim_wait(struct aspace *as, const struct oom_candidate *c, uint64_t start)
{
	while (time_now() - start < VICTIM_TIME && !is_empty(as) && !frames_came())
		(void)time_sleep_until(time_now() + VICTIM_LOOK, WAIT_UNINTERRUPTIBLE);
	log_info("oom: %s (%d) %s; %u KB free after %ju us", c->name, c->pid,
		 is_empty(as) ? "is gone" : "is on its way",
		 frames_free() * (unsigned)(PAGE_SIZE / 1024),
		 (uintmax_t)((time_now() - start) / NSEC_PER_USEC));
}

/* True when somebody was ended. */
static bool decide(const struct oom_request *r)
{
	const struct oom_policy *p = &oom_policy_linux;
	uint64_t start = time_now();
	struct oom_candidate *c;
	struct aspace *as;
	unsigned n, seen;
	int chosen;

	n = oom_collect(p, candidates, &seen);
	chosen = p->decide(candidates, n);
	oom_report(r, p, candidates, n, chosen);
	if (seen > n)
		log_warn("oom: and %u more with lower scores", seen - n);
	if (chosen < 0)
		return false;
	c = &candidates[chosen];
	as = oom_end(c);
	if (as == NULL)
		return true; /* it ended meanwhile */
	vm_count(VM_OOM_KILL, 1);
	(void)oom_reap(aspace_get(as), c->name, c->pid);
	victim_wait(as, c, start);
	aspace_put(as);
	return true;
}

void oom_answer(void)
{
	struct oom_request r;
	bool answer;

	spin_lock(&oom.lock);
	r = oom.request;
	spin_unlock(&oom.lock);
	answer = frames_came() || decide(&r);
	spin_lock(&oom.lock);
	oom.asked = false;
	oom.answer = answer;
	oom.round++;
	spin_unlock(&oom.lock);
	waitq_wake_all(&oom.answered);
}

static void oom_main(void *arg)
{
	(void)arg;
	current()->memory_reserve = true;
	for (;;) {
		(void)wait_event(&oom.work, READ_ONCE(oom.asked), WAIT_UNINTERRUPTIBLE,
				 WAIT_FOREVER);
		oom_answer();
	}
}

bool oom_kill(unsigned alloc_flags)
{
	enum wait_mode mode = alloc_flags & ALLOC_USER ? WAIT_KILLABLE : WAIT_UNINTERRUPTIBLE;
	uint32_t round;

	spin_lock(&oom.lock);
	round = oom.round;
	if (!oom.asked) {
		oom.request.alloc_flags = alloc_flags;
		oom.request.tid = current()->tid;
		string_copy(oom.request.name, current()->name, sizeof(oom.request.name));
		oom.asked = true;
	}
	spin_unlock(&oom.lock);
	waitq_wake_one(&oom.work);
	if (wait_event(&oom.answered, READ_ONCE(oom.round) != round, mode, WAIT_FOREVER))
		return true; /* killed: perhaps we are the victim */
	return READ_ONCE(oom.answer);
}

void oom_init(void)
{
	if (IS_ERR(task_create_kernel("oom", oom_main, NULL, SCHED_OTHER, 0)))
		panic("no memory for the OOM policy");
	oom_reaper_init();
}
