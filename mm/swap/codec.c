// SPDX-License-Identifier: MIT
/*
 * Pages packed by LZ4. The library's source is compiled as part of this file: with the kernel's own compiler flags it stays away from the
 * floating-point registers, which belong to the user task, and its functions that nobody calls are left out by the linker. Of its compressor the general form is called:
 * the public functions have one for each size of table and of input, 7 KB where a page needs two. Its hash table is cut to 4 KB, two bytes for
 * every second byte of a page: that is all a page can use, and a smaller one is cleared sooner.
 */
#include "mm/swap/codec.h"

#include "kernel/lib/string.h"
#include "mm/slab.h"

#define LZ4_FREESTANDING         1
#define LZ4_MEMORY_USAGE         12
#define LZ4_memcpy(to, from, n)  __builtin_memcpy(to, from, n)
#define LZ4_memmove(to, from, n) __builtin_memmove(to, from, n)
#define LZ4_memset(at, value, n) __builtin_memset(at, value, n)
#define LZ4_STATIC_LINKING_ONLY_DISABLE_MEMORY_ALLOCATION
// NOLINTNEXTLINE(bugprone-suspicious-include): see above
#include <lz4.c>

#define WORDS (PAGE_SIZE / sizeof(uint64_t))

struct packer {
	LZ4_stream_t state;
	uint8_t out[PACKED_MAX];
};
_Static_assert(sizeof(struct packer) <= 2 * PAGE_SIZE, "as the header says");

struct packer *packer_create(unsigned alloc_flags)
{
	return kmalloc(sizeof(struct packer), alloc_flags);
}

void packer_destroy(struct packer *k)
{
	kfree(k);
}

uint16_t page_pack(struct packer *k, const void *page, const void **packed)
{
	int n;

	(void)LZ4_initStream(&k->state, sizeof(k->state)); /* a page uses all of the table */
	n = LZ4_compress_generic(&k->state.internal_donotuse, page, (char *)k->out, PAGE_SIZE, NULL,
				 PACKED_MAX, limitedOutput, byU16, noDict, noDictIssue,
				 LZ4_ACCELERATION_DEFAULT);
	*packed = k->out;
	return n > 0 ? (uint16_t)n : 0;
}

bool page_unpack(const void *packed, uint16_t n, void *page)
{
	return LZ4_decompress_safe(packed, page, n, PAGE_SIZE) == PAGE_SIZE;
}

bool page_is_filled(const void *page, uint32_t *word)
{
	const uint64_t *p = page;
	uint64_t first = p[0];

	*word = (uint32_t)first;
	if (first >> 32 != *word)
		return false;
	/* Most pages differ at the end already, or at once. */
	if (p[WORDS - 1] != first)
		return false;
	for (unsigned i = 1; i < WORDS - 1; i++)
		if (p[i] != first)
			return false;
	return true;
}

void page_fill(void *page, uint32_t word)
{
	uint64_t *p = page, value = word | (uint64_t)word << 32;

	for (unsigned i = 0; i < WORDS; i++)
		p[i] = value;
}
