// SPDX-License-Identifier: MIT
/*
 * faultscale: what a first write to a page costs while 1 CPU does nothing else, and while 4 do: as
 * processes, and as threads of one process (1 of 2, the other asleep; 4).
 *
 * A round: all meet, each writes to every page of memory of its own, all meet again. Under --icount
 * the machine's clock counts the instructions of all CPUs together, so the time of a round by its
 * faults is the instructions of one, waiting included; 4 CPUs would do 4 times the work of one in
 * the same time if it is the same. Who has met the others sleeps, which costs nothing.
 * /proc/lock_stat tells how often somebody waited for a lock meanwhile: per 1,000 faults.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CPUS   4
#define PAGE   4096
#define PAGES  1024 /* of each */
#define ROUNDS 4    /* the first one makes tables */

static struct shared {
	pthread_barrier_t meet;
	uint64_t ns;
	uint64_t begin, end;    /* of this round: the first to begin, the last to end */
	unsigned long waits[2]; /* for spin locks, for mutexes */
} * shared;

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void lock_waits(unsigned long waits[2])
{
	FILE *f = fopen("/proc/lock_stat", "r");
	char line[256];

	waits[0] = waits[1] = 0;
	while (f && fgets(line, sizeof(line), f)) {
		char name[16];
		unsigned long n, ns, longest, site;
		int fields = sscanf(line, "%15s %lu %lu %lu %lx", name, &n, &ns, &longest, &site);

		if (fields == 4)
			waits[strcmp(name, "mutex") == 0] = n;
	}
	if (f)
		fclose(f);
}

static void *worker(void *arg)
{
	unsigned long cpu = (unsigned long)arg, before[2], after[2];
	char *memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
	uint64_t t;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (memory == MAP_FAILED || sched_setaffinity(0, sizeof(set), &set) != 0)
		abort();
	for (int round = 0; round < ROUNDS; round++) {
		if (cpu == 0) {
			lock_waits(before);
			shared->begin = UINT64_MAX;
			shared->end = 0;
		}
		pthread_barrier_wait(&shared->meet);
		t = now();
		for (uint64_t was = shared->begin;
		     t < was && !__atomic_compare_exchange_n(&shared->begin, &was, t, 0,
							     __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);)
			;
		for (unsigned long at = 0; at < PAGES; at++)
			*(volatile char *)(memory + at * PAGE) = 1;
		t = now();
		for (uint64_t was = shared->end;
		     t > was && !__atomic_compare_exchange_n(&shared->end, &was, t, 0,
							     __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);)
			;
		pthread_barrier_wait(&shared->meet);
		if (cpu == 0 && round > 0) {
			shared->ns += shared->end - shared->begin;
			lock_waits(after);
			for (int kind = 0; kind < 2; kind++)
				shared->waits[kind] += after[kind] - before[kind];
		}
		pthread_barrier_wait(&shared->meet);
		madvise(memory, PAGES * PAGE, MADV_DONTNEED);
	}
	return NULL;
}

static void as_threads(unsigned long n)
{
	pthread_t t[CPUS];

	for (unsigned long i = 1; i < n; i++)
		if (pthread_create(&t[i], NULL, worker, (void *)i) != 0)
			abort();
	worker(0);
	for (unsigned long i = 1; i < n; i++)
		pthread_join(t[i], NULL);
}

static void *sleeper(void *arg)
{
	pause();
	return arg;
}

/* One of two threads, the other of which does nothing. */
static void as_thread(unsigned long n)
{
	pthread_t t;

	if (fork() == 0) {
		if (pthread_create(&t, NULL, sleeper, NULL) != 0)
			abort();
		as_threads(n);
		_exit(0);
	}
	wait(NULL);
}

static void as_processes(unsigned long n)
{
	for (unsigned long i = 0; i < n; i++)
		if (fork() == 0) {
			worker((void *)i);
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
}

static void measure(const char *name, void (*run)(unsigned long), unsigned long n)
{
	pthread_barrierattr_t a;
	double faults = (double)(n * PAGES * (ROUNDS - 1));

	pthread_barrierattr_init(&a);
	pthread_barrierattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
	memset(shared, 0, sizeof(*shared));
	pthread_barrier_init(&shared->meet, &a, (unsigned)n);
	run(n);
	printf("faults_per_%-20s %10.1f ns/op\n", name, (double)shared->ns / faults);
	printf("waits_per_%-21s %10.2f of 1000 for spin locks, %.2f for mutexes\n", name,
	       (double)shared->waits[0] * 1000 / faults, (double)shared->waits[1] * 1000 / faults);
	fflush(stdout);
}

int main(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED)
		return 1;
	measure("1_process", as_processes, 1);
	measure("4_processes", as_processes, 4);
	measure("1_thread", as_thread, 1);
	measure("4_threads", as_threads, 4);
	return 0;
}
