// SPDX-License-Identifier: MIT
/*
 * Memory whose every word is known: a word is a mix of its place and a seed. No two pages are alike
 * and none compresses, so what comes back right came back whole.
 */
#include <sys/mman.h>

#include "demo.h"

static uint64_t mixed(uint64_t x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ull;
	x ^= x >> 29;
	x *= 0xa0761d6478bd642full;
	return x ^ (x >> 32);
}

uint64_t *demo_map(size_t pages)
{
	void *p = mmap(NULL, pages * DEMO_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

void demo_fill(uint64_t *page, uint64_t number, uint64_t seed)
{
	uint64_t first = (seed << 48) + number * DEMO_WORDS;

	for (size_t i = 0; i < DEMO_WORDS; i++)
		page[i] = mixed(first + i);
}

bool demo_holds(const uint64_t *page, uint64_t number, uint64_t seed)
{
	uint64_t first = (seed << 48) + number * DEMO_WORDS, differ = 0;

	for (size_t i = 0; i < DEMO_WORDS; i++)
		differ |= page[i] ^ mixed(first + i);
	return !differ;
}
