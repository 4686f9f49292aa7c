// SPDX-License-Identifier: MIT
/*
 * The reaper: takes a victim's private memory back at once, without waiting for it to run, in
 * bounded steps (aspace_reap). It needs the victim's mutex, which a task that looks at the
 * victim from outside may hold while it waits for memory itself; so nobody waits for the reaper
 * but the OOM thread, and that for a bounded time.
 */
#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "kernel/sched.h"
#include "mm/aspace.h"
#include "mm/oom/oom.h"

#define QUEUE 8 /* victims that wait for the reaper */

struct job {
	struct aspace *as;
	char name[TASK_NAME_LEN];
	int pid;
	uint64_t since; /* time_now() of the order */
};

static struct {
	struct spinlock lock;
	struct waitq work;
	struct job jobs[QUEUE]; /* a ring; lock */
	unsigned put, taken;    /* count jobs; lock */
} reaper = { .lock = SPINLOCK_INIT, .work = WAITQ_INIT(reaper.work) };

bool oom_reap(struct aspace *as, const char *name, int pid)
{
	bool room;

	spin_lock(&reaper.lock);
	room = reaper.put - reaper.taken < QUEUE;
	if (room) {
		struct job *j = &reaper.jobs[reaper.put++ % QUEUE];

		*j = (struct job){ .as = as, .pid = pid, .since = time_now() };
		string_copy(j->name, name, sizeof(j->name));
	}
	spin_unlock(&reaper.lock);
	if (room)
		waitq_wake_one(&reaper.work);
	else
		aspace_put(as);
	return room;
}

static void reap(const struct job *j)
{
	uint64_t frames = aspace_reap(j->as);

	/* None: it was faster itself. */
	if (frames > 0)
		log_info("oom: took %ju KB back from %s (%d), %ju us after its end was decided",
			 frames << (PAGE_SHIFT - 10), j->name, j->pid,
			 (uintmax_t)((time_now() - j->since) / NSEC_PER_USEC));
	aspace_put(j->as);
}

bool oom_reap_next(void)
{
	struct job j;
	bool any;

	spin_lock(&reaper.lock);
	any = reaper.put != reaper.taken;
	if (any)
		j = reaper.jobs[reaper.taken++ % QUEUE];
	spin_unlock(&reaper.lock);
	if (any)
		reap(&j);
	return any;
}

static void reaper_main(void *arg)
{
	(void)arg;
	current()->memory_reserve = true;
	for (;;) {
		(void)wait_event(&reaper.work, READ_ONCE(reaper.put) != READ_ONCE(reaper.taken),
				 WAIT_UNINTERRUPTIBLE, WAIT_FOREVER);
		(void)oom_reap_next();
	}
}

void oom_reaper_init(void)
{
	if (IS_ERR(task_create_kernel("oomreaper", reaper_main, NULL, SCHED_OTHER, 0)))
		panic("no memory for the reaper");
}
