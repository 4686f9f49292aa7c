// SPDX-License-Identifier: MIT
/*
 * Runs every replacement policy over reference strings and prints its faults as a ratio to those of
 * the optimum, which knows the future (L. A. Belady, A study of replacement algorithms for a
 * virtual-storage computer, IBM Systems Journal 5, 1966: MIN evicts what is used last). First uses
 * of pages count, as they do for the optimum.
 *
 *    replacement RECORDED [FRAMES]
 *
 * A string is a list of page numbers, one for each run of uses of the same page.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mm/reclaim.h"
#include "tests/bench/replacement/machine.h"

struct string {
	const char *name;
	uint32_t *at;
	size_t n, room;
	uint32_t pages; /* numbers are below */
};

static unsigned frames = 2048;

/* ---- Reference strings ---- */

static uint64_t seed;

static uint32_t below(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((seed >> 32) * n >> 32);
}

static void use(struct string *s, uint32_t page)
{
	if (s->n == s->room) {
		s->room = s->room ? 2 * s->room : 1 << 16;
		s->at = realloc(s->at, s->room * sizeof(*s->at));
		if (s->at == NULL)
			abort();
	}
	s->at[s->n++] = page;
	if (page >= s->pages)
		s->pages = page + 1;
}

static void cycle(struct string *s, uint32_t pages, unsigned rounds)
{
	while (rounds-- > 0)
		for (uint32_t i = 0; i < pages; i++)
			use(s, i);
}

static void cycle_little(struct string *s)
{
	cycle(s, frames + frames / 16, 20);
}

static void cycle_twice(struct string *s)
{
	cycle(s, frames + frames / 16, 2);
}

static void cycle_half(struct string *s)
{
	cycle(s, frames + frames / 2, 20);
}

static void cycle_long(struct string *s)
{
	cycle(s, 5 * frames / 2, 12);
}

static void uniform(struct string *s)
{
	for (unsigned i = 0; i < 40 * frames; i++)
		use(s, below(2 * frames));
}

/* Page k of n is used in proportion to 1/k. */
static void zipf(struct string *s)
{
	uint32_t pages = 8 * frames;
	double *sum = malloc((pages + 1) * sizeof(*sum));

	sum[0] = 0;
	for (uint32_t k = 1; k <= pages; k++)
		sum[k] = sum[k - 1] + 1.0 / k;
	for (unsigned i = 0; i < 40 * frames; i++) {
		double x = (below(UINT32_MAX) + 0.5) / UINT32_MAX * sum[pages];
		uint32_t low = 0, high = pages;

		while (high - low > 1) {
			uint32_t middle = (low + high) / 2;

			if (sum[middle] <= x)
				low = middle;
			else
				high = middle;
		}
		use(s, low * 7919u % pages);
	}
	free(sum);
}

/* Four working sets of three quarters of memory in turn, each used at random for a while. */
static void phases(struct string *s)
{
	uint32_t set = frames * 3 / 4;

	for (unsigned phase = 0; phase < 12; phase++)
		for (unsigned i = 0; i < 6 * set; i++)
			use(s, phase % 4 * set + below(set));
}

/* Half of memory is used at random all the time, beside a scan over ever new pages. */
static void scan_and_hot(struct string *s)
{
	uint32_t hot = frames / 2;

	for (unsigned i = 0; i < 20 * frames; i++) {
		use(s, below(hot));
		use(s, hot + i);
	}
}

/* A program that grows: what it made lately is used most, and old data hardly ever. */
static void growing(struct string *s)
{
	for (uint32_t i = 0; i < 8 * frames; i++) {
		use(s, i);
		for (unsigned k = 0; k < 4; k++)
			use(s, i - below(i < frames / 2 ? i + 1 : frames / 2));
		if (i % 16 == 0)
			use(s, below(i + 1));
	}
}

/* Recorded (README.md): numbers as differences from the last, d as 2d and -d as 2d - 1, seven bits
 * a byte, the lowest first, with bit 7 in all but the last. */
#define RECORDED_FRAMES 512

static const char *recorded_file;

static void recorded(struct string *s)
{
	FILE *f = fopen(recorded_file, "rb");
	uint32_t page = 0, value = 0;
	unsigned shift = 0;
	int c;

	if (f == NULL) {
		perror(recorded_file);
		exit(2);
	}
	while ((c = getc(f)) != EOF) {
		value |= (uint32_t)(c & 127) << shift;
		shift += 7;
		if (c & 128)
			continue;
		page = value & 1 ? page - (value + 1) / 2 : page + value / 2;
		use(s, page);
		value = shift = 0;
	}
	fclose(f);
	frames = RECORDED_FRAMES;
}

static const struct {
	const char *name;
	void (*make)(struct string *s);
} strings[] = {
	{ "cycle of 17/16 of memory", cycle_little },
	{ "the same, twice only", cycle_twice },
	{ "cycle of 3/2 of memory", cycle_half },
	{ "cycle of 5/2 of memory", cycle_long },
	{ "at random, twice memory", uniform },
	{ "Zipf, 8 times memory", zipf },
	{ "phases of 3/4 of memory", phases },
	{ "scan, and a hot half", scan_and_hot },
	{ "growing, newest used most", growing },
	{ "sort(1), in 512 frames", recorded }, /* last: changes the number of frames */
};

/* ---- The optimum ---- */

struct next {
	size_t use;
	uint32_t page;
};

/* A heap of resident pages, the one that is used last on top; entries that are out of date are
 * dropped when they come up. */
static void push(struct next *heap, size_t *n, struct next e)
{
	size_t i = (*n)++;

	for (; i > 0 && heap[(i - 1) / 2].use < e.use; i = (i - 1) / 2)
		heap[i] = heap[(i - 1) / 2];
	heap[i] = e;
}

static struct next pop(struct next *heap, size_t *n)
{
	struct next top = heap[0], last = heap[--*n];
	size_t i = 0, child;

	while ((child = 2 * i + 1) < *n) {
		if (child + 1 < *n && heap[child + 1].use > heap[child].use)
			child++;
		if (heap[child].use <= last.use)
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = last;
	return top;
}

static uint64_t optimum(const struct string *s)
{
	size_t *next = malloc(s->n * sizeof(*next)), *due = malloc(s->pages * sizeof(*due)), n = 0;
	struct next *heap = malloc((s->n + 1) * sizeof(*heap));
	unsigned resident = 0;
	uint64_t faults = 0;

	for (uint32_t p = 0; p < s->pages; p++)
		due[p] = SIZE_MAX;
	for (size_t i = s->n; i-- > 0;) {
		next[i] = due[s->at[i]];
		due[s->at[i]] = i;
	}
	for (uint32_t p = 0; p < s->pages; p++)
		due[p] = 0; /* 0: not resident; else its next use + 1 */
	for (size_t i = 0; i < s->n; i++) {
		uint32_t page = s->at[i];

		if (due[page] == 0) {
			faults++;
			while (resident == frames) {
				struct next e = pop(heap, &n);

				if (due[e.page] != 0 && due[e.page] - 1 == e.use) {
					due[e.page] = 0;
					resident--;
				}
			}
			resident++;
		}
		due[page] = next[i] == SIZE_MAX ? SIZE_MAX : next[i] + 1;
		push(heap, &n, (struct next){ due[page] - 1, page });
	}
	free(next);
	free(due);
	free(heap);
	return faults;
}

/* ---- The policies ---- */

static uint64_t run(const struct string *s, const char *policy)
{
	uint64_t faults = 0;

	if (replacement_choose(policy))
		abort();
	machine_reset(frames, s->pages);
	for (size_t i = 0; i < s->n; i++)
		faults += (unsigned)machine_use(s->at[i]);
	return faults;
}

static void string_row(const struct string *s)
{
	uint64_t best = optimum(s);
	const char *policy;
	bool on;

	printf("%-28s %9zu %9ju", s->name, s->n, (uintmax_t)best);
	for (unsigned i = 0; (policy = replacement_name(i, &on)) != NULL; i++)
		printf(" %8.2f", (double)run(s, policy) / (double)best);
	printf("\n");
}

int main(int argc, char **argv)
{
	const char *policy;
	bool on;

	if (argc < 2)
		return 2;
	recorded_file = argv[1];
	if (argc > 2)
		frames = (unsigned)strtoul(argv[2], NULL, 0);
	printf("%-28s %9s %9s", "", "uses", "optimum");
	for (unsigned i = 0; (policy = replacement_name(i, &on)) != NULL; i++)
		printf(" %8s", policy);
	printf("\n");
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		struct string s = { .name = strings[i].name };

		seed = 1;
		strings[i].make(&s);
		string_row(&s);
		free(s.at);
	}
	return 0;
}
