// SPDX-License-Identifier: MIT
// The main scenario: a real-time thread keeps a 1 ms period while an ordinary process works on more
// memory than the machine has. usage: thrash MB PASSES [rt] ; every page carries a pattern that is
// verified.
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sched.h>
#include <errno.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#define PG 4096UL
static uint64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}
static uint64_t mix(uint64_t x)
{
	x ^= x >> 31;
	x *= 0x9E3779B97F4A7C15ull;
	x ^= x >> 29;
	x *= 0xBF58476D1CE4E5B9ull;
	return x ^ (x >> 32);
}
static volatile int *stop;
static void rt_loop(void)
{
	struct sched_param sp = { .sched_priority = 90 };
	if (syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &sp)) {
		printf("rt: setscheduler errno=%d\n", errno);
		_exit(1);
	}
	if (mlockall(MCL_CURRENT | MCL_FUTURE)) {
		printf("rt: mlockall errno=%d\n", errno);
		_exit(1);
	}
	static uint64_t h[8];
	uint64_t worst = 0, sum = 0, n = 0, next = now() + 1000000;
	while (!*stop) {
		struct timespec t = { (time_t)(next / 1000000000ull),
				      (long)(next % 1000000000ull) };
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, 0);
		uint64_t l = now() - next;
		if (l > worst)
			worst = l;
		sum += l;
		n++;
		int b = l < 2000      ? 0
			: l < 5000    ? 1
			: l < 10000   ? 2
			: l < 20000   ? 3
			: l < 50000   ? 4
			: l < 100000  ? 5
			: l < 1000000 ? 6
				      : 7;
		h[b]++;
		next += 1000000;
		while (next < now())
			next += 1000000;
	}
	struct rusage r;
	getrusage(RUSAGE_SELF, &r);
	printf("rt: wakeups %llu avg %llu worst %llu ns; majflt %ld; histogram <2us %llu <5us %llu <10us %llu <20us %llu <50us %llu <100us %llu <1ms %llu more %llu\n",
	       (unsigned long long)n, (unsigned long long)(n ? sum / n : 0),
	       (unsigned long long)worst, r.ru_majflt, (unsigned long long)h[0],
	       (unsigned long long)h[1], (unsigned long long)h[2], (unsigned long long)h[3],
	       (unsigned long long)h[4], (unsigned long long)h[5], (unsigned long long)h[6],
	       (unsigned long long)h[7]);
	fflush(stdout);
	_exit(0);
}
int main(int argc, char **argv)
{
	unsigned long mb = argc > 1 ? strtoul(argv[1], 0, 0) : 64,
		      passes = argc > 2 ? strtoul(argv[2], 0, 0) : 2, n = mb * 256, bad = 0;
	stop = mmap(0, PG, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t rt = 0;
	if (argc > 3) {
		rt = fork();
		if (!rt)
			rt_loop();
	}
	uint64_t *p = mmap(0, n * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED) {
		printf("mmap errno=%d\n", errno);
		return 1;
	}
	uint64_t t0 = now();
	for (unsigned long i = 0; i < n; i++)
		for (int w = 0; w < 512; w += 8)
			p[i * 512 + w] =
				mix(i * 512 + w +
				    (w < 256 ? 0 : 1)); // half of each line sparse: compressible
	uint64_t t1 = now();
	printf("fill: %lu pages %.0f ns/page\n", n, (double)(t1 - t0) / n);
	fflush(stdout);
	for (unsigned long k = 0; k < passes; k++) { // alternate sequential and random passes
		uint64_t t = now();
		struct rusage a, b;
		getrusage(RUSAGE_SELF, &a);
		for (unsigned long i = 0; i < n; i++) {
			unsigned long j = k & 1 ? mix(i + k) % n : i;
			int w = (int)(mix(j) & 63) * 8;
			if (p[j * 512 + w] != mix(j * 512 + w + (w < 256 ? 0 : 1)))
				bad++;
		}
		getrusage(RUSAGE_SELF, &b);
		long mj = b.ru_majflt - a.ru_majflt;
		printf("%s pass: %.0f ns/page majflt %ld minflt %ld -> %.0f ns/majflt\n",
		       k & 1 ? "random" : "sequential", (double)(now() - t) / n, mj,
		       b.ru_minflt - a.ru_minflt, mj ? (double)(now() - t) / mj : 0.0);
		fflush(stdout);
	}
	*stop = 1;
	if (rt)
		waitpid(rt, 0, 0);
	printf("thrash %s: %lu bad pages of %lu\n", bad ? "CORRUPT" : "ok", bad, n);
	return bad != 0;
}
