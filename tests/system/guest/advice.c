// SPDX-License-Identifier: MIT
// What madvise(2) promises of pages that are not needed: PAGEOUT has them out when it returns, FREE
// drops those that nobody stored to since, COLD harms nothing. Says "all good".
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE  4096u
#define PAGES 2048u

static void require(int ok, const char *what)
{
	if (ok)
		return;
	printf("not so: %s\n", what);
	exit(1);
}

static uint32_t *map(void)
{
	uint32_t *p = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);

	require(p != MAP_FAILED, "memory can be had");
	for (uint32_t i = 0; i < PAGES * PAGE / 4; i++)
		p[i] = i * 2654435761u;
	return p;
}

static unsigned resident(void *p)
{
	static unsigned char vec[PAGES];
	unsigned n = 0;

	require(mincore(p, PAGES * PAGE, vec) == 0, "mincore answers");
	for (unsigned i = 0; i < PAGES; i++)
		n += vec[i] & 1;
	return n;
}

static int page_is(const uint32_t *p, unsigned page, uint32_t factor)
{
	for (uint32_t i = page * PAGE / 4; i < (page + 1) * PAGE / 4; i++)
		if (p[i] != i * factor)
			return 0;
	return 1;
}

/* KB of the line in /proc/self/smaps_rollup, or a counter of /proc/vmstat. */
static unsigned long figure(const char *file, const char *name)
{
	char line[128];
	unsigned long n = 0;
	FILE *f = fopen(file, "r");

	require(f != NULL, file);
	while (fgets(line, sizeof(line), f))
		if (strncmp(line, name, strlen(name)) == 0)
			n = strtoul(line + strlen(name), NULL, 10);
	fclose(f);
	return n;
}

int main(void)
{
	uint32_t *p = map();
	unsigned long written;

	require(madvise(p, PAGES * PAGE, MADV_COLD) == 0 && resident(p) == PAGES,
		"COLD moves nothing");
	require(madvise(p, PAGES * PAGE, MADV_PAGEOUT) == 0, "PAGEOUT is taken");
	require(resident(p) < PAGES / 20, "PAGEOUT evicts");
	for (unsigned i = 0; i < PAGES; i++)
		require(page_is(p, i, 2654435761u), "what was paged out comes back");
	require(madvise(p, PAGES * PAGE, MADV_FREE) == 0, "FREE is taken");
	require(figure("/proc/self/smaps_rollup", "LazyFree:") > PAGES * 4 / 10 * 9,
		"LazyFree tells");
	for (unsigned i = 0; i < PAGES; i++)
		require(page_is(p, i, 2654435761u), "nothing was short: the contents are there");
	for (unsigned i = 0; i < PAGES; i += 16)
		p[i * PAGE / 4] = i * PAGE / 4 * 2654435761u;
	written = figure("/proc/vmstat", "pswpout ");
	require(madvise(p, PAGES * PAGE, MADV_PAGEOUT) == 0, "PAGEOUT is taken again");
	written = figure("/proc/vmstat", "pswpout ") - written;
	require(written < PAGES / 8, "what is free is not written");
	for (unsigned i = 0; i < PAGES; i++)
		require(page_is(p, i, i % 16 == 0 ? 2654435761u : 0) ||
				(i % 16 && page_is(p, i, 2654435761u)),
			"a page is whole, or zeroes");
	require(figure("/proc/vmstat", "pglazyfreed ") > PAGES / 2, "most were dropped");
	puts("all good");
	return 0;
}
