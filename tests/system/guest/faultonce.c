// SPDX-License-Identifier: MIT
/*
 * Threads that fault on one swapped page at the same moment: it is read once, all see it right, and
 * each other page that is needed meanwhile is not held up. usage: faultonce MB: fills MB (more than
 * RAM), so that its first pages are out.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "check.h"

#define THREADS 4
#define PAGES   64
#define WORDS   512

static uint64_t *memory;
static pthread_barrier_t barrier;
static volatile uint64_t wrong;

static uint64_t vmstat(const char *name)
{
	char line[128];
	unsigned long long value = 0;
	size_t len = strlen(name);
	FILE *f = fopen("/proc/vmstat", "r");

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, len) && line[len] == ' ')
			value = strtoull(line + len, NULL, 10);
	if (f)
		fclose(f);
	return value;
}

static uint64_t value(size_t page, size_t word)
{
	return (page * WORDS + word + 1) * 0x9e3779b97f4a7c15u;
}

static void *reader(void *unused)
{
	for (size_t i = 0; i < PAGES; i++) {
		pthread_barrier_wait(&barrier);
		if (memory[i * WORDS + 7] != value(i, 7))
			__atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
	}
	return unused;
}

static size_t resident(void)
{
	unsigned char in[PAGES];
	size_t n = 0;

	CHECK(mincore(memory, PAGES * 4096, in) == 0);
	for (size_t i = 0; i < PAGES; i++)
		n += in[i] & 1;
	return n;
}

int main(int argc, char **argv)
{
	size_t pages = (argc > 1 ? strtoul(argv[1], NULL, 10) : 80) * 256;
	pthread_t threads[THREADS];
	uint64_t in;

	memory = mmap(NULL, pages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	if (memory == MAP_FAILED)
		return 1;
	for (size_t i = 0; i < pages; i++)
		for (size_t w = 0; w < WORDS; w++)
			memory[i * WORDS + w] = value(i, w);
	CHECK(resident() == 0);
	CHECK(pthread_barrier_init(&barrier, NULL, THREADS) == 0);
	in = vmstat("pswpin");
	for (int t = 0; t < THREADS; t++)
		CHECK(pthread_create(&threads[t], NULL, reader, NULL) == 0);
	for (int t = 0; t < THREADS; t++)
		pthread_join(threads[t], NULL);
	in = vmstat("pswpin") - in;
	CHECK(wrong == 0);
	/* The program's own pages may have been out as well: some, not as many again. */
	CHECK(in >= PAGES && in < PAGES + PAGES / 2);
	printf("%llu pages read for %d wanted by %d threads\n", (unsigned long long)in, PAGES,
	       THREADS);
	return check_end();
}
