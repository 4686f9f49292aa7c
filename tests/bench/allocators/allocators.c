// SPDX-License-Identifier: MIT
/*
 * allocators WORKLOAD OURS|LIBRARY: the same sequence of allocations by mm/'s frames, blocks and
 * objects, and by the C library's malloc. Counted from outside: callgrind counts what is called
 * from measured() alone, so the choice of sizes and order is made before.
 *
 * Every workload is a list of steps made by a fixed seed; a step takes an object into a place or
 * gives back what lies there. Objects are not written to by the workload: clearing and first touch
 * are other benchmarks' matter.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mm/buddy.h"
#include "mm/slab.h"
#include "tests/mock/mock.h"
#include "tests/unit/mm/no_reclaim.h"

#define STEPS  20000
#define PLACES 2048

struct step {
	unsigned place;
	unsigned size; /* bytes to take; 0: give back */
};

static struct step steps[STEPS];
static unsigned nsteps;
static void *places[PLACES];
static unsigned orders[PLACES];
static struct kmem_cache *cache;

/* ---- Allocators: one object of `size` bytes into a place, and back ---- */

static void frame_take(unsigned place, unsigned size)
{
	(void)size;
	places[place] = page_alloc(0);
}

static void frame_give(unsigned place)
{
	page_free(places[place], 0);
}

static void block_take(unsigned place, unsigned size)
{
	orders[place] = (unsigned)__builtin_ctz(size / PAGE_SIZE);
	places[place] = page_alloc_order(orders[place], 0);
}

static void block_give(unsigned place)
{
	page_free(places[place], orders[place]);
}

static void object_take(unsigned place, unsigned size)
{
	(void)size;
	places[place] = kmem_cache_alloc(cache, 0);
}

static void object_give(unsigned place)
{
	kmem_cache_free(cache, places[place]);
}

static void kmalloc_take(unsigned place, unsigned size)
{
	places[place] = kmalloc(size, 0);
}

static void kmalloc_give(unsigned place)
{
	kfree(places[place]);
}

static void malloc_take(unsigned place, unsigned size)
{
	places[place] = malloc(size);
}

static void malloc_give(unsigned place)
{
	free(places[place]);
}

/* Blocks are aligned to their size. */
static void aligned_take(unsigned place, unsigned size)
{
	if (posix_memalign(&places[place], size, size) != 0)
		places[place] = NULL;
}

/* ---- Workloads ---- */

static unsigned fixed(unsigned bytes)
{
	return bytes;
}

static unsigned any_block(unsigned unused)
{
	(void)unused;
	return (unsigned)PAGE_SIZE << rand() % 6;
}

/* Small ones more often, as kernels ask. */
static unsigned any_size(unsigned unused)
{
	(void)unused;
	return 16u << rand() % 7 | (unsigned)rand() % 16;
}

static void add(unsigned place, unsigned size)
{
	steps[nsteps++] = (struct step){ place, size };
}

/* Takes one, gives it back: the shortest way through an allocator. */
static void in_turn(unsigned (*size)(unsigned), unsigned bytes)
{
	while (nsteps + 2 <= STEPS) {
		add(0, size(bytes));
		add(0, 0);
	}
}

/* Half of `live` places on average hold something; which changes, is chance. */
static void at_random(unsigned (*size)(unsigned), unsigned bytes, unsigned live)
{
	static bool taken[PLACES];

	while (nsteps < STEPS - live) {
		unsigned place = (unsigned)rand() % live;

		add(place, taken[place] ? 0 : size(bytes));
		taken[place] = !taken[place];
	}
	for (unsigned place = 0; place < live; place++) {
		if (taken[place])
			add(place, 0);
	}
}

/* A thousand taken, then given back in the order they came: a process that starts and ends. */
static void in_bursts(unsigned (*size)(unsigned), unsigned bytes)
{
	while (nsteps + 2000 <= STEPS) {
		for (unsigned place = 0; place < 1000; place++)
			add(place, size(bytes));
		for (unsigned place = 0; place < 1000; place++)
			add(place, 0);
	}
}

typedef void (*take_fn)(unsigned place, unsigned size);
typedef void (*give_fn)(unsigned place);

static const struct workload {
	const char *name;
	take_fn take, library_take;
	give_fn give;
} workloads[] = {
	{ "frame_in_turn", frame_take, aligned_take, frame_give },
	{ "frame_bursts", frame_take, aligned_take, frame_give },
	{ "frame_random", frame_take, aligned_take, frame_give },
	{ "block_random", block_take, aligned_take, block_give },
	{ "object_in_turn", object_take, malloc_take, object_give },
	{ "object_bursts", object_take, malloc_take, object_give },
	{ "object_random", object_take, malloc_take, object_give },
	{ "sizes_random", kmalloc_take, malloc_take, kmalloc_give },
};

static void plan(const char *name)
{
	const char *how = strrchr(name, '_') + 1;
	unsigned (*size)(unsigned) = name[0] == 'b' ? any_block : name[0] == 's' ? any_size : fixed;
	unsigned bytes = name[0] == 'f' ? PAGE_SIZE : 192;

	if (strcmp(how, "turn") == 0)
		in_turn(size, bytes);
	else if (strcmp(how, "bursts") == 0)
		in_bursts(size, bytes);
	else
		at_random(size, bytes, name[0] == 'b' ? 200 : PLACES);
}

/* What callgrind counts, without the steps' own instructions: those of this file are left out.
 * False: an allocation failed. */
static __attribute__((noinline)) bool measured(take_fn take, give_fn give)
{
	for (unsigned i = 0; i < nsteps; i++) {
		if (steps[i].size == 0) {
			give(steps[i].place);
			continue;
		}
		take(steps[i].place, steps[i].size);
		if (places[steps[i].place] == NULL)
			return false;
	}
	return true;
}

static void kernel_setup(void)
{
	void *state = NULL;

	mock_options.ram = 64 << 20;
	mock_setup(&state);
	buddy_add_range(mock_first_pfn() + 1, mock_end_pfn());
	buddy_init();
	slab_init();
	cache = kmem_cache_create("object", 192, 0);
}

int main(int argc, char **argv)
{
	for (unsigned i = 0; argc == 3 && i < sizeof(workloads) / sizeof(workloads[0]); i++) {
		const struct workload *w = &workloads[i];
		bool ours = strcmp(argv[2], "ours") == 0;

		if (strcmp(argv[1], w->name) != 0)
			continue;
		kernel_setup();
		srand(1);
		plan(w->name);
		if (!measured(ours ? w->take : w->library_take, ours ? w->give : malloc_give)) {
			fprintf(stderr, "allocators: no memory\n");
			return 1;
		}
		printf("%u\n", nsteps);
		return 0;
	}
	for (unsigned i = 0; i < sizeof(workloads) / sizeof(workloads[0]); i++)
		printf("%s\n", workloads[i].name);
	return argc == 1 ? 0 : 2;
}
