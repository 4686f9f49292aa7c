// SPDX-License-Identifier: MIT
// SOURCES: tests/mock/sched_sim.c kernel/sched.c kernel/sched_wake.c kernel/sched_rt.c kernel/sched_deadline.c kernel/sched_guard.c kernel/sched_fair.c kernel/sched_policy.c kernel/balance.c
// SOURCES: kernel/idle.c kernel/preempt.c kernel/mutex.c kernel/waitq.c kernel/lib/rbtree.c kernel/lib/format.c kernel/futex.c
// SOURCES: kernel/futex_queue.c kernel/futex_op.c kernel/futex_pi.c
// DEFINES: CONFIG_DEBUG=1
/*
 * Futexes on the simulated machine. User memory is host memory; reading it may take time (as a page
 * fault does), in which others run: that is where wake-ups could be lost.
 */
#include <linux/futex.h>

#include "tests/mock/sched_sim.h"
#include "tests/mock/trail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/errno.h"
#include "kernel/futex.h"
#include "kernel/futex_key.h"
#include "kernel/futex_pi.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "kernel/timespec.h"
#include "mm/aspace.h"
#include "mm/slab.h"
#include "mm/usercopy.h"

#define MS     NSEC_PER_MSEC
#define SECOND NSEC_PER_SEC

SYSCALL(futex);

static uint32_t words[64] __attribute__((aligned(4096)));
static struct aspace spaces[2];
static struct area shared_area, other_area;
static struct object object, other;
static uint64_t load_takes; /* ns that the next reads of user memory take */

/* ---- The rest of the kernel ---- */

bool signal_pending(void)
{
	return current()->hot.pending & (TASK_SIGNAL | TASK_KILLED);
}

struct area *area_find(struct aspace *as, virt_addr_t va)
{
	assert_true(mutex_held(&as->mutex));
	if (va >= other_area.start && va < other_area.end)
		return &other_area;
	return va >= shared_area.start && va < shared_area.end ? &shared_area : NULL;
}

struct object *object_get(struct object *o)
{
	o->refs++;
	return o;
}

void object_put(struct object *o)
{
	o->refs--;
}

bool user_range_ok(virt_addr_t p, size_t n)
{
	(void)n;
	return p < UINTPTR_MAX / 2;
}

int user_load32(uint32_t *value, virt_addr_t src)
{
	assert_true(preemptible());
	if (load_takes)
		sim_work(load_takes);
	if (src < 4096)
		return -EFAULT;
	*value = *(uint32_t *)src;
	return 0;
}

int user_compare_exchange32(virt_addr_t dst, uint32_t expected, uint32_t desired, uint32_t *seen)
{
	*seen = *(uint32_t *)dst;
	if (*seen == expected)
		*(uint32_t *)dst = desired;
	return 0;
}

int timespec_from_user(virt_addr_t src, uint64_t *ns)
{
	*ns = *(uint64_t *)src; /* tests pass nanoseconds */
	return 0;
}

void *malloc(size_t size);
void free(void *p);

static int allocated;

void *kmalloc(size_t size, unsigned flags)
{
	void *p = malloc(size);

	assert_non_null(p);
	if (flags & ALLOC_ZERO)
		memset(p, 0, size);
	allocated++;
	return p;
}

void kfree(void *p)
{
	allocated -= p != NULL;
	free(p);
}

static struct task *known[8]; /* by tid */

struct task *task_find(int tid)
{
	return tid < (int)ARRAY_SIZE(known) && known[tid] ? task_get(known[tid]) : NULL;
}

/* ---- Helpers ---- */

static int64_t call(uint32_t *word, int op, uint32_t val, uint64_t arg4, uint32_t *word2,
		    uint32_t val3)
{
	const uint64_t args[] = { (uint64_t)word, (uint64_t)op, val, arg4, (uint64_t)word2, val3 };

	return sys_futex(args);
}

static int setup(void **state)
{
	(void)state;
	memset(words, 0, sizeof(words));
	memset(&object, 0, sizeof(object));
	memset(&other, 0, sizeof(other));
	memset(&other_area, 0, sizeof(other_area));
	shared_area = (struct area){ .start = 4096,
				     .end = UINTPTR_MAX / 2,
				     .flags = AREA_READ | AREA_WRITE };
	mutex_init(&spaces[0].mutex);
	mutex_init(&spaces[1].mutex);
	load_takes = 0;
	trail_begin();
	memset(known, 0, sizeof(known));
	futex_init();
	return 0;
}

struct waiter_arg {
	uint32_t *word;
	int op;
	uint32_t val, bitset;
	uint64_t timeout; /* 0: none */
	int space;
	char letter;
	int64_t result;
	uint64_t ended;
};

static void wait_task(void *arg)
{
	struct waiter_arg *w = arg;

	current()->aspace = &spaces[w->space];
	w->result = call(w->word, w->op, w->val, w->timeout ? (uint64_t)&w->timeout : 0, NULL,
			 w->bitset);
	w->ended = sim_now();
	mark(w->letter);
}

static struct task *start_waiter(struct waiter_arg *w)
{
	return sim_task("waiter", wait_task, w, SCHED_OTHER, 0, 0);
}

#define WAITER(l, ...)                                                                             \
	{                                                                                          \
		.word = words, .op = FUTEX_WAIT | FUTEX_PRIVATE_FLAG, .letter = l, __VA_ARGS__     \
	}
#define WAKE (FUTEX_WAKE | FUTEX_PRIVATE_FLAG)

static void run(void (*fn)(void *))
{
	sim_run(2, 10 * SECOND, fn, NULL);
}

/* ---- Order and counts ---- */

static void first_come(void *arg)
{
	struct waiter_arg w[] = { WAITER('a'), WAITER('b'), WAITER('c') };

	(void)arg;
	current()->aspace = &spaces[0];
	for (int i = 0; i < 3; i++) {
		start_waiter(&w[i]);
		sim_sleep(1 * MS);
	}
	assert_int_equal(call(&words[1], WAKE, 1, 0, NULL, 0), 0); /* another word */
	assert_int_equal(call(words, WAKE, 1, 0, NULL, 0), 1);
	sim_sleep(1 * MS);
	assert_string_equal(trail, "a");
	assert_int_equal(call(words, WAKE, 10, 0, NULL, 0), 2);
	sim_sleep(1 * MS);
	assert_string_equal(trail, "abc");
	for (int i = 0; i < 3; i++)
		assert_int_equal(w[i].result, 0);
}

static void wakes_in_order(void **state)
{
	(void)state;
	sim_run(1, 10 * SECOND, first_come, NULL); /* one CPU: tasks run in the order of waking */
}

/* The most urgent first, whenever it came; a waiter that moves takes its place by priority too. */
static void urgent_first(void *arg)
{
	struct waiter_arg w[] = { WAITER('a'), WAITER('b'), WAITER('c'), WAITER('d'), WAITER('e') };
	static const int prio[] = { 0, 10, 20, 20, 0 };

	(void)arg;
	current()->aspace = &spaces[0];
	for (int i = 0; i < 5; i++) {
		sim_task("waiter", wait_task, &w[i], prio[i] ? SCHED_FIFO : SCHED_OTHER, prio[i],
			 0);
		sim_sleep(1 * MS);
	}
	assert_int_equal(call(words, WAKE, 1, 0, NULL, 0), 1);
	sim_sleep(1 * MS);
	assert_string_equal(trail, "c");
	assert_int_equal(call(words, FUTEX_REQUEUE | FUTEX_PRIVATE_FLAG, 1, 10, &words[1], 0), 1);
	sim_sleep(1 * MS);
	assert_string_equal(trail, "cd");
	w[2].word = &words[1];
	sim_task("waiter", wait_task, &w[2], SCHED_FIFO, 5, 0);
	sim_sleep(1 * MS);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(call(&words[1], WAKE, 1, 0, NULL, 0), 1);
		sim_sleep(1 * MS);
	}
	assert_string_equal(trail, "cdbcae");
}

static void wakes_the_urgent_first(void **state)
{
	(void)state;
	run(urgent_first);
}

static void many(void *arg)
{
	static struct waiter_arg w[40];

	(void)arg;
	current()->aspace = &spaces[0];
	for (int i = 0; i < 40; i++) {
		w[i] = (struct waiter_arg)WAITER('.');
		start_waiter(&w[i]);
	}
	sim_sleep(10 * MS);
	assert_int_equal(call(words, WAKE, 33, 0, NULL, 0), 33);
	assert_int_equal(call(words, WAKE, UINT32_MAX, 0, NULL, 0),
			 1); /* a negative count is one */
	assert_int_equal(call(words, WAKE, INT32_MAX, 0, NULL, 0), 6);
}

static void wakes_many(void **state)
{
	(void)state;
	run(many);
}

/* Who waits again while those behind it are woken is not woken again by the same call. */
static int returns;
static bool last_time;

static void come_back(void *arg)
{
	current()->aspace = &spaces[0];
	while (!last_time && returns < 100) {
		assert_int_equal(call(words, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, 0, NULL, 0), 0);
		returns++;
	}
	mark(*(const char *)arg);
}

static void repeated(void *arg)
{
	struct waiter_arg late = WAITER('l');

	(void)arg;
	returns = 0;
	last_time = false;
	current()->aspace = &spaces[0];
	for (int i = 0; i < 4; i++)
		sim_task("comes back", come_back, "r", SCHED_FIFO, 20, 0);
	sim_sleep(1 * MS);
	sim_task("late", wait_task, &late, SCHED_FIFO, 10, 0);
	sim_sleep(1 * MS);
	assert_int_equal(call(words, WAKE, 5, 0, NULL, 0), 5);
	sim_sleep(1 * MS);
	assert_string_equal(trail, "l");
	assert_int_equal(returns, 4);
	assert_int_equal(call(words, WAKE, INT32_MAX, 0, NULL, 0), 4);
	assert_int_equal(returns, 8);
	last_time = true;
	assert_int_equal(call(words, WAKE, INT32_MAX, 0, NULL, 0), 4);
}

static void wakes_nobody_twice(void **state)
{
	(void)state;
	sim_run(1, 10 * SECOND, repeated,
		NULL); /* those who are woken run before the waker goes on */
}

static void arguments(void *arg)
{
	(void)arg;
	current()->aspace = &spaces[0];
	words[0] = 3;
	assert_int_equal(call(words, FUTEX_WAIT, 4, 0, NULL, 0), -EAGAIN);
	assert_int_equal(call((uint32_t *)((char *)words + 2), FUTEX_WAIT, 3, 0, NULL, 0), -EINVAL);
	assert_int_equal(call((uint32_t *)8, FUTEX_WAIT, 3, 0, NULL, 0), -EFAULT);
	assert_int_equal(call((uint32_t *)8, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 3, 0, NULL, 0),
			 -EFAULT);
	assert_int_equal(call((uint32_t *)-4096, WAKE, 1, 0, NULL, 0), -EFAULT);
	assert_int_equal(call(words, FUTEX_WAIT_BITSET, 3, 0, NULL, 0), -EINVAL);
	assert_int_equal(call(words, FUTEX_WAKE_BITSET, 3, 0, NULL, 0), -EINVAL);
	assert_int_equal(call(words, FUTEX_REQUEUE, 1, (uint64_t)-1, &words[1], 0), -EINVAL);
	assert_int_equal(call(words, 99, 0, 0, NULL, 0), -ENOSYS);
	/* What nobody can ever change, or read, is no futex but for its own process. */
	shared_area.flags = AREA_READ;
	assert_int_equal(call(words, FUTEX_WAKE, 1, 0, NULL, 0), -EFAULT);
	assert_int_equal(call(words, WAKE, 1, 0, NULL, 0), 0);
	shared_area.object = &object;
	assert_int_equal(call(words, FUTEX_WAKE, 1, 0, NULL, 0), 0);
	shared_area.flags = AREA_WRITE;
	assert_int_equal(call(words, FUTEX_WAKE, 1, 0, NULL, 0), -EFAULT);
}

static void checks_arguments(void **state)
{
	(void)state;
	run(arguments);
}

/* ---- Time and signals ---- */

static void timeouts(void *arg)
{
	struct waiter_arg relative = WAITER('r', .timeout = 30 * MS);
	struct waiter_arg absolute =
		WAITER('a', .timeout = 20 * MS, .bitset = FUTEX_BITSET_MATCH_ANY);

	(void)arg;
	current()->aspace = &spaces[0];
	absolute.op = FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG;
	sim_sleep(10 * MS);
	start_waiter(&relative);
	start_waiter(&absolute);
	sim_sleep(100 * MS);
	assert_int_equal(relative.result, -ETIMEDOUT);
	assert_in_range(relative.ended, 40 * MS, 42 * MS);
	assert_int_equal(absolute.result, -ETIMEDOUT);
	assert_in_range(absolute.ended, 20 * MS, 22 * MS);
	assert_int_equal(call(words, WAKE, 10, 0, NULL, 0),
			 0); /* nobody is left behind in the queue */
}

static void times_out(void **state)
{
	(void)state;
	run(timeouts);
}

static void interrupted(void *arg)
{
	struct waiter_arg endless = WAITER('e'), timed = WAITER('t', .timeout = 500 * MS);
	struct task *t[2] = { start_waiter(&endless), start_waiter(&timed) };

	(void)arg;
	current()->aspace = &spaces[0];
	sim_sleep(10 * MS);
	for (int i = 0; i < 2; i++) {
		atomic_fetch_or(&t[i]->hot.pending, TASK_SIGNAL);
		sched_wake_if(t[i], SCHED_STATE(TASK_SLEEPING_INTERRUPTIBLE));
	}
	sim_sleep(10 * MS);
	assert_int_equal(endless.result, -ERESTART);
	assert_int_equal(timed.result, -ERESTART_BLOCK);
	assert_non_null(t[1]->restart.fn);
	assert_in_range(t[1]->restart.deadline, 499 * MS, 502 * MS);
	assert_int_equal(call(words, WAKE, 10, 0, NULL, 0), 0);
	/* What restart_syscall(2) does: the rest of the time. */
	current()->restart = t[1]->restart;
	assert_int_equal(current()->restart.fn(current()), -ETIMEDOUT);
	assert_in_range(sim_now(), 499 * MS, 503 * MS);
}

static void signals_interrupt(void **state)
{
	(void)state;
	run(interrupted);
}

/* ---- Races ---- */

/* The word changes and the wake-up comes while the waiter is about to read the word: it must not
 * sleep. */
static void wake_before_read(void *arg)
{
	struct waiter_arg w = WAITER('w');

	(void)arg;
	current()->aspace = &spaces[0];
	load_takes = 20 * MS;
	start_waiter(&w);
	sim_sleep(10 * MS);
	words[0] = 1;
	assert_int_equal(call(words, WAKE, 1, 0, NULL, 0), 1); /* it is queued already */
	load_takes = 0;
	sim_sleep(30 * MS);
	assert_string_equal(trail, "w");
	assert_int_equal(w.result, -EAGAIN);
}

static void no_lost_wake_up(void **state)
{
	(void)state;
	run(wake_before_read);
}

/* A wake-up that meets a waiter which does not sleep in the end goes to one that does. */
static void wake_passed_on(void *arg)
{
	struct waiter_arg late = WAITER('l'), sleeper = WAITER('s');

	(void)arg;
	current()->aspace = &spaces[0];
	load_takes = 30 * MS;
	start_waiter(&late); /* first in the queue, reading slowly */
	sim_sleep(5 * MS);
	load_takes = 0;
	start_waiter(&sleeper);
	sim_sleep(5 * MS);
	words[0] = 1;
	assert_int_equal(call(words, WAKE, 1, 0, NULL, 0), 1);
	sim_sleep(50 * MS);
	assert_int_equal(late.result, -EAGAIN);
	assert_int_equal(sleeper.result, 0);
	assert_int_equal(strlen(trail), 2);
}

static void wake_up_is_passed_on(void **state)
{
	(void)state;
	run(wake_passed_on);
}

/* It is passed on to whom the waker meant. */
static void wake_passed_on_by_bits(void *arg)
{
	struct waiter_arg late = WAITER('l'), two = WAITER('2', .bitset = 2),
			  one = WAITER('1', .bitset = 1);

	(void)arg;
	current()->aspace = &spaces[0];
	one.op = two.op = FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG;
	start_waiter(&two);
	sim_sleep(1 * MS);
	start_waiter(&one);
	sim_sleep(1 * MS);
	load_takes = 30 * MS;
	sim_task("late", wait_task, &late, SCHED_FIFO, 10, 0); /* first by priority */
	sim_sleep(5 * MS);
	load_takes = 0;
	words[0] = 1;
	assert_int_equal(call(words, FUTEX_WAKE_BITSET | FUTEX_PRIVATE_FLAG, 1, 0, NULL, 1), 1);
	sim_sleep(50 * MS);
	assert_int_equal(late.result, -EAGAIN);
	assert_string_equal(trail, "l1");
	assert_int_equal(call(words, WAKE, 10, 0, NULL, 0), 1);
}

static void wake_up_keeps_its_bits(void **state)
{
	(void)state;
	run(wake_passed_on_by_bits);
}

/* ---- Bit sets, requeueing, keys ---- */

static void bitsets(void *arg)
{
	struct waiter_arg one = WAITER('1', .bitset = 1), two = WAITER('2', .bitset = 2);

	(void)arg;
	current()->aspace = &spaces[0];
	one.op = two.op = FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG;
	start_waiter(&one);
	start_waiter(&two);
	sim_sleep(5 * MS);
	assert_int_equal(call(words, FUTEX_WAKE_BITSET | FUTEX_PRIVATE_FLAG, 10, 0, NULL, 4), 0);
	assert_int_equal(call(words, FUTEX_WAKE_BITSET | FUTEX_PRIVATE_FLAG, 10, 0, NULL, 2), 1);
	sim_sleep(5 * MS);
	assert_string_equal(trail, "2");
	assert_int_equal(call(words, WAKE, 10, 0, NULL, 0), 1);
}

static void wakes_by_bitset(void **state)
{
	(void)state;
	run(bitsets);
}

#define CMP_REQUEUE (FUTEX_CMP_REQUEUE | FUTEX_PRIVATE_FLAG)

static void requeue(void *arg)
{
	struct waiter_arg w[] = { WAITER('a'), WAITER('b'), WAITER('c'),
				  WAITER('d', .timeout = 50 * MS) };

	(void)arg;
	current()->aspace = &spaces[0];
	for (int i = 0; i < 4; i++) {
		start_waiter(&w[i]);
		sim_sleep(1 * MS);
	}
	assert_int_equal(call(words, CMP_REQUEUE, 1, 10, &words[5], 1), -EAGAIN);
	assert_int_equal(call(words, CMP_REQUEUE, 1, 10, &words[5], 0), 4);
	sim_sleep(5 * MS);
	assert_string_equal(trail, "a");
	assert_int_equal(call(words, WAKE, 10, 0, NULL, 0), 0);
	assert_int_equal(call(&words[5], WAKE, 1, 0, NULL, 0), 1);
	sim_sleep(100 * MS); /* d times out where it was moved to */
	assert_string_equal(trail, "abd");
	assert_int_equal(w[3].result, -ETIMEDOUT);
	assert_int_equal(call(&words[5], WAKE, 10, 0, NULL, 0), 1);
}

static void moves_waiters(void **state)
{
	(void)state;
	run(requeue);
}

/* Who was moved keeps the object that it waits at, and no other. */
static void requeue_shared(void *arg)
{
	struct waiter_arg w[] = { WAITER('a'), WAITER('b') };

	(void)arg;
	current()->aspace = &spaces[0];
	shared_area.flags |= AREA_SHARED;
	shared_area.object = &object;
	other_area = shared_area;
	other_area.object = &other;
	other_area.start = (virt_addr_t)&words[32];
	other_area.end = (virt_addr_t)&words[64];
	for (int i = 0; i < 2; i++) {
		w[i].op = FUTEX_WAIT;
		start_waiter(&w[i]);
	}
	sim_sleep(5 * MS);
	assert_int_equal(object.refs, 2);
	assert_int_equal(call(words, FUTEX_CMP_REQUEUE, 0, 10, &words[40], 0), 2);
	assert_int_equal(object.refs, 0);
	assert_int_equal(other.refs, 2);
	assert_int_equal(call(&words[40], FUTEX_WAKE, 1, 0, NULL, 0), 1);
	sim_sleep(5 * MS);
	assert_int_equal(other.refs, 1);
	assert_int_equal(call(&words[40], FUTEX_CMP_REQUEUE, 0, 10, &words[41], 0), 1);
	assert_int_equal(other.refs, 1);
	assert_int_equal(call(&words[41], FUTEX_WAKE, 10, 0, NULL, 0), 1);
	sim_sleep(5 * MS);
	assert_int_equal(other.refs, 0);
}

static void moved_waiters_keep_the_object(void **state)
{
	(void)state;
	run(requeue_shared);
}

static void keys(void *arg)
{
	struct waiter_arg w[] = { WAITER('0'), WAITER('1', .space = 1), WAITER('2', .space = 1) };
	struct futex_key at_0, at_1, moved;

	(void)arg;
	current()->aspace = &spaces[0];
	w[2].op = FUTEX_WAIT; /* shared: by object */
	shared_area.flags |= AREA_SHARED;
	shared_area.object = &object;
	for (int i = 0; i < 3; i++)
		start_waiter(&w[i]);
	sim_sleep(5 * MS);
	assert_int_equal(object.refs, 1); /* a waiter keeps it */
	assert_int_equal(call(words, WAKE, 10, 0, NULL, 0), 1);
	sim_sleep(5 * MS);
	assert_string_equal(trail, "0");
	assert_int_equal(call(words, FUTEX_WAKE, 10, 0, NULL, 0), 1);
	sim_sleep(5 * MS);
	assert_string_equal(trail, "02");
	current()->aspace = &spaces[1];
	assert_int_equal(call(words, WAKE, 10, 0, NULL, 0), 1);
	sim_sleep(5 * MS);
	assert_int_equal(object.refs, 0);
	/* The same byte of the object, wherever it is mapped; and not another one at the same
	 * place. */
	shared_area.offset = 1;
	assert_int_equal(futex_key_get((virt_addr_t)words, false, &at_1), 0);
	shared_area.offset = 0;
	assert_int_equal(futex_key_get((virt_addr_t)words, false, &at_0), 0);
	assert_int_equal(at_1.offset, at_0.offset + PAGE_SIZE);
	shared_area.start += PAGE_SIZE;
	shared_area.end += PAGE_SIZE;
	shared_area.offset = 1;
	assert_int_equal(futex_key_get((virt_addr_t)words + PAGE_SIZE, false, &moved), 0);
	assert_int_equal(moved.offset, at_1.offset);
	futex_key_put(&at_0);
	futex_key_put(&at_1);
	futex_key_put(&moved);
}

static void keys_tell_apart(void **state)
{
	(void)state;
	run(keys);
}

/* ---- FUTEX_WAKE_OP ---- */

static void wake_op(void *arg)
{
	static const struct {
		int op, oparg, cmp, cmparg;
		uint32_t old, new;
		bool second;
	} cases[] = {
		{ FUTEX_OP_SET, 7, FUTEX_OP_CMP_EQ, 3, 3, 7, true },
		{ FUTEX_OP_ADD, -1, FUTEX_OP_CMP_NE, 3, 3, 2, false },
		{ FUTEX_OP_OR, 12, FUTEX_OP_CMP_LT, 0, (uint32_t)-5, (uint32_t)-5 | 12, true },
		{ FUTEX_OP_ANDN, 1, FUTEX_OP_CMP_GE, 4, 3, 2, false },
		{ FUTEX_OP_XOR, 6, FUTEX_OP_CMP_LE, 3, 3, 5, true },
		{ FUTEX_OP_SET | FUTEX_OP_OPARG_SHIFT, 31, FUTEX_OP_CMP_GT, -1, 0, 1u << 31, true },
	};

	(void)arg;
	current()->aspace = &spaces[0];
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct waiter_arg one = WAITER('1'), two = WAITER('2');
		uint32_t code = FUTEX_OP(cases[i].op, cases[i].oparg & 0xfff, cases[i].cmp,
					 cases[i].cmparg & 0xfff);
		int64_t woken;

		words[0] = 0;
		words[9] = cases[i].old;
		two.word = &words[9];
		two.val = cases[i].old;
		start_waiter(&one);
		start_waiter(&two);
		sim_sleep(5 * MS);
		woken = call(words, FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG, 1, 1, &words[9], code);
		assert_int_equal(woken, 1 + cases[i].second);
		assert_int_equal(words[9], cases[i].new);
		call(&words[9], WAKE, 1, 0, NULL, 0);
		sim_sleep(5 * MS);
	}
}

static void wake_op_changes_and_compares(void **state)
{
	(void)state;
	run(wake_op);
}

/* ---- PI futexes ---- */

#define LOCK_PI    (FUTEX_LOCK_PI | FUTEX_PRIVATE_FLAG)
#define TRYLOCK_PI (FUTEX_TRYLOCK_PI | FUTEX_PRIVATE_FLAG)
#define UNLOCK_PI  (FUTEX_UNLOCK_PI | FUTEX_PRIVATE_FLAG)

/* The running task becomes known under a tid. */
static void be(int tid)
{
	current()->tid = tid;
	current()->aspace = &spaces[0];
	list_init(&current()->futex_owned);
	current()->futex_waits = NULL;
	known[tid] = current();
}

static void lock_pi(uint32_t *word)
{
	if (*word == 0)
		*word = (uint32_t)current()->tid;
	else
		assert_int_equal(call(word, LOCK_PI, 0, 0, NULL, 0), 0);
	assert_int_equal(*word & FUTEX_TID_MASK, current()->tid);
}

static void unlock_pi(uint32_t *word)
{
	if (*word == (uint32_t)current()->tid)
		*word = 0;
	else
		assert_int_equal(call(word, UNLOCK_PI, 0, 0, NULL, 0), 0);
}

static void pi_low(void *arg)
{
	(void)arg;
	be(1);
	lock_pi(words);
	sim_work(30 * MS);
	mark('l');
	unlock_pi(words);
	sim_work(5 * MS);
	mark('.');
}

static void pi_middle(void *arg)
{
	(void)arg;
	sim_sleep(5 * MS);
	sim_work(100 * MS);
	mark('m');
}

static void pi_high(void *arg)
{
	(void)arg;
	be(3);
	sim_sleep(10 * MS);
	lock_pi(words);
	mark('h');
	unlock_pi(words);
}

static void inherit(void *arg)
{
	(void)arg;
	assert_int_equal(sched_set(current(), SCHED_FIFO, 90, 0), 0);
	sim_task("low", pi_low, NULL, SCHED_FIFO, 10, 0);
	sim_task("middle", pi_middle, NULL, SCHED_FIFO, 20, 0);
	sim_task("high", pi_high, NULL, SCHED_FIFO, 30, 0);
}

/* The owner overtakes the middle one for as long as the high one waits, and no longer. */
static void owner_inherits(void **state)
{
	(void)state;
	sim_run(1, 10 * SECOND, inherit, NULL);
	assert_string_equal(trail, "lhm.");
	assert_int_equal(words[0], 0);
	assert_int_equal(allocated, 0);
}

static int pi_count;

static void pi_worker(void *arg)
{
	be((int)(uintptr_t)arg);
	for (int i = 0; i < 20; i++) {
		int seen;

		lock_pi(words);
		seen = pi_count;
		sim_work(MS / 10);
		pi_count = seen + 1;
		unlock_pi(words);
		sim_work(MS / 20);
	}
}

static void contend(void *arg)
{
	(void)arg;
	for (uintptr_t i = 1; i < ARRAY_SIZE(known); i++)
		sim_task("worker", pi_worker, (void *)i, i & 1 ? SCHED_FIFO : SCHED_OTHER,
			 i & 1 ? (int)i : 0, 0);
}

static void excludes(void **state)
{
	(void)state;
	pi_count = 0;
	sim_run(4, 10 * SECOND, contend, NULL);
	assert_int_equal(pi_count, 7 * 20);
	assert_int_equal(words[0], 0);
	assert_int_equal(allocated, 0);
}

static void pi_other_way(void *arg)
{
	(void)arg;
	be(2);
	lock_pi(&words[1]);
	sim_sleep(10 * MS);
	lock_pi(&words[0]); /* waits for the test, which would wait for us */
	unlock_pi(&words[0]);
	unlock_pi(&words[1]);
}

static void circle(void *arg)
{
	uint64_t until = 60 * MS;

	(void)arg;
	be(1);
	lock_pi(&words[0]);
	assert_int_equal(call(&words[0], LOCK_PI, 0, 0, NULL, 0), -EDEADLK);
	sim_task("other", pi_other_way, NULL, SCHED_OTHER, 0, 0);
	sim_sleep(20 * MS);
	assert_int_equal(call(&words[1], TRYLOCK_PI, 0, 0, NULL, 0), -EWOULDBLOCK);
	assert_int_equal(call(&words[1], LOCK_PI, 0, 0, NULL, 0), -EDEADLK);
	unlock_pi(&words[0]);
	sim_sleep(20 * MS);
	assert_int_equal(words[0] | words[1], 0);
	/* Words that nobody we know owns. */
	words[2] = 5;
	assert_int_equal(call(&words[2], LOCK_PI, 0, 0, NULL, 0), -ESRCH);
	assert_int_equal(call(&words[2], UNLOCK_PI, 0, 0, NULL, 0), -EPERM);
	known[5] = current(); /* one that never lets go */
	assert_int_equal(call(&words[2], LOCK_PI, 0, 0, NULL, 0), -EDEADLK);
	known[5] = known[2];
	assert_int_equal(call(&words[2], LOCK_PI, 0, (uint64_t)&until, NULL, 0), -ETIMEDOUT);
	assert_in_range(sim_now(), 60 * MS, 62 * MS);
	assert_int_equal(allocated, 0);
}

static void refuses_circles(void **state)
{
	(void)state;
	sim_run(1, 10 * SECOND, circle, NULL);
}

static void pi_dies(void *arg)
{
	(void)arg;
	be(1);
	lock_pi(words);
	sim_sleep(20 * MS);
	current()->exiting = true;
	futex_exit_pi();
	known[1] = NULL;
}

static void survivor(void *arg)
{
	(void)arg;
	be(2);
	sim_task("dies", pi_dies, NULL, SCHED_OTHER, 0, 0);
	sim_sleep(10 * MS);
	assert_int_equal(call(words, LOCK_PI, 0, 0, NULL, 0), 0);
	assert_int_equal(words[0], 2 | FUTEX_OWNER_DIED);
	words[0] = 2;
	unlock_pi(words);
	assert_int_equal(allocated, 0);
}

static void death_passes_the_lock_on(void **state)
{
	(void)state;
	sim_run(2, 10 * SECOND, survivor, NULL);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(wakes_in_order),
		TEST(wakes_the_urgent_first),
		TEST(wakes_many),
		TEST(checks_arguments),
		TEST(times_out),
		TEST(signals_interrupt),
		TEST(no_lost_wake_up),
		TEST(wake_up_is_passed_on),
		TEST(wakes_by_bitset),
		TEST(moves_waiters),
		TEST(wakes_nobody_twice),
		TEST(wake_up_keeps_its_bits),
		TEST(moved_waiters_keep_the_object),
		TEST(keys_tell_apart),
		TEST(wake_op_changes_and_compares),
		TEST(owner_inherits),
		TEST(excludes),
		TEST(refuses_circles),
		TEST(death_passes_the_lock_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
