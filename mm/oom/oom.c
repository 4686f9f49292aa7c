// SPDX-License-Identifier: MIT
/*
 * One decision at a time. Whoever finds nothing to be had asks (oom_kill) and waits for the end
 * of the round; the thread answers all who asked meanwhile together:
 *
 *    memory has come already             -> yes
 *    policy names somebody               -> ended, reaped; as soon as memory came: yes; the round
 *                                           lasts until the victim is gone, or VICTIM_TIME is up
 *    policy names nobody                 -> no: the allocations fail
 *    policy restarts the machine         -> no return
 *
 * So nobody else is ended before the last victim's memory came back, and a victim that does not
 * come to its end cannot hold everyone up for ever. "No" is said only to who asked about the same
 * scope, the machine or a group; the others ask again.
 *
 * Who is the victim itself does not wait for its own end. Nor does who has become real-time by a
 * mutex that it holds, which the victim may need: it goes on from the reserve.
 *
 * A real-time task that asks lends its priority to the thread and to the reaper, goes on with the
 * first frames that come, and waits for a victim whose memory was taken back a moment longer, for
 * what only its own end frees. Before it is ended itself, or the machine restarts for it, or
 * somebody is ended who has next to nothing, it waits for a medium: what is dirty is written, to
 * swap and to files. "No" it is told at once where swap takes no more.
 */
#include <linux/sched.h>

#include "arch/thread.h"
#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "mm/aspace.h"
#include "mm/buddy.h"
#include "mm/object.h"
#include "mm/oom/oom.h"
#include "mm/reclaim_internal.h"
#include "mm/swap/slots.h"

#define VICTIM_TIME (2 * NSEC_PER_SEC) /* that nobody else is ended for */
/* also that a real-time task waits for what is left when a victim's memory was taken back */
#define VICTIM_LOOK (NSEC_PER_MSEC / 2)
/* pages of its own: who has fewer is no help to a real-time task. Any program of some size has more
 * (a shell that sleeps some ten), so that the task waits for no medium while one is there. */
#define VICTIM_WORTH 32u

static struct {
	struct spinlock lock;
	struct task *task;
	struct oom_request request; /* of the first who asked in this round; lock */
	bool asked;                 /* lock */
	bool busy;                  /* a round is under way; lock */
	bool has_news;
	uint32_t round;                    /* counts answers; lock */
	bool answer;                       /* of the last round; lock */
	const struct cgroup *answer_scope; /* only compared; lock */
} oom = { .lock = SPINLOCK_INIT };

/* Apart, as what has a first value lies in the Image. */
static struct waitq work = WAITQ_INIT(work), answered = WAITQ_INIT(answered),
		    news = WAITQ_INIT(news);

const struct oom_groups *oom_groups;

/* The thread's. */
static struct oom_candidate candidates[OOM_CANDIDATES];

void oom_set_groups(const struct oom_groups *groups)
{
	oom_groups = groups;
}

/* What r wants is there. Who thrashes has frames all the time; in a test they are there when a
 * victim's have come. */
static bool memory_came(const struct oom_request *r, const struct aspace *victim)
{
	if (r->why == OOM_THRASHING)
		return false;
	if (CONFIG_DEBUG && r->why == OOM_TEST)
		return victim != NULL && READ_ONCE(victim->reaped);
	if (r->group != NULL)
		return oom_groups->room(r->group) > 0;
	/* Below `min` what comes is for real-time tasks. */
	return frames_free() >
	       (r->prio >= PRIO_RT_MIN ? watermarks.min - watermarks.rt : watermarks.low);
}

/* Whoever changes the priority comes here afterwards, so that the last one's stays. */
static void urgency_lend(void)
{
	int prio;

	do {
		prio = READ_ONCE(oom.request.prio);
		sched_boost(oom.task, prio);
	} while (prio != READ_ONCE(oom.request.prio));
}

static int reaper_urgency(void)
{
	return MAX(READ_ONCE(oom.request.prio), PRIO_RT_MIN);
}

/* ---- Who asks ---- */

/* Notes the request if none is there yet, and how urgent it is. */
static bool request_note(enum oom_reason why, unsigned alloc_flags, struct cgroup *group)
{
	int prio = READ_ONCE(current()->sched.prio);
	int pid = current()->process != NULL ? current()->process->pid : 0;

	if (oom.asked) {
		if (prio > oom.request.prio) {
			oom.request.prio = prio;
			oom.request.pid = pid;
		}
		return false;
	}
	oom.request = (struct oom_request){ .tid = current()->tid,
					    .pid = pid,
					    .alloc_flags = alloc_flags,
					    .prio = prio,
					    .why = why,
					    .group = group };
	string_copy(oom.request.name, current()->name, sizeof(oom.request.name));
	if (group != NULL)
		oom_groups->get(group);
	oom.asked = true;
	return true;
}

/* The answer has come, or need not be waited for (any more). */
static bool wait_is_over(uint32_t round, bool was_rt)
{
	const struct task *t = current();

	return READ_ONCE(oom.round) != round || READ_ONCE(t->oom_victim) ||
	       (!was_rt && task_is_rt(t));
}

bool oom_ask_and_wait(enum oom_reason why, unsigned alloc_flags, struct cgroup *group)
{
	enum wait_mode mode = alloc_flags & ALLOC_USER ? WAIT_KILLABLE : WAIT_UNINTERRUPTIBLE;
	bool rt = task_is_rt(current()), answer;
	uint32_t round;

	spin_lock(&oom.lock);
	round = oom.round;
	(void)request_note(why, alloc_flags, group);
	spin_unlock(&oom.lock);
	if (rt)
		urgency_lend();
	waitq_wake_one(&work);
	oom_news();
	if (wait_event(&answered, wait_is_over(round, rt), mode, WAIT_FOREVER))
		return true; /* killed: perhaps we are the victim */
	spin_lock(&oom.lock);
	answer = oom.round == round || oom.answer || oom.answer_scope != group;
	spin_unlock(&oom.lock);
	return answer;
}

bool oom_kill(unsigned alloc_flags, struct cgroup *group)
{
	return oom_ask_and_wait(OOM_MEMORY, alloc_flags, group);
}

void oom_look_again(void)
{
	waitq_wake_all(&answered);
}

bool oom_ask(enum oom_reason why, struct cgroup *group)
{
	bool noted;

	spin_lock(&oom.lock);
	noted = !oom.busy && request_note(why, 0, group);
	spin_unlock(&oom.lock);
	if (noted)
		waitq_wake_one(&work);
	return noted;
}

bool oom_under_way(void)
{
	return READ_ONCE(oom.asked) || READ_ONCE(oom.busy);
}

/* ---- The thread ---- */

/* Ends the wait of all who asked. Returns whether anybody had. */
static void answer_all(bool answer)
{
	struct cgroup *group;
	bool asked;

	spin_lock(&oom.lock);
	asked = oom.asked;
	group = oom.request.group;
	oom.asked = false;
	oom.request.group = NULL;
	oom.request.prio = PRIO_FAIR;
	if (asked) {
		oom.answer = answer;
		oom.answer_scope = group;
		oom.round++;
	}
	spin_unlock(&oom.lock);
	if (!asked)
		return;
	waitq_wake_all(&answered);
	urgency_lend();
	if (group != NULL)
		oom_groups->put(group);
}

/* Answers who waits for memory that is there by now. False: nobody does, or it is not. */
static bool answer_if_came(const struct aspace *victim)
{
	struct oom_request r;
	bool asked;

	spin_lock(&oom.lock);
	asked = oom.asked;
	r = oom.request;
	spin_unlock(&oom.lock);
	if (asked && !memory_came(&r, victim)) {
		oom_reap_urgently(reaper_urgency());
		oom_look_again();
	}
	if (!asked || !memory_came(&r, victim))
		return false;
	oom_reap_urgently(
		PRIO_FAIR); /* first: it may go before us once we have lost what was lent */
	answer_all(true);
	return true;
}

/* No task runs on it and nothing is left in it. */
static bool is_empty(struct aspace *as)
{
	return READ_ONCE(as->users) == 0 && aspace_rss(as) == 0;
}

/* A real-time task waits, there is nothing more to be taken from the victim, and it does not come
 * to free its tables and stacks itself. */
static bool next_is_urgent(struct aspace *as, uint64_t *reaped)
{
	if (!READ_ONCE(as->reaped) || READ_ONCE(oom.request.prio) < PRIO_RT_MIN)
		return false;
	if (*reaped == 0)
		*reaped = time_now();
	return time_now() - *reaped >= VICTIM_LOOK;
}

void oom_news(void)
{
	WRITE_ONCE(oom.has_news, true);
	waitq_wake_one(&news);
}

static void news_wait(void)
{
	(void)wait_event(&news, READ_ONCE(oom.has_news), WAIT_UNINTERRUPTIBLE,
			 time_now() + VICTIM_LOOK);
	WRITE_ONCE(oom.has_news, false);
}

static uintmax_t micros_since(uint64_t start)
{
	return (time_now() - start) / NSEC_PER_USEC;
}

/* Until the victim's address space is empty. Our reference keeps `as`. */
static void victim_wait(struct aspace *as, const struct oom_candidate *c, uint64_t start,
			uint32_t free)
{
	uint64_t before = c->rss, reaped = 0;
	uintmax_t came = 0;

	while (time_now() - start < VICTIM_TIME && !is_empty(as)) {
		if (answer_if_came(as) && came == 0)
			came = micros_since(start);
		else if (next_is_urgent(as, &reaped))
			break;
		news_wait();
	}
	if (came == 0 && answer_if_came(as)) /* its last pages may be the ones waited for */
		came = micros_since(start);
	oom_reap_urgently(PRIO_FAIR);
	oom_say(LOG_INFO,
		"oom: %s (%d) is %s after %ju us; %ju KB unmapped, %ju by the reaper; %s %ju us; %ju KB free, %ju before",
		c->name, c->pid, is_empty(as) ? "gone" : "not gone", micros_since(start),
		KB(before - MIN(before, aspace_rss(as))), KB(READ_ONCE(as->reaped_pages)),
		came != 0 ? "memory came after" : "nobody went on after",
		came != 0 ? came : micros_since(start), KB(frames_free()), KB(free));
	answer_all(true);
}

static NORETURN void restart(void)
{
	log_flush();
	machine_reset();
}

/* Memory has not ended: a group has reached its limit; or a real-time task does not wait for what
 * swap would take. */
static bool machine_is_well(const struct oom_request *r)
{
	return r->group != NULL || (r->prio >= PRIO_RT_MIN && swap_writable());
}

static bool swap_takes_more(void)
{
	return swap_writable() && lru_size(LRU_INACTIVE_ANON) + lru_size(LRU_ACTIVE_ANON) > 0;
}

static bool files_are_dirty(void)
{
	struct object_stats caches;

	object_stats(&caches);
	return caches.dirty + caches.writing > 0;
}

/*
 * A real-time task has asked, and itself would go, or the machine, or somebody with next to
 * nothing; or nobody may be ended. Then it waits for a medium after all, where the page daemon has
 * something to write: to swap; before an end to files as well, whose pages may be dirty again as
 * soon as they are written. True: memory came.
 */
static bool writing_helps(const struct oom_request *r, int chosen)
{
	uint64_t start = time_now();

	if (r->prio < PRIO_RT_MIN || r->group != NULL || r->why != OOM_MEMORY ||
	    (chosen >= 0 && candidates[chosen].pid != r->pid &&
	     candidates[chosen].rss - candidates[chosen].shared >= VICTIM_WORTH))
		return false;
	while ((swap_takes_more() || (chosen != OOM_NOBODY && files_are_dirty())) &&
	       time_now() - start < VICTIM_TIME) {
		reclaim_wake();
		news_wait();
		if (memory_came(r, NULL))
			return true;
	}
	return false;
}

/* Who is refused again and again would push the reports of kills out of the log: after one report
 * others are counted until this time has passed, or somebody was ended. Of the thread. */
#define REFUSALS_APART (10 * NSEC_PER_SEC)

static struct {
	uint64_t next; /* report; 0: at once */
	uint32_t untold;
} refusals;

static bool refusal_was_told(const struct oom_request *r, uint64_t now)
{
	if (r->group != NULL)
		return false; /* these do not ask as often (mm/memcg_room.c) */
	if (now < refusals.next) {
		refusals.untold++;
		return true;
	}
	if (refusals.untold > 0)
		oom_say(LOG_ERROR, "oom: %u more were refused since the last report of a refusal",
			refusals.untold);
	refusals.untold = 0;
	refusals.next = now + REFUSALS_APART;
	return false;
}

static void decide(const struct oom_request *r)
{
	const struct oom_policy *p = oom_policy();
	uint64_t start = time_now();
	uint32_t free = frames_free();
	struct oom_left_out left;
	struct aspace *as;
	unsigned n;
	int chosen;

	n = oom_collect(p, r->group, candidates, &left);
	chosen = p->decide(candidates, n);
	if (chosen == OOM_RESTART && machine_is_well(r))
		chosen = oom_highest(candidates, n);
	if (writing_helps(r, chosen)) {
		answer_all(true);
		return;
	}
	if (chosen == OOM_NOBODY && refusal_was_told(r, start)) {
		answer_all(false);
		return;
	}
	oom_report(r, p, candidates, n, &left, chosen);
	if (chosen == OOM_RESTART)
		restart();
	if (chosen < 0) {
		answer_all(false);
		return;
	}
	refusals.next = 0;
	oom_reap_urgently(reaper_urgency());
	as = oom_end(&candidates[chosen], r->group);
	if (as == NULL) {
		oom_say(LOG_INFO, "oom: it has ended meanwhile");
		answer_all(true);
		return;
	}
	victim_wait(as, &candidates[chosen], start, free);
	aspace_put(as);
}

void oom_answer(void)
{
	struct oom_request r;

	spin_lock(&oom.lock);
	r = oom.request;
	oom.busy = true;
	if (r.group != NULL)
		oom_groups->get(r.group); /* for us: who asked may leave */
	spin_unlock(&oom.lock);
	if (memory_came(&r, NULL))
		answer_all(true);
	else
		decide(&r);
	if (r.group != NULL)
		oom_groups->put(r.group);
	spin_lock(&oom.lock);
	oom.busy = false;
	spin_unlock(&oom.lock);
}

static void oom_main(void *arg)
{
	(void)arg;
	current()->memory_reserve = true;
	for (;;) {
		(void)wait_event(&work, READ_ONCE(oom.asked), WAIT_UNINTERRUPTIBLE, WAIT_FOREVER);
		oom_answer();
	}
}

void oom_init(void)
{
	oom.task = task_create_kernel("oom", oom_main, NULL, SCHED_FIFO, PRIO_RT_MIN + 1);
	if (IS_ERR(oom.task))
		panic("no memory for the OOM policy");
	oom_reaper_init();
}
