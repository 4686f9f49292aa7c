// SPDX-License-Identifier: MIT
/*
 * waiters KIND N: N real-time threads come to wait in the worst order, behind an ordinary one: each
 * priority from 99 down to 1, and again. All lie in one queue, but with the last kind, and then go:
 *
 *    event    reading an eventfd
 *    futex    FUTEX_WAIT
 *    pi       FUTEX_LOCK_PI
 *    pis      FUTEX_LOCK_PI, each of a word of its own, all of one owner
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"

#define MOST 1000

static enum { EVENT, FUTEX, PI, PIS } kind;
static uint32_t words[MOST];
static int n, event, turn, arrived, gone;

static long futex(uint32_t *word, int op)
{
	return syscall(SYS_futex, word, op | FUTEX_PRIVATE_FLAG, 0, NULL);
}

static void *wait_once(void *word)
{
	uint64_t got;

	__atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
	if (kind == EVENT)
		CHECK(read(event, &got, sizeof(got)) == sizeof(got));
	else if (kind == FUTEX)
		CHECK(futex(word, FUTEX_WAIT) == 0);
	else
		CHECK(futex(word, FUTEX_LOCK_PI) == 0 && futex(word, FUTEX_UNLOCK_PI) == 0);
	__atomic_fetch_add(&gone, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static pthread_t start(void *(*fn)(void *arg), uint32_t *word, int prio)
{
	struct sched_param p = { .sched_priority = prio };
	pthread_attr_t a;
	pthread_t t;

	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, 16384);
	pthread_attr_setinheritsched(&a, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&a, prio ? SCHED_FIFO : SCHED_OTHER);
	pthread_attr_setschedparam(&a, &p);
	if (pthread_create(&t, &a, fn, word) != 0) {
		printf("no thread %d\n", arrived);
		_exit(1);
	}
	return t;
}

/* Who holds the locks sleeps, whatever priority it inherits, until it is its turn to let all go. */
static void *hold(void *arg)
{
	uint64_t one = 1;

	(void)arg;
	for (int i = 0; kind >= PI && i < n; i++)
		words[i] = (uint32_t)gettid();
	__atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
	CHECK(read(turn, &one, sizeof(one)) == sizeof(one));
	for (int i = 0; kind == EVENT && i < n; i++)
		CHECK(write(event, &one, sizeof(one)) == sizeof(one));
	if (kind == FUTEX)
		CHECK(syscall(SYS_futex, words, FUTEX_WAKE_PRIVATE, n) == n);
	for (int i = 0; kind >= PI && i < (kind == PIS ? n : 1); i++)
		CHECK(futex(&words[i], FUTEX_UNLOCK_PI) == 0);
	return NULL;
}

/* An ordinary one, until it sleeps or is about to. */
static pthread_t start_and_see(void *(*fn)(void *arg))
{
	int before = __atomic_load_n(&arrived, __ATOMIC_SEQ_CST);
	pthread_t t = start(fn, words, 0);

	while (__atomic_load_n(&arrived, __ATOMIC_SEQ_CST) == before)
		sched_yield();
	return t;
}

int main(int argc, char **argv)
{
	static const char *const names[] = { "event", "futex", "pi", "pis" };
	uint64_t one = 1;
	pthread_t t[MOST], holder;

	n = argc > 2 ? atoi(argv[2]) : 0;
	if (n < 2 || n > MOST)
		return 2;
	while (strcmp(names[kind], argv[1]) != 0)
		kind++;
	event = eventfd(0, EFD_SEMAPHORE);
	turn = eventfd(0, 0);
	holder = start_and_see(hold);
	t[0] = start_and_see(wait_once);
	for (int i = 1; i < n; i++) /* each runs at once, until it waits */
		t[i] = start(wait_once, &words[kind == PIS ? i : 0], 99 - (i - 1) % 99);
	CHECK(arrived == n + 1 && gone == 0);
	CHECK(write(turn, &one, sizeof(one)) == sizeof(one));
	CHECK(pthread_join(holder, NULL) == 0);
	for (int i = 0; i < n; i++)
		CHECK(pthread_join(t[i], NULL) == 0);
	CHECK(gone == n);
	return check_end();
}
