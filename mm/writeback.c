// SPDX-License-Identifier: MIT
/*
 * When dirty pages of disk files are written without anybody's asking: when they have been dirty
 * for `expire`, or when there are more than a background limit. One thread does it, file by file,
 * each in the order of its pages; it sleeps for good while nothing is dirty. Files whose turn came
 * wait longest first, and a turn visits each at most once, so one that cannot be written does not
 * keep others waiting.
 *
 * Who dirties pages beyond the upper limit waits until the thread has brought them below it, or has
 * gone through all files and could not: then a little more is let through. Real-time tasks and
 * those who free memory never wait.
 *
 * Both limits are parts of the memory that can hold such pages: what is free and what caches hold,
 * shared memory excepted.
 */
#include "mm/writeback.h"

#include "kernel/errno.h"
#include "kernel/psi.h"
#include "kernel/sched.h"
#include "kernel/time.h"
#include "kernel/waitq.h"
#include "mm/buddy.h"
#include "mm/object_internal.h"

/* a throttled writer's longest sleep without a look */
#define LOOK_AGAIN (20 * NSEC_PER_MSEC)

struct writeback_settings writeback_settings = {
	.ratio = 20, .background_ratio = 10, .expire = 3000, .interval = 500
};

static struct {
	struct waitq wait, throttled;
	struct mutex mutex; /* sources; held while one is flushed */
	struct list sources;
	struct task *thread; /* NULL: not started; mutex */
	bool wanted;         /* look now; written by anyone */
	uint32_t turns;      /* ended; the thread's */
} wb = { .wait = WAITQ_INIT(wb.wait),
	 .throttled = WAITQ_INIT(wb.throttled),
	 .mutex = MUTEX_INIT(wb.mutex),
	 .sources = LIST_INIT(wb.sources) };

/* ---- Limits ---- */

static uint64_t limit_of(uint64_t bytes, uint32_t percent, uint64_t pages)
{
	return bytes ? DIV_ROUND_UP(bytes, PAGE_SIZE) : pages * percent / 100;
}

void writeback_limits(uint64_t *background, uint64_t *most)
{
	const struct writeback_settings *s = &writeback_settings;
	struct object_stats caches;
	uint64_t pages;

	object_stats(&caches);
	pages = (uint64_t)frames_free() + caches.disk;
	pages -= MIN(pages, (uint64_t)watermarks.high);
	*most = limit_of(READ_ONCE(s->bytes), READ_ONCE(s->ratio), pages);
	*background =
		limit_of(READ_ONCE(s->background_bytes), READ_ONCE(s->background_ratio), pages);
	if (*background >= *most)
		*background = *most / 2;
}

/* More pages than the upper limit, or the background one, allows. */
static bool too_many(bool upper)
{
	struct object_stats caches;
	uint64_t background, most;

	writeback_limits(&background, &most);
	object_stats(&caches);
	return (uint64_t)caches.dirty + caches.writing > (upper ? most : background);
}

/* ---- The thread ---- */

/* What there is to do has been noted; the thread forgets that it was woken before it looks. */
static void wake(void)
{
	hw_mb();
	if (READ_ONCE(wb.wanted))
		return;
	WRITE_ONCE(wb.wanted, true);
	waitq_wake_one(&wb.wait);
}

void writeback_changed(void)
{
	wake();
}

/* Flushes what has waited since `before`; all: whatever there is. */
static void flush_sources(uint64_t before, bool all)
{
	struct writeback_source *s;

	mutex_lock(&wb.mutex);
	list_for_each (s, &wb.sources, link) {
		uint64_t since = READ_ONCE(s->since);

		if (!all && (since == 0 || since > before))
			continue;
		WRITE_ONCE(s->since, 0); /* first: what comes meanwhile counts anew */
		s->flush(s);
	}
	mutex_unlock(&wb.mutex);
}

static void object_write_out(struct object *o)
{
	/* Errors are kept for those who have the file open. */
	if (object_sync(o, 0, UINT32_MAX) == -EAGAIN)
		flush_sources(0, true);
	object_put(o);
}

static void turn(void)
{
	uint64_t start = time_now(),
		 age = (uint64_t)READ_ONCE(writeback_settings.expire) * 10 * NSEC_PER_MSEC;
	uint64_t old = READ_ONCE(writeback_settings.interval) && start > age ? start - age : 0;
	struct object *o;

	while ((o = object_dirty_take(old)) != NULL)
		object_write_out(o);
	while (too_many(false) && (o = object_dirty_take(start)) != NULL) {
		object_write_out(o);
		waitq_wake_all(&wb.throttled);
	}
	if (old)
		flush_sources(old, false);
	WRITE_ONCE(wb.turns, wb.turns + 1);
	waitq_wake_all(&wb.throttled);
}

static bool anything_waits(void)
{
	bool waits = object_dirty_since() != UINT64_MAX;
	struct writeback_source *s;

	mutex_lock(&wb.mutex);
	list_for_each (s, &wb.sources, link)
		waits |= READ_ONCE(s->since) != 0;
	mutex_unlock(&wb.mutex);
	return waits;
}

static void thread_main(void *arg)
{
	(void)arg;
	current()->memory_reserve = true; /* it makes room for others */
	for (;;) {
		uint32_t interval = READ_ONCE(writeback_settings.interval);
		uint64_t deadline = WAIT_FOREVER;

		if (interval && anything_waits())
			deadline = time_now() + (uint64_t)interval * 10 * NSEC_PER_MSEC;
		(void)wait_event(&wb.wait, READ_ONCE(wb.wanted), WAIT_UNINTERRUPTIBLE, deadline);
		WRITE_ONCE(wb.wanted, false);
		hw_mb(); /* pairs with wake() */
		turn();
	}
}

/* ---- Those who write ---- */

/* turns: ended when the writer came; the one under way then does not count. */
static bool may_go(uint32_t turns)
{
	return task_is_rt(current()) || current()->memory_reserve ||
	       READ_ONCE(wb.turns) - turns >= 2 || !too_many(true);
}

static void throttle(void)
{
	uint32_t turns = READ_ONCE(wb.turns);
	bool waits = psi_io_begin();
	int err = 0;

	if (too_many(false))
		wake();
	/* Looked at now and then, because a writer may become real-time while it waits, by a mutex
	 * that it holds. */
	while (err != -EINTR && !may_go(turns)) {
		wake();
		err = wait_event(&wb.throttled, may_go(turns), WAIT_KILLABLE,
				 time_now() + LOOK_AGAIN);
	}
	psi_io_end(waits);
}

/* ---- Sources ---- */

static const struct object_watch watch = { .begun = wake, .throttle = throttle };

int writeback_attach(struct writeback_source *s)
{
	int err = 0;

	mutex_lock(&wb.mutex);
	if (wb.thread == NULL) {
		struct task *t = task_create_kernel("writeback", thread_main, NULL, SCHED_OTHER, 0);

		err = IS_ERR(t) ? -ENOMEM : 0;
		wb.thread = err ? NULL : t;
	}
	if (err == 0) {
		object_watch(&watch);
		s->since = 0;
		list_push_back(&wb.sources, &s->link);
	}
	mutex_unlock(&wb.mutex);
	return err;
}

void writeback_detach(struct writeback_source *s)
{
	mutex_lock(&wb.mutex);
	list_remove(&s->link);
	mutex_unlock(&wb.mutex);
}

void writeback_note(struct writeback_source *s)
{
	if (READ_ONCE(s->since) != 0)
		return;
	WRITE_ONCE(s->since, time_now());
	wake();
}
