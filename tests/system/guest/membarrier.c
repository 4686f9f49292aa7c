// SPDX-License-Identifier: MIT
/*
 * membarrier(2) as it is used: one thread stores and loads without a barrier, only the compiler is
 * told; the other stores, calls, loads. That both miss the other's store is what hardware does
 * every so often (store buffering), and what the call rules out. usage: membarrier
 * private|core|global|expedited|none [MILLISECONDS]
 */
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

/* Each on a cache line of its own. */
static struct {
	_Alignas(64) atomic_uint x;
	_Alignas(64) atomic_uint y;
	_Alignas(64) atomic_uint round; /* what x and y are set to */
	_Alignas(64) atomic_uint seen;  /* y as the fast thread saw it in that round */
	_Alignas(64) atomic_uint done;  /* rounds the fast thread has done */
} shared;
static atomic_bool over;

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	CHECK(sched_setaffinity(0, sizeof(set), &set) == 0);
}

static void *fast(void *arg)
{
	unsigned last = 0;

	(void)arg;
	pin(1);
	while (!atomic_load_explicit(&over, memory_order_relaxed)) {
		unsigned round = atomic_load_explicit(&shared.round, memory_order_acquire), y;

		if (round == last)
			continue;
		last = round;
		atomic_store_explicit(&shared.x, round, memory_order_relaxed);
		atomic_signal_fence(memory_order_seq_cst);
		y = atomic_load_explicit(&shared.y, memory_order_relaxed);
		atomic_store_explicit(&shared.seen, y, memory_order_relaxed);
		atomic_store_explicit(&shared.done, round, memory_order_release);
	}
	return NULL;
}

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* Rounds in which neither saw the other's store. */
static unsigned both_missed(int command, int ms, unsigned *rounds)
{
	long long end = now_ms() + ms;
	unsigned missed = 0, round = 0;

	do {
		unsigned x;

		round++;
		atomic_store_explicit(&shared.round, round, memory_order_release);
		for (volatile unsigned i = round % 64; i > 0; i--)
			;
		atomic_store_explicit(&shared.y, round, memory_order_relaxed);
		atomic_signal_fence(memory_order_seq_cst);
		if (command)
			CHECK(syscall(SYS_membarrier, command, 0, 0) == 0);
		x = atomic_load_explicit(&shared.x, memory_order_relaxed);
		while (atomic_load_explicit(&shared.done, memory_order_acquire) != round)
			;
		missed += x != round && atomic_load(&shared.seen) != round;
	} while (now_ms() < end && checks_failed == 0);
	*rounds = round;
	return missed;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int command, before;
	} kinds[] = {
		{ "none", 0, 0 },
		{ "private", MEMBARRIER_CMD_PRIVATE_EXPEDITED,
		  MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED },
		{ "core", MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE,
		  MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE },
		{ "global", MEMBARRIER_CMD_GLOBAL, 0 },
		{ "expedited", MEMBARRIER_CMD_GLOBAL_EXPEDITED,
		  MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED },
	};
	int ms = argc > 2 ? atoi(argv[2]) : 1000;
	pthread_t thread;

	pin(0);
	for (size_t i = 0; argc > 1 && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		unsigned missed, rounds;

		if (strcmp(argv[1], kinds[i].name))
			continue;
		if (kinds[i].before)
			CHECK(syscall(SYS_membarrier, kinds[i].before, 0, 0) == 0);
		CHECK(pthread_create(&thread, NULL, fast, NULL) == 0);
		missed = both_missed(kinds[i].command, ms, &rounds);
		atomic_store(&over, true);
		pthread_join(thread, NULL);
		fprintf(stderr, "%s: %u of %u rounds\n", kinds[i].name, missed, rounds);
		CHECK(missed == 0);
		return check_end();
	}
	return 2;
}
