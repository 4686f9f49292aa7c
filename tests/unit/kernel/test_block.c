// SPDX-License-Identifier: MIT
// SOURCES: kernel/block.c kernel/block_queue.c kernel/partition.c kernel/lib/format.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c tests/mock/slab.c tests/mock/block_layer.c
// DEFINES: CONFIG_DEBUG=1
/*
 * The block layer over a driver that plays a device without coherent caches: order, priorities,
 * caches, limits, failures, registration. Whoever waits lets the device and the disk's thread run
 * (mock_on_block).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/block_internal.h"
#include "kernel/errno.h"
#include "kernel/time.h"
#include "mm/slab.h"
#include "tests/mock/block_layer.h"
#include "tests/mock/dma.h"
#include "tests/mock/mock.h"
#include "tests/mock/objects.h"

#define SECTORS 4096
#define BUFFER  (384 << 10)
#define SECOND  NSEC_PER_SEC

/* Devices stay for good, so each test has its own disk. */
struct fake {
	struct block_device d;
	uint8_t *cells;
	struct block_request *has[BLOCK_DEPTH_MAX];
	unsigned nhas, started, resets, collected, discards, flushes;
	uint64_t order[64]; /* disk_sector of each request started */
	unsigned hold;      /* finish so many requests less than there are, */
	unsigned late;      /* until it was looked at so often; 0: for good */
	int start_error, status, reset_error;
	bool nonsense;
	struct fake *next;
};

static struct fake *fake, *fakes;
static struct block_device *d;
static char *memory;
static unsigned number;

/* ---- The device ---- */

static struct fake *fake_of(struct block_device *dev)
{
	return container_of(dev, struct fake, d);
}

static void fake_transfer(struct fake *f, struct block_request *r)
{
	uint8_t *at = f->cells + r->disk_sector * SECTOR_SIZE;

	for (unsigned i = 0; i < r->nsegments; i++) {
		phys_addr_t pa = virt_to_phys(r->segments[i].kva);

		if (r->op == BLOCK_READ)
			mock_device_write(pa, at, r->segments[i].bytes);
		else
			mock_device_read(pa, at, r->segments[i].bytes);
		at += r->segments[i].bytes;
	}
	f->flushes += r->op == BLOCK_FLUSH;
	f->discards += r->op == BLOCK_DISCARD;
}

static int fake_start(struct block_device *dev, struct block_request *r)
{
	struct fake *f = fake_of(dev);

	assert_true(spin_held(&dev->queue->lock) && hw_irqs_off());
	assert_true(f->nhas < dev->depth);
	if (f->start_error)
		return f->start_error;
	f->order[f->started++ % 64] = r->disk_sector;
	f->has[f->nhas++] = r;
	return 0;
}

/* The last that came is the first that ends. */
static void fake_collect(struct block_device *dev)
{
	struct fake *f = fake_of(dev);

	assert_true(preemptible());
	f->collected++;
	if (f->nonsense) {
		f->nonsense = false;
		block_distrust(dev);
		return;
	}
	if (f->late && f->collected >= f->late)
		f->hold = 0;
	for (unsigned n = f->nhas; n > f->hold; n--) {
		struct block_request *r = f->has[--f->nhas];

		if (!f->status)
			fake_transfer(f, r);
		block_complete(r, f->status);
	}
}

static int fake_reset(struct block_device *dev)
{
	struct fake *f = fake_of(dev);

	assert_true(preemptible());
	f->resets++;
	if (f->reset_error != -EBUSY)
		f->nhas = 0;
	return f->reset_error;
}

static const struct block_ops fake_ops = { fake_start, fake_collect, fake_reset };

/* What happens while somebody waits: an interrupt, and the thread's turn. */
static void others(void)
{
	if (fake->d.queue->nstarted)
		block_interrupt(&fake->d);
	mock_block_turns(&fake->d);
}

static void interrupt(void)
{
	block_interrupt(d);
	others();
}

static struct fake *fake_new(const char *name)
{
	struct fake *f = calloc(1, sizeof(*f));

	f->cells = calloc(SECTORS, SECTOR_SIZE);
	f->next = fakes;
	fakes = f;
	f->d = (struct block_device){ .devno = BLOCK_MAJOR << 20 | number++ * 16,
				      .sectors = SECTORS,
				      .block_size = SECTOR_SIZE,
				      .can_discard = true,
				      .write_cache = true,
				      .max_segments = 4,
				      .max_segment = BLOCK_REQUEST_MAX,
				      .max_discard = 1000,
				      .depth = 4,
				      .ops = &fake_ops };
	(void)snprintf(f->d.name, sizeof(f->d.name), "%s%u", name, number);
	return f;
}

static int setup(void **state)
{
	mock_setup(state);
	mock_on_block = others;
	memory = mock_ram + (32 << 20);
	fake = fake_new("t");
	d = &fake->d;
	assert_int_equal(block_register(d), 0);
	fake->started = fake->collected = 0;
	d->stats = (struct block_stats){ 0 };
	return 0;
}

static void fill(char *p, size_t n, unsigned seed)
{
	srand(seed);
	for (size_t i = 0; i < n; i++)
		p[i] = (char)rand();
}

/* ---- Tests ---- */

static void test_transfers(void **state)
{
	static char copy[BUFFER];

	(void)state;
	fill(memory, BUFFER, 1);
	memcpy(copy, memory, BUFFER);
	assert_int_equal(block_write(d, 8, memory, BUFFER), 0);
	assert_int_equal(fake->started, BUFFER / BLOCK_REQUEST_MAX);
	assert_memory_equal(fake->cells + 8 * SECTOR_SIZE, copy, BUFFER);
	/* Dirty lines over what is read into: they must not come back over it. */
	fill(memory, BUFFER, 2);
	assert_int_equal(block_read(d, 8, memory, BUFFER), 0);
	assert_memory_equal(memory, copy, BUFFER);
	assert_int_equal(block_read(d, SECTORS - 1, memory, SECTOR_SIZE), 0);
	assert_int_equal(block_read(d, 3, memory, 0), 0);
	assert_int_equal(d->queue->nstarted, 0);
}

static void test_errors(void **state)
{
	(void)state;
	fake->status = -EIO;
	assert_int_equal(block_read(d, 0, memory, PAGE_SIZE), -EIO);
	assert_int_equal(block_write(d, 0, memory, BUFFER), -EIO);
	fake->status = 0;
	fake->start_error = -ENODEV;
	assert_int_equal(block_transfer(d, BLOCK_READ, 0, memory, PAGE_SIZE), -ENODEV);
	assert_int_equal(block_read(d, 0, memory, PAGE_SIZE), -EIO); /* what a program is told */
	assert_int_equal(block_write(d, 0, memory, PAGE_SIZE), -EIO);
	fake->start_error = 0;
	assert_int_equal(block_read(d, 0, memory, PAGE_SIZE), 0);
}

static void test_flush_and_discard(void **state)
{
	(void)state;
	assert_int_equal(block_flush(d), 0);
	assert_int_equal(fake->flushes, 1);
	assert_int_equal(block_discard(d, 100, 2500), 0);
	assert_int_equal(fake->discards, 3);
	assert_int_equal(block_discard(d, SECTORS - 10, 11), -EINVAL);
	d->write_cache = false;
	assert_int_equal(block_flush(d), 0);
	assert_int_equal(fake->flushes, 1);
	d->can_discard = false;
	assert_int_equal(block_discard(d, 0, 8), -EOPNOTSUPP);
	d->can_discard = d->read_only = true;
	assert_int_equal(block_discard(d, 0, 8), -EROFS);
	assert_int_equal(block_write(d, 0, memory, 512), -EROFS);
	assert_int_equal(block_read(d, 0, memory, 512), 0);
}

static unsigned ended;

static void count_end(struct block_request *r)
{
	assert_true(preemptible());
	assert_true(r->data == NULL);
	ended++;
}

static struct block_segment seg[8];

static struct block_request shape(enum block_op op, uint64_t sector, uint32_t sectors, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		seg[i] = (struct block_segment){ memory + i * PAGE_SIZE,
						 (uint32_t)(sectors * SECTOR_SIZE / n) };
	return (struct block_request){ .device = d,
				       .op = op,
				       .sector = sector,
				       .sectors = sectors,
				       .segments = seg,
				       .nsegments = n,
				       .done = count_end };
}

static void refused(struct block_request r)
{
	unsigned started = fake->started;

	ended = 0;
	r.status = 77;
	block_submit(&r);
	assert_int_equal(ended, 1);
	assert_int_equal(r.status, -EINVAL);
	assert_int_equal(fake->started, started);
}

static void test_shapes(void **state)
{
	struct block_request r;

	(void)state;
	refused(shape(BLOCK_READ, SECTORS, 8, 1));
	refused(shape(BLOCK_READ, SECTORS - 7, 8, 1));
	refused(shape(BLOCK_READ, UINT64_MAX, 8, 1));
	refused(shape(BLOCK_READ, UINT64_MAX - 7, 8, 1));
	refused(shape(BLOCK_READ, 0, 0, 0));
	refused(shape(BLOCK_READ, 0, 8, 0));
	refused(shape(BLOCK_READ, 0, 40, 5));
	refused(shape(BLOCK_FLUSH, 0, 8, 1));
	refused(shape(BLOCK_DISCARD, 0, 8, 1));
	refused(shape(BLOCK_DISCARD, 0, 0, 0));
	refused(shape(BLOCK_OPS, 0, 8, 1));
	r = shape(BLOCK_READ, 0, 8, 2);
	r.sectors = 9;
	refused(r);
	r = shape(BLOCK_WRITE, 0, 8, 2);
	seg[1].kva = (char *)seg[1].kva + 64;
	refused(r);
	r = shape(BLOCK_WRITE, 0, 8, 2);
	seg[1].bytes = 0;
	r.sectors = 4;
	refused(r);
	r = shape(BLOCK_WRITE, 0, 8, 1);
	seg[0].bytes = 100;
	refused(r);
	r = shape(BLOCK_WRITE, 0, BLOCK_REQUEST_MAX / 512 + 2, 2); /* together too much */
	refused(r);
	d->max_segment = PAGE_SIZE;
	refused(shape(BLOCK_READ, 0, 9, 1));
	d->block_size = 4096;
	refused(shape(BLOCK_READ, 8, 9, 1));
	refused(shape(BLOCK_READ, 4, 8, 1));
	refused(shape(BLOCK_READ, 0, 8, 2));
	assert_int_equal(block_read(d, 8, memory, 512), -EINVAL);
	assert_int_equal(block_read(d, 8, memory, 100), -EINVAL);
	r = shape(BLOCK_READ, 8, 8, 1);
	assert_int_equal(block_submit_wait(&r), 0);
}

static struct block_request many[32];

/* Submits a request of one block at `sector` as a task of that priority. */
static void submit_op(unsigned i, enum block_op op, int prio, uint64_t sector)
{
	static struct block_segment s[32];

	s[i] = (struct block_segment){ memory + i * PAGE_SIZE, 512 };
	many[i] = (struct block_request){ .device = d,
					  .op = op,
					  .sector = sector,
					  .sectors = 1,
					  .segments = &s[i],
					  .nsegments = 1,
					  .done = count_end };
	hw_current()->sched.prio = prio;
	block_submit(&many[i]);
	hw_current()->sched.prio = 0;
}

static void submit(unsigned i, int prio, uint64_t sector)
{
	submit_op(i, BLOCK_READ, prio, sector);
}

static void test_priorities(void **state)
{
	static const uint64_t order[] = { 10, 11, 12, 50, 91, 51, 13, 14, 15 };

	(void)state;
	ended = 0;
	fake->hold = 32;
	for (unsigned i = 0; i < 6; i++)
		submit(i, PRIO_FAIR, 10 + i);
	/* Of four places one is kept for the urgent. */
	assert_int_equal(fake->nhas, 3);
	assert_int_equal(d->queue->thread->sched.boost, 0);
	submit(6, 50, 50);
	assert_int_equal(fake->nhas, 4);
	assert_int_equal(d->queue->thread->sched.boost, 50);
	submit(7, 50, 51);
	submit(8, PRIO_RT_MAX, 91);
	assert_int_equal(fake->nhas, 4);
	assert_int_equal(d->queue->thread->sched.boost, PRIO_RT_MAX);
	/* One by one. The device ends its latest first. */
	for (fake->hold = 3; ended<9; fake->hold -= fake->hold> 0)
		interrupt();
	for (unsigned i = 0; i < 9; i++)
		assert_int_equal(fake->order[i], order[i]);
	assert_int_equal(d->queue->thread->sched.boost, 0);
	assert_int_equal(d->queue->nstarted, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(d->queue->urgent); i++)
		assert_int_equal(d->queue->urgent[i], 0);
}

static struct task *sleeper;

/* Somebody urgent waits for what the sleeper reads: its request, in the queue so far, gets the
 * place that is kept for such. */
static void lend_and_go_on(void)
{
	assert_int_equal(fake->nhas, 3);
	block_hurry(sleeper, 50);
	mock_block_turns(d);
	assert_int_equal(fake->nhas, 4);
	assert_int_equal(d->queue->thread->sched.boost, 50);
	block_hurry(sleeper, 60); /* the driver's by now: its end is more urgent */
	assert_int_equal(d->queue->thread->sched.boost, 60);
	fake->hold = 0;
	mock_on_block = others;
	others();
}

static void test_lent_priority(void **state)
{
	(void)state;
	ended = 0;
	fake->hold = 32;
	for (unsigned i = 0; i < 4; i++)
		submit(i, PRIO_FAIR, 10 + i);
	sleeper = hw_current();
	mock_on_block = lend_and_go_on;
	assert_int_equal(block_read(d, 20, memory + 10 * PAGE_SIZE, 512), 0);
	assert_int_equal(fake->order[3], 20); /* before sector 13, which came first */
	assert_null(sleeper->block_queue);
	block_hurry(sleeper, 70); /* sleeps for nothing */
	assert_int_equal(d->queue->thread->sched.boost, 0);
	while (ended < 4)
		interrupt();
	assert_int_equal(d->queue->thread->sched.boost, 0);
}

/* A request of which somebody knows that it is waited for: before it is submitted, in the queue,
 * while it ends. */
static struct block_request *ending;

static void raise_while_ending(struct block_request *r)
{
	ended++;
	assert_int_equal(d->queue->thread->sched.boost, 0);
	block_raise(r, 40);
	assert_int_equal(d->queue->thread->sched.boost, 40);
	ending = r;
}

static struct block_request one_sector(uint64_t sector, void (*done)(struct block_request *r))
{
	static struct block_segment s = { .bytes = 512 };

	s.kva = memory;
	return (struct block_request){ .device = d,
				       .op = BLOCK_READ,
				       .sector = sector,
				       .sectors = 1,
				       .segments = &s,
				       .nsegments = 1,
				       .done = done };
}

static void test_raise(void **state)
{
	struct block_request early = one_sector(77, count_end);

	(void)state;
	ended = 0;
	fake->hold = 32;
	for (unsigned i = 0; i < 6; i++)
		submit(i, PRIO_FAIR, 10 + i);
	assert_int_equal(fake->nhas, 3);
	block_raise(&early, PRIO_DEADLINE); /* more than a disk knows */
	assert_int_equal(d->queue->thread->sched.boost, 0);
	block_submit(&early);
	assert_int_equal(early.prio, PRIO_RT_MAX);
	assert_int_equal(fake->nhas, 4);
	assert_int_equal(d->queue->thread->sched.boost, PRIO_RT_MAX);
	block_raise(&many[5], 30); /* before 13 and 14 */
	assert_int_equal(many[5].prio, 30);
	block_raise(&many[5], 20); /* is no less */
	assert_int_equal(many[5].prio, 30);
	fake->hold = 4;
	interrupt();
	assert_int_equal(fake->order[3], 77);
	fake->hold = 0;
	while (ended < 7)
		interrupt();
	assert_int_equal(fake->order[4], 15);
	assert_int_equal(d->queue->thread->sched.boost, 0);
	/* What has ended is not told of yet. */
	early = one_sector(78, raise_while_ending);
	fake->hold = 1;
	block_submit(&early);
	fake->hold = 0;
	while (ended < 8)
		interrupt();
	assert_ptr_equal(ending, &early);
	assert_int_equal(d->queue->thread->sched.boost, 0);
}

static void test_depth_one(void **state)
{
	(void)state;
	d->depth = 1;
	ended = 0;
	fake->hold = 1;
	submit(0, PRIO_FAIR, 1);
	submit(1, PRIO_FAIR, 2);
	submit(2, 1, 3);
	assert_int_equal(fake->nhas, 1);
	fake->hold = 0;
	interrupt();
	interrupt();
	interrupt();
	assert_int_equal(ended, 3);
	assert_int_equal(fake->order[1], 3);
}

/* Among equals reads come before writes, which are not kept waiting for ever; a more urgent write
 * comes before both. */
static void test_reads_first(void **state)
{
	(void)state;
	d->depth = 1;
	ended = 0;
	fake->hold = 1;
	submit_op(0, BLOCK_WRITE, PRIO_FAIR, 100);
	submit_op(1, BLOCK_WRITE, PRIO_FAIR, 101);
	for (unsigned i = 2; i < 22; i++)
		submit(i, PRIO_FAIR, i);
	submit_op(22, BLOCK_WRITE, 7, 102);
	submit_op(23, BLOCK_WRITE, PRIO_FAIR, 103);
	fake->hold = 0;
	while (ended < 24)
		interrupt();
	assert_int_equal(fake->order[0], 100); /* the device had it */
	assert_int_equal(fake->order[1], 102);
	for (unsigned i = 2; i < 18; i++)
		assert_int_equal(fake->order[i], i);
	assert_int_equal(fake->order[18], 101);
	for (unsigned i = 18; i < 22; i++)
		assert_int_equal(fake->order[i + 1], i);
	assert_int_equal(fake->order[23], 103);
}

/* Writes leave places in the device to reads. */
static void test_places_for_reads(void **state)
{
	(void)state;
	ended = 0;
	fake->hold = 32;
	for (unsigned i = 0; i < 4; i++)
		submit_op(i, BLOCK_WRITE, PRIO_FAIR, 100 + i);
	assert_int_equal(fake->nhas, 2);
	submit(4, PRIO_FAIR, 1);
	submit(5, PRIO_FAIR, 2);
	assert_int_equal(fake->nhas, 3);
	assert_int_equal(fake->order[2], 1);
	for (fake->hold = 0; ended < 6;)
		interrupt();
}

/* A request that cannot be started ends, and the next one gets its turn. */
static void test_start_fails(void **state)
{
	(void)state;
	ended = 0;
	fake->hold = 32;
	for (unsigned i = 0; i < 6; i++)
		submit(i, PRIO_FAIR, i);
	fake->hold = 0;
	fake->start_error = -EIO;
	interrupt();
	assert_int_equal(ended, 6);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(many[i].status, i < 3 ? 0 : -EIO);
}

static void wait_out(uint64_t ns)
{
	mock_time_advance(ns);
	others();
}

static void test_hang(void **state)
{
	(void)state;
	ended = 0;
	fake->hold = 32;
	for (unsigned i = 0; i < 5; i++)
		submit(i, PRIO_FAIR, i);
	wait_out(20 * SECOND);
	assert_int_equal(fake->resets, 0);
	fake->hold = 2;
	interrupt(); /* one ends, the fourth is started */
	fake->hold = 32;
	assert_int_equal(ended, 1);
	wait_out(11 * SECOND);
	/* The first two have had their time; what was there with them is lost too, what waited is
	 * tried. */
	assert_int_equal(fake->resets, 1);
	assert_int_equal(ended, 4);
	assert_int_equal(many[0].status, -EIO);
	assert_int_equal(fake->nhas, 1);
	wait_out(29 * SECOND);
	assert_int_equal(fake->resets, 1);
	fake->hold = 0;
	interrupt();
	assert_int_equal(ended, 5);
	assert_int_equal(many[4].status, 0);
	wait_out(100 * SECOND);
	assert_int_equal(fake->resets, 1);
	assert_non_null(strstr(mock_log(), "no answer for 30 seconds"));
}

/* An answer that is there when the time is up, or comes just then, counts, interrupt or not. */
static void test_late_answer(void **state)
{
	(void)state;
	ended = 0;
	fake->hold = 32;
	submit(0, PRIO_FAIR, 0);
	fake->late = fake->collected + 1000;
	wait_out(31 * SECOND);
	assert_int_equal(fake->resets, 0);
	assert_int_equal(ended, 1);
	assert_int_equal(many[0].status, 0);
}

/* A timer that finds younger requests is set for them. */
static void test_timer_moves_on(void **state)
{
	(void)state;
	ended = 0;
	assert_int_equal(block_read(d, 0, memory, 512), 0);
	wait_out(25 * SECOND);
	fake->hold = 32;
	submit(0, PRIO_FAIR, 1);
	wait_out(29 * SECOND);
	assert_int_equal(fake->resets, 0);
	wait_out(2 * SECOND);
	assert_int_equal(fake->resets, 1);
	assert_int_equal(many[0].status, -EIO);
}

static void test_dead(void **state)
{
	(void)state;
	ended = 0;
	fake->hold = 32;
	for (unsigned i = 0; i < 5; i++)
		submit(i, PRIO_FAIR, i);
	fake->reset_error = -ENODEV;
	wait_out(31 * SECOND);
	assert_int_equal(ended, 5);
	assert_int_equal(many[0].status, -EIO);
	assert_int_equal(many[4].status, -ENODEV);
	assert_int_equal(block_transfer(d, BLOCK_READ, 0, memory, 512), -ENODEV);
	assert_int_equal(d->stats.in_flight, 0);
	fake->collected = 0;
	interrupt();
	wait_out(100 * SECOND);
	assert_int_equal(fake->collected, 0);
	assert_int_equal(fake->resets, 1);
}

/* Memory that the device may still write to is never given back. */
static void test_unstoppable(void **state)
{
	(void)state;
	ended = 0;
	fake->hold = 32;
	for (unsigned i = 0; i < 5; i++)
		submit(i, PRIO_FAIR, i);
	fake->reset_error = -EBUSY;
	wait_out(31 * SECOND);
	assert_int_equal(ended, 2);
	assert_int_equal(many[3].status, -ENODEV);
	assert_int_equal(block_transfer(d, BLOCK_READ, 0, memory, 512), -ENODEV);
	wait_out(100 * SECOND);
	assert_int_equal(fake->resets, 1);
	assert_non_null(strstr(mock_log(), "cannot be stopped"));
}

static void test_nonsense(void **state)
{
	(void)state;
	ended = 0;
	fake->hold = 32;
	submit(0, PRIO_FAIR, 1);
	fake->nonsense = true;
	interrupt();
	assert_int_equal(fake->resets, 1);
	assert_int_equal(many[0].status, -EIO);
	fake->hold = 0;
	assert_int_equal(block_read(d, 0, memory, 512), 0);
}

static void test_stats(void **state)
{
	struct block_stats s;

	(void)state;
	ended = 0;
	fake->hold = 32;
	submit(0, PRIO_FAIR, 1);
	mock_time_advance(1000);
	submit(1, PRIO_FAIR, 1);
	mock_time_advance(500);
	block_stats_get(d, &s);
	assert_int_equal(s.in_flight, 2);
	assert_int_equal(s.busy_ns, 1500);
	assert_int_equal(s.weighted_ns, 2000);
	fake->hold = 0;
	interrupt();
	mock_time_advance(5000);
	fake->status = -EIO;
	assert_int_equal(block_write(d, 0, memory, 1024), -EIO);
	block_stats_get(d, &s);
	assert_int_equal(s.in_flight, 0);
	assert_int_equal(s.busy_ns, 1500);
	assert_int_equal(s.requests[BLOCK_READ], 2);
	assert_int_equal(s.sectors[BLOCK_READ], 2);
	assert_int_equal(s.ns[BLOCK_READ], 2000);
	assert_int_equal(s.requests[BLOCK_WRITE], 1);
	assert_int_equal(s.sectors[BLOCK_WRITE], 0);
	assert_int_equal(s.errors, 1);
}

/* An MBR with two partitions. */
static void write_table(struct fake *f)
{
	static const uint8_t table[] = { 0, 0, 0, 0, 0x83, 0, 0, 0, 64, 0, 0, 0, 0, 4, 0, 0,
					 0, 0, 0, 0, 0x82, 0, 0, 0, 0,  8, 0, 0, 0, 1, 0, 0 };

	memcpy(f->cells + 446, table, sizeof(table));
	memcpy(f->cells + 510, "\x55\xaa", 2);
}

static struct block_device *named(const char *disk, const char *part)
{
	char name[32];

	(void)snprintf(name, sizeof(name), "/dev/%s%s", disk, part);
	return block_find(name);
}

static void test_partitions(void **state)
{
	struct block_device *p1, *p2;
	struct block_stats s;

	(void)state;
	fake = fake_new("p"); /* pN: ends in a digit */
	write_table(fake);
	mock_block_nodes = 0;
	assert_int_equal(block_register(&fake->d), 0);
	assert_int_equal(mock_block_nodes, 3);
	p1 = named(fake->d.name, "p1");
	p2 = named(fake->d.name, "p2");
	assert_non_null(p1);
	assert_non_null(p2);
	assert_int_equal(p1->devno, fake->d.devno + 1);
	assert_ptr_equal(block_find_number(p2->devno), p2);
	assert_ptr_equal(block_next(&fake->d), p1);
	assert_ptr_equal(block_next(p1), p2);
	assert_int_equal(p1->sectors, 1024);
	/* Addresses are the partition's, ends too. */
	fill(memory, 1024, 3);
	assert_int_equal(block_write(p2, 255, memory, 512), 0);
	assert_memory_equal(fake->cells + (2048 + 255) * 512, memory, 512);
	assert_int_equal(block_write(p2, 255, memory, 1024), -EINVAL);
	block_stats_get(p2, &s);
	assert_int_equal(s.requests[BLOCK_WRITE], 1);
	block_stats_get(p1, &s);
	assert_int_equal(s.requests[BLOCK_WRITE], 0);
	block_stats_get(&fake->d, &s);
	assert_int_equal(s.requests[BLOCK_WRITE], 1);
	/* Claims. */
	assert_int_equal(block_claim(p1, "ext2"), 0);
	assert_int_equal(block_claim(p1, "swap"), -EBUSY);
	assert_int_equal(block_claim(&fake->d, "swap"), -EBUSY);
	assert_int_equal(block_claim(p2, "swap"), 0);
	block_release(p1);
	block_release(p2);
	p1->sectors = 2048 - 64 + 1; /* by a table that is wrong: over the first sector of 2 */
	assert_int_equal(block_claim(p1, "ext2"), 0);
	assert_int_equal(block_claim(p2, "swap"), -EBUSY);
	block_release(p1);
	p1->sectors--;
	assert_int_equal(block_claim(p2, "swap"), 0);
	assert_int_equal(block_claim(p1, "ext2"), 0);
	block_release(p1);
	block_release(p2);
	assert_int_equal(block_claim(&fake->d, "ext2"), 0);
	assert_int_equal(block_claim(p2, "swap"), -EBUSY);
	block_release(&fake->d);
	assert_null(block_find("nothing"));
	assert_null(block_find_number(12345));
}

static void test_registration(void **state)
{
	struct fake *f = fake_new("r");
	struct block_device good = f->d;
	unsigned objects;

	(void)state;
	fake = f;
#define REFUSED(field, value)                                                                      \
	do {                                                                                       \
		f->d = good;                                                                       \
		f->d.field = (value);                                                              \
		assert_int_equal(block_register(&f->d), -EINVAL);                                  \
	} while (0)
	REFUSED(sectors, 0);
	REFUSED(sectors, UINT64_MAX);
	REFUSED(block_size, 0);
	REFUSED(block_size, 256);
	REFUSED(block_size, 8192);
	REFUSED(block_size, 1536);
	REFUSED(max_segments, 0);
	REFUSED(max_segment, 100);
	REFUSED(depth, 0);
	REFUSED(max_discard, 0);
	f->d = good;
	f->d.sectors = 4097;
	f->d.block_size = 1024;
	assert_int_equal(block_register(&f->d), -EINVAL);
	f->d = good;
	f->d.devno = d->devno;
	objects = mock_objects_out();
	assert_int_equal(block_register(&f->d), -EEXIST);
	assert_int_equal(mock_objects_out(), objects);
	f->d = good;
	strcpy(f->d.name, d->name);
	assert_int_equal(block_register(&f->d), -EEXIST);
	assert_int_equal(mock_objects_out(), objects);
}

/* Whatever allocation fails: either nothing is left of the disk, or it is there, with or without
 * some partitions. */
static void test_no_memory(void **state)
{
	(void)state;
	for (unsigned n = 1;; n++) {
		unsigned objects = mock_objects_out();
		uint32_t frames = frames_free();
		int err;

		fake = fake_new("m");
		write_table(fake);
		mock_fail_allocation(n);
		err = block_register(&fake->d);
		assert_int_equal(frames_free(), frames);
		if (err) {
			assert_int_equal(err, -ENOMEM);
			assert_int_equal(mock_objects_out(), objects);
			assert_null(block_find(fake->d.name));
		} else {
			assert_ptr_equal(block_find(fake->d.name), &fake->d);
			assert_int_equal(block_read(&fake->d, 0, memory, 512), 0);
		}
		if (!mock_failed_allocation())
			break;
		assert_true(err || strstr(mock_log(), fake->d.name));
	}
	assert_non_null(named(fake->d.name, "p2"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_transfers, setup, mock_teardown),
		cmocka_unit_test_setup_teardown(test_errors, setup, mock_teardown),
		cmocka_unit_test_setup_teardown(test_flush_and_discard, setup, mock_teardown),
		cmocka_unit_test_setup_teardown(test_shapes, setup, mock_teardown),
		cmocka_unit_test_setup_teardown(test_priorities, setup, mock_teardown),
		cmocka_unit_test_setup_teardown(test_lent_priority, setup, mock_teardown),
		cmocka_unit_test_setup_teardown(test_raise, setup, mock_teardown),
		cmocka_unit_test_setup_teardown(test_depth_one, setup, mock_teardown),
		cmocka_unit_test_setup_teardown(test_reads_first, setup, mock_teardown),
		cmocka_unit_test_setup_teardown(test_places_for_reads, setup, mock_teardown),
		cmocka_unit_test_setup_teardown(test_start_fails, setup, mock_teardown),
		cmocka_unit_test_setup_teardown(test_hang, setup, mock_teardown),
		cmocka_unit_test_setup_teardown(test_late_answer, setup, mock_teardown),
		cmocka_unit_test_setup_teardown(test_timer_moves_on, setup, mock_teardown),
		cmocka_unit_test_setup_teardown(test_dead, setup, mock_teardown),
		cmocka_unit_test_setup_teardown(test_unstoppable, setup, mock_teardown),
		cmocka_unit_test_setup_teardown(test_nonsense, setup, mock_teardown),
		cmocka_unit_test_setup_teardown(test_stats, setup, mock_teardown),
		cmocka_unit_test_setup_teardown(test_partitions, setup, mock_teardown),
		cmocka_unit_test_setup_teardown(test_registration, setup, mock_teardown),
		cmocka_unit_test_setup_teardown(test_no_memory, setup, mock_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
