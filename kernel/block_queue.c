// SPDX-License-Identifier: MIT
/*
 * The queue of a disk and its thread. Requests wait by the priority that their submitter had then;
 * among equals reads go before all others, as somebody waits for each of them, but not more than
 * READS_PASS before a request that is next; then in order of arrival. The driver gets as many as
 * its device takes at once, of which a quarter are kept for real-time tasks, and another one for
 * reads: what the device has begun cannot be overtaken any more.
 *
 * The interrupt only wakes the thread. It collects what has ended, does the cache maintenance for
 * memory that a device wrote (as long as the memory is: nothing for an interrupt handler) and calls
 * done(). It runs at the priority of the most urgent request there is, so a real-time task waits
 * neither for the ordinary ones' completions nor behind tasks that are less urgent than itself.
 *
 * A device that keeps a request for BLOCK_TIMEOUT is reset; its requests fail, those that wait are
 * tried.
 *
 * Caches (DDI 0487, D7.5.9, and B2.7.3 on mismatched observers): before a device that does not look
 * into them reads memory, lines are cleaned; before it writes, they are dropped, so that none is
 * written back over what it wrote, and after, so that none read ahead meanwhile is taken for it.
 */
#include "kernel/block_internal.h"
#include "kernel/errno.h"
#include "kernel/log.h"
#include "kernel/psi.h"
#include "kernel/time.h"
#include "mm/slab.h"

#define READS_PASS 16u
#define LATE_LOOKS (1u << 20)

/* ---- Waiting requests ---- */

static unsigned rank_of(const struct block_request *r)
{
	return 2 * (unsigned)r->prio + (r->op == BLOCK_READ);
}

static void enqueue_locked(struct block_queue *q, struct block_request *r)
{
	unsigned rank = rank_of(r);

	DEBUG_ASSERT(spin_held(&q->lock));
	r->waiting = true;
	list_push_back(&q->waiting[rank], &r->link);
	q->urgent[rank / 64] |= (uint64_t)1 << rank % 64;
}

/* The highest rank of the requests that wait, -1: none does. */
static int top_rank_locked(const struct block_queue *q)
{
	for (int i = ARRAY_SIZE(q->urgent) - 1; i >= 0; i--)
		if (q->urgent[i])
			return i * 64 + 63 - __builtin_clzll(q->urgent[i]);
	return -1;
}

/* The rank whose turn it is: the highest, or the writes below it that too many reads overtook. */
static int next_rank_locked(const struct block_queue *q)
{
	int rank = top_rank_locked(q);

	/* A read's rank is odd, so it shares its word with the one below. */
	if (rank > 0 && rank % 2 == 1 && q->passed >= READS_PASS &&
	    q->urgent[rank / 64] >> (rank - 1) % 64 & 1)
		return rank - 1;
	return rank;
}

static void take_out_locked(struct block_queue *q, struct block_request *r)
{
	unsigned rank = rank_of(r);

	r->waiting = false;
	list_remove(&r->link);
	if (list_empty(&q->waiting[rank]))
		q->urgent[rank / 64] &= ~((uint64_t)1 << rank % 64);
}

static struct block_request *dequeue_locked(struct block_queue *q, unsigned rank)
{
	struct block_request *r = list_first(&q->waiting[rank], struct block_request, link);

	take_out_locked(q, r);
	q->passed =
		rank % 2 == 1 && q->urgent[rank / 64] >> (rank - 1) % 64 & 1 ? q->passed + 1 : 0;
	return r;
}

/* How full a request of this rank may make the device. */
static unsigned depth_for(const struct block_queue *q, unsigned rank)
{
	unsigned depth = MIN(q->disk->depth, BLOCK_DEPTH_MAX), quarter = depth / 4;

	if (rank / 2 >= PRIO_RT_MIN)
		return depth;
	return depth - (rank % 2 == 1 ? quarter : 2 * quarter);
}

/* The thread is as urgent as the most urgent request, waiting, started or ending: at most
 * BLOCK_DEPTH_MAX steps. */
static void boost_locked(struct block_queue *q)
{
	int rank = top_rank_locked(q), prio = MAX(MAX(rank / 2, PRIO_FAIR), q->ending);
	struct block_request *r;

	list_for_each (r, &q->started, link)
		prio = MAX(prio, r->prio);
	if (prio != q->boost) {
		q->boost = prio;
		sched_boost(q->thread, prio);
	}
}

/* ---- Figures ---- */

/* Advances d's times to now and counts n requests more or fewer under way from then on. */
static void stats_step(struct block_device *d, uint64_t now, int n)
{
	struct block_stats *s = &d->stats;

	if (s->in_flight) {
		s->busy_ns += now - s->since;
		s->weighted_ns += (now - s->since) * s->in_flight;
	}
	s->since = now;
	s->in_flight = (uint32_t)((int)s->in_flight + n);
}

static void stats_ended(struct block_device *d, const struct block_request *r, uint64_t now)
{
	struct block_stats *s = &d->stats;

	stats_step(d, now, -1);
	s->requests[r->op]++;
	s->sectors[r->op] += r->status ? 0 : r->sectors;
	s->ns[r->op] += now - r->submitted;
	s->errors += r->status != 0;
}

static void account_begin_locked(struct block_request *r)
{
	r->submitted = time_now();
	stats_step(r->device, r->submitted, 1);
	if (r->device != r->device->disk)
		stats_step(r->device->disk, r->submitted, 1);
}

static void account_end_locked(struct block_request *r)
{
	uint64_t now = time_now();

	stats_ended(r->device, r, now);
	if (r->device != r->device->disk)
		stats_ended(r->device->disk, r, now);
}

void block_stats_get(struct block_device *d, struct block_stats *s)
{
	uint64_t irq = spin_lock_irq(&d->queue->lock);

	stats_step(d, time_now(), 0);
	*s = d->stats;
	spin_unlock_irq(&d->queue->lock, irq);
}

/* ---- Beginning ---- */

static void caches_before(const struct block_request *r)
{
	if (r->device->disk->coherent)
		return;
	for (unsigned i = 0; i < r->nsegments; i++)
		if (r->op == BLOCK_READ)
			hw_dma_invalidate(r->segments[i].kva, r->segments[i].bytes);
		else
			hw_dma_clean(r->segments[i].kva, r->segments[i].bytes);
}

static void caches_after(const struct block_request *r)
{
	if (r->op != BLOCK_READ || r->device->disk->coherent)
		return;
	for (unsigned i = 0; i < r->nsegments; i++)
		hw_dma_invalidate(r->segments[i].kva, r->segments[i].bytes);
}

static void timer_set_locked(struct block_queue *q, uint64_t deadline)
{
	if (!q->timer_set) {
		q->timer_set = true;
		timer_start(&q->timer, deadline);
	}
}

/* Hands the most urgent request to the driver, if it may have one more. Returns a request that
 * could not be begun: its end is accounted, done() is to be called without the lock. *more is set
 * when another call may begin another one. */
static struct block_request *start_next_locked(struct block_queue *q, bool *more)
{
	int rank = next_rank_locked(q);
	struct block_request *r;

	*more = false;
	if (rank < 0 || q->resetting || (!q->dead && q->nstarted >= depth_for(q, (unsigned)rank)))
		return NULL;
	*more = true;
	r = dequeue_locked(q, (unsigned)rank);
	r->status = q->dead ? -ENODEV : q->disk->ops->start(q->disk, r);
	if (r->status) {
		account_end_locked(r);
		return r;
	}
	r->started = time_now();
	list_push_back(&q->started, &r->link);
	q->nstarted++;
	timer_set_locked(q, r->started + BLOCK_TIMEOUT);
	return NULL;
}

static void start_all(struct block_queue *q)
{
	bool more;

	do {
		uint64_t irq = spin_lock_irq(&q->lock);
		struct block_request *failed = start_next_locked(q, &more);

		q->ending = -1;
		boost_locked(q);
		spin_unlock_irq(&q->lock, irq);
		if (failed)
			failed->done(failed);
	} while (more);
}

/* 0, or why the device cannot do this. */
static int request_check(const struct block_request *r)
{
	const struct block_device *d = r->device;
	uint64_t bytes = 0, mask = d->block_size - 1;

	if (r->op == BLOCK_FLUSH)
		return r->nsegments ? -EINVAL : 0;
	if (r->op >= BLOCK_OPS || r->sector > d->sectors || r->sectors > d->sectors - r->sector ||
	    r->sectors == 0 || ((r->sector | r->sectors) << SECTOR_SHIFT & mask) != 0)
		return -EINVAL;
	if (r->op != BLOCK_READ && d->read_only)
		return -EROFS;
	if (r->op == BLOCK_DISCARD)
		return r->nsegments ? -EINVAL : d->can_discard ? 0 : -EOPNOTSUPP;
	if (r->nsegments > d->max_segments)
		return -EINVAL;
	for (unsigned i = 0; i < r->nsegments; i++) {
		const struct block_segment *s = &r->segments[i];

		if (s->bytes == 0 || s->bytes > d->max_segment || (s->bytes & mask) != 0 ||
		    !IS_ALIGNED((uintptr_t)s->kva, BLOCK_ALIGN))
			return -EINVAL;
		bytes += s->bytes;
	}
	return bytes == (uint64_t)r->sectors << SECTOR_SHIFT && bytes <= BLOCK_REQUEST_MAX
		       ? 0
		       : -EINVAL;
}

void block_submit(struct block_request *r)
{
	struct block_queue *q = r->device->queue;
	bool through = r->op == BLOCK_FLUSH && !r->device->write_cache;
	struct block_request *failed;
	bool more;
	uint64_t irq;

	DEBUG_ASSERT(preemptible());
	r->status = request_check(r);
	if (r->op == BLOCK_FLUSH)
		r->sector = r->sectors = 0;
	if (r->status || through) {
		r->done(r);
		return;
	}
	r->disk_sector = r->sector + r->device->start;
	caches_before(r);
	irq = spin_lock_irq(&q->lock);
	/* Under the lock: who lends a priority has lent it to the task before it looks at r. */
	r->prio = MIN(MAX(READ_ONCE(current()->sched.prio), r->prio), PRIO_RT_MAX);
	account_begin_locked(r);
	enqueue_locked(q, r);
	failed = start_next_locked(q, &more);
	boost_locked(q);
	spin_unlock_irq(&q->lock, irq);
	if (failed)
		failed->done(failed);
}

/* ---- Ending ---- */

void block_complete(struct block_request *r, int status)
{
	struct block_queue *q = r->device->queue;
	struct block_request *failed;
	bool more;
	uint64_t irq = spin_lock_irq(&q->lock);

	list_remove(&r->link);
	q->nstarted--;
	r->status = status;
	q->ending = MAX(q->ending, r->prio);
	account_end_locked(r);
	failed = start_next_locked(q, &more);
	spin_unlock_irq(&q->lock, irq);
	caches_after(r);
	r->done(r);
	if (failed)
		failed->done(failed);
}

static void event(struct block_queue *q, uint32_t e)
{
	if (!(__atomic_fetch_or(&q->events, e, __ATOMIC_RELEASE) & e))
		waitq_wake_one(&q->wake);
}

void block_interrupt(struct block_device *d)
{
	struct block_queue *q = atomic_load_acquire(&d->queue);

	if (q)
		event(q, EVENT_INTERRUPT);
}

void block_distrust(struct block_device *d)
{
	event(d->queue, EVENT_DISTRUST);
}

static void queue_timer(struct timer *t)
{
	event(container_of(t, struct block_queue, timer), EVENT_TIMER);
}

/* True when the oldest request under way has had its time; else the timer is set for it. */
static bool overdue(struct block_queue *q)
{
	uint64_t irq = spin_lock_irq(&q->lock), deadline = 0;
	bool late = false;

	q->timer_set = false;
	if (q->nstarted && !q->dead) {
		deadline = list_first(&q->started, struct block_request, link)->started +
			   BLOCK_TIMEOUT;
		late = deadline <= time_now();
		if (!late)
			timer_set_locked(q, deadline);
	}
	spin_unlock_irq(&q->lock, irq);
	return late;
}

/* Ends the requests that the driver had before it was reset. */
static void started_fail(struct block_queue *q)
{
	for (;;) {
		uint64_t irq = spin_lock_irq(&q->lock);
		struct block_request *r =
			q->nstarted ? list_first(&q->started, struct block_request, link) : NULL;

		spin_unlock_irq(&q->lock, irq);
		if (!r)
			return;
		block_complete(r, -EIO);
	}
}

static void reset(struct block_queue *q, const char *why)
{
	uint64_t irq = spin_lock_irq(&q->lock);
	unsigned n = q->nstarted;
	int err;

	q->resetting = true;
	spin_unlock_irq(&q->lock, irq);
	log_error("%s: %s; it is reset, %u requests fail", q->disk->name, why, n);
	err = q->disk->ops->reset(q->disk);
	if (err)
		log_error("%s: %s", q->disk->name,
			  err == -EBUSY ? "it cannot be stopped, what it has stays with it"
					: "it does not come back");
	if (err != -EBUSY)
		started_fail(q);
	irq = spin_lock_irq(&q->lock);
	q->resetting = false;
	q->dead = err != 0;
	spin_unlock_irq(&q->lock, irq);
}

/* Before a disk is given up: its answer may be there without an interrupt; and where an emulator
 * counts instructions, idle seconds pass at once, while its host needs time for a transfer that
 * only work gives it. About a tenth of a second. */
static bool answers_late(struct block_queue *q)
{
	for (unsigned looks = 0; looks < LATE_LOOKS; looks++) {
		q->disk->ops->collect(q->disk);
		if (!overdue(q))
			return true;
	}
	return false;
}

void block_queue_turn(struct block_queue *q)
{
	uint32_t events = __atomic_exchange_n(&q->events, 0, __ATOMIC_ACQUIRE);
	bool dead = READ_ONCE(q->dead); /* only this thread changes it */

	if (events & EVENT_DISTRUST && !dead)
		reset(q, "an answer that makes no sense");
	else if (!dead)
		q->disk->ops->collect(q->disk);
	if (events & EVENT_TIMER && overdue(q) && !answers_late(q))
		reset(q, "no answer for 30 seconds");
	start_all(q);
}

static void thread_main(void *arg)
{
	struct block_queue *q = arg;

	for (;;) {
		(void)wait_event(&q->wake, atomic_load(&q->events), WAIT_UNINTERRUPTIBLE,
				 WAIT_FOREVER);
		block_queue_turn(q);
	}
}

/* ---- Waiting ---- */

static struct waitq *ended_queue(const struct block_request *r)
{
	return &r->device->queue->ended[(uintptr_t)r / 64 % BLOCK_WAIT_QUEUES];
}

/* The flag is the last that is touched of r: the waiter may be gone with it at once. So the wait
 * queue is not r's own. */
static void sync_done(struct block_request *r)
{
	struct waitq *wq = ended_queue(r);

	atomic_store_release(&r->ended, true);
	waitq_wake_all(wq);
}

/* The running task's request is r; NULL: none. Under the lock, so that who lends finds a request
 * that is there. */
static void sleeps_for(struct block_queue *q, struct block_request *r)
{
	uint64_t irq = spin_lock_irq(&q->lock);

	current()->block_request = r;
	WRITE_ONCE(current()->block_queue, r ? q : NULL);
	spin_unlock_irq(&q->lock, irq);
}

int block_submit_wait(struct block_request *r)
{
	bool waits = psi_io_begin();

	r->done = sync_done;
	r->ended = r->waiting = false;
	sleeps_for(r->device->queue, r);
	block_submit(r);
	(void)wait_event(ended_queue(r), atomic_load_acquire(&r->ended), WAIT_UNINTERRUPTIBLE,
			 WAIT_FOREVER);
	sleeps_for(r->device->queue, NULL);
	psi_io_end(waits);
	return r->status;
}

/* r, or with t what that one sleeps for. Where that makes room for it, the thread begins it: who
 * calls may hold a spin lock. */
static void request_raise(struct block_queue *q, struct block_request *r, const struct task *t,
			  int prio)
{
	uint64_t irq = spin_lock_irq(&q->lock);
	bool waiting;

	if (t)
		r = READ_ONCE(t->block_queue) == q ? t->block_request : NULL;
	prio = MIN(prio, PRIO_RT_MAX);
	waiting = r && r->prio < prio && r->waiting;
	if (waiting)
		take_out_locked(q, r);
	if (r && r->prio < prio)
		r->prio = prio;
	if (waiting)
		enqueue_locked(q, r);
	else if (q->ending >= 0) /* r perhaps */
		q->ending = MAX(q->ending, prio);
	boost_locked(q);
	spin_unlock_irq(&q->lock, irq);
	if (waiting)
		event(q, EVENT_INTERRUPT);
}

void block_raise(struct block_request *r, int prio)
{
	request_raise(r->device->queue, r, NULL, prio);
}

void block_hurry(const struct task *t, int prio)
{
	struct block_queue *q = READ_ONCE(t->block_queue);

	if (q)
		request_raise(q, NULL, t, prio);
}

/* ---- Set-up ---- */

struct block_queue *block_queue_create(struct block_device *disk)
{
	struct block_queue *q = kmalloc(sizeof(*q), ALLOC_ZERO);

	if (!q)
		return NULL;
	q->disk = disk;
	q->ending = -1;
	spin_init(&q->lock);
	list_init(&q->started);
	waitq_init(&q->wake);
	for (unsigned i = 0; i < ARRAY_SIZE(q->waiting); i++)
		list_init(&q->waiting[i]);
	for (unsigned i = 0; i < BLOCK_WAIT_QUEUES; i++)
		waitq_init(&q->ended[i]);
	timer_init(&q->timer, queue_timer);
	q->thread = task_create_kernel(disk->name, thread_main, q, SCHED_OTHER, 0);
	if (IS_ERR(q->thread)) {
		kfree(q);
		return NULL;
	}
	return q;
}
