// SPDX-License-Identifier: MIT
/*
 * Pages of three kinds, in turn: one word over and over, such that pack, such that do not: kinds MB
 * [PASSES]. Writes MB megabytes of them, then checks every byte PASSES times, in order and at
 * random, and writes every fifth page anew in between. Says "kinds: all right" and ends with 0, or
 * 1 when a byte differs.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define WORDS 512

static uint64_t *base;
static uint8_t *version;

static uint64_t mix(uint64_t x)
{
	x ^= x >> 29;
	x *= 0xbf58476d1ce4e5b9u;
	x ^= x >> 32;
	x *= 0x94d049bb133111ebu;
	return x ^ (x >> 29);
}

static uint64_t word(size_t page, unsigned i)
{
	uint64_t seed = page * 8 + version[page];

	switch (page % 3) {
	case 0: return (mix(seed) >> 32) * 0x100000001u;
	case 1: return i % (2 + seed % 7) == 0 ? mix(seed * WORDS + i) : seed;
	default: return mix(seed * WORDS + i);
	}
}

static void write_page(size_t page)
{
	for (unsigned i = 0; i < WORDS; i++)
		base[page * WORDS + i] = word(page, i);
}

static int page_right(size_t page)
{
	for (unsigned i = 0; i < WORDS; i++)
		if (base[page * WORDS + i] != word(page, i))
			return 0;
	return 1;
}

int main(int argc, char **argv)
{
	size_t pages = (argc > 1 ? strtoul(argv[1], NULL, 10) : 64) * 256;
	unsigned passes = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 2;

	base = mmap(NULL, pages * WORDS * 8, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		    -1, 0);
	version = calloc(pages, 1);
	if (base == MAP_FAILED || version == NULL)
		return 3;
	for (size_t page = 0; page < pages; page++)
		write_page(page);
	for (unsigned pass = 0; pass < passes; pass++)
		for (size_t n = 0; n < pages; n++) {
			size_t page = pass & 1 ? mix(n + pass) % pages : n;

			if (!page_right(page)) {
				printf("kinds: page %zu is wrong in pass %u\n", page, pass);
				return 1;
			}
			if (n % 5 == pass % 5) {
				version[page] = (version[page] + 1) & 7;
				write_page(page);
			}
		}
	puts("kinds: all right");
	return 0;
}
