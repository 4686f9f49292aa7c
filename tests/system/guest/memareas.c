// SPDX-License-Identifier: MIT
// Many areas: what a call costs among 60,000 is close to what it costs among 16 (run with counted
// instructions), and where they end.
#include <stdint.h>
#include <sys/mman.h>
#include <time.h>

#include "check.h"

#define PAGE  4096UL
#define ARENA 0x1000000000UL
#define LIMIT 65530 /* /proc/sys/vm/max_map_count */
#define CALLS 2000

static char *page(unsigned long i)
{
	return (char *)(ARENA + i * PAGE);
}

/* Neighbours that differ, so that each page is an area. */
static int prot_of(unsigned long i)
{
	return i & 1 ? PROT_READ : PROT_NONE;
}

static unsigned long fill(unsigned long from, unsigned long to)
{
	unsigned long i = from;

	while (i < to && mmap(page(i), PAGE, prot_of(i), MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
			      -1, 0) == page(i))
		i++;
	return i;
}

/* ns for unmapping and mapping a page, at random among n. */
static unsigned long cost(unsigned long n)
{
	struct timespec start, end;
	unsigned long at = 1;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (int i = 0; i < CALLS; i++) {
		at = (at * 1103515245 + 12345) % n;
		if (munmap(page(at), PAGE) || fill(at, at + 1) != at + 1)
			CHECK(!"a page among many");
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	return (unsigned long)((end.tv_sec - start.tv_sec) * 1000000000L + end.tv_nsec -
			       start.tv_nsec) /
	       CALLS;
}

/* ns for finding the area of a page, at random among n: with what mincore(2) does besides. */
static unsigned long find_cost(unsigned long n)
{
	struct timespec start, end;
	unsigned long at = 1;
	unsigned char in;
	int failed = 0;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (int i = 0; i < CALLS; i++) {
		at = (at * 1103515245 + 12345) % n;
		failed += mincore(page(at), PAGE, &in);
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	CHECK(failed == 0);
	return (unsigned long)((end.tv_sec - start.tv_sec) * 1000000000L + end.tv_nsec -
			       start.tv_nsec) /
	       CALLS;
}

static void set_limit(unsigned limit)
{
	FILE *f = fopen("/proc/sys/vm/max_map_count", "w");

	CHECK(f && fprintf(f, "%u\n", limit) > 0 && fclose(f) == 0);
}

int main(void)
{
	unsigned long few, many, find_few, find_many, end;

	CHECK(fill(0, 16) == 16);
	find_few = find_cost(16);
	CHECK(fill(16, 1000) == 1000);
	few = cost(1000);
	CHECK(fill(1000, 60000) == 60000);
	find_many = find_cost(60000);
	many = cost(60000);
	printf("among 1000: %lu, among 60000: %lu\n", few, many);
	printf("to find among 16: %lu, among 60000: %lu\n", find_few, find_many);
	CHECK(many < few * 3 / 2);
	CHECK(find_many < find_few * 13 / 10);
	CHECK(mmap(page(80000), 3 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		   0) == page(80000));
	end = fill(60000, 70000);
	CHECK(end < LIMIT && end > LIMIT - 100 && errno == ENOMEM);
	CHECK(munmap(page(80001), PAGE) == -1 && errno == ENOMEM); /* it would be one more */
	CHECK(*page(80001) == 0);
	CHECK(mprotect(page(100), PAGE, PROT_READ) ==
	      0); /* two fewer: it is one with its neighbours */
	CHECK(munmap(page(80001), PAGE) == 0);
	set_limit(LIMIT + 1000); /* and on it goes */
	CHECK(fill(end, end + 500) == end + 500);
	set_limit(LIMIT);
	CHECK(fill(end + 500, end + 501) == end + 500 && errno == ENOMEM);
	CHECK(munmap(page(0), (end + 500) * PAGE) == 0);
	CHECK(fill(0, 1) == 1);
	return check_end();
}
