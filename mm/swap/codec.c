// SPDX-License-Identifier: MIT
/*
 * Pages packed by LZ4. The library's source is compiled as part of this file: with the kernel's own
 * compiler flags it stays away from the floating-point registers, which belong to the user task,
 * and its functions that nobody calls are left out by the linker. Of its compressor the general
 * form is called: the public functions have one for each size of table and of input, 7 KB where a
 * page needs two. Its hash table is cut to 4 KB, two bytes for every second byte of a page: that is
 * all a page can use, and a smaller one is cleared sooner.
 *
 * A page is packed as two blocks, its first quarter and the rest, which refers back to it:
 *
 *      | length of the first, 16 bits | block | block |
 *
 * Of what does not pack at all, a program's code or pictures, the first quarter tells in most
 * cases: then the rest, three times the work, is not tried, unless words of it are seen to repeat,
 * as behind the end of what a page has. It costs seven bytes a page, and of a hundred pages of
 * programs two or three that would just have packed.
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

#define WORDS      (PAGE_SIZE / sizeof(uint64_t))
#define FIRST      (PAGE_SIZE / 4)
#define FIRST_MOST (FIRST * 7 / 8)
#define FIRST_ROOM (FIRST + FIRST / 8) /* more than any block of it takes */
#define AT         sizeof(uint16_t)    /* of the first block */

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

/* The next n bytes of the page, packed into `room` bytes; 0: that is too little. */
static int pack_part(struct packer *k, const void *part, size_t n, uint8_t *to, size_t room)
{
	return LZ4_compress_generic(&k->state.internal_donotuse, part, (char *)to, (int)n, NULL,
				    (int)room, limitedOutput, byU16, withPrefix64k, noDictIssue,
				    LZ4_ACCELERATION_DEFAULT);
}

/* A quarter of the words, or more, are as the one before. */
static bool words_repeat(const uint64_t *words, unsigned n)
{
	unsigned same = 0;

	for (unsigned i = 1; i < n; i++)
		same += words[i] == words[i - 1];
	return same >= n / 4;
}

/* The page's first quarter; 0: not worth it. */
static int pack_first(struct packer *k, const uint64_t *page, uint8_t *to)
{
	int n;

	(void)LZ4_initStream(&k->state, sizeof(k->state)); /* a page uses all of the table */
	n = pack_part(k, page, FIRST, to, FIRST_MOST);
	if (n > 0 || !words_repeat(page + WORDS / 4, WORDS - WORDS / 4))
		return n;
	(void)LZ4_initStream(&k->state, sizeof(k->state));
	return pack_part(k, page, FIRST, to, FIRST_ROOM);
}

uint16_t page_pack(struct packer *k, const void *page, const void **packed)
{
	const uint8_t *rest = (const uint8_t *)page + FIRST;
	int first = pack_first(k, page, k->out + AT), second = 0;

	if (first > 0)
		second = pack_part(k, rest, PAGE_SIZE - FIRST, k->out + AT + first,
				   PACKED_MAX - AT - (size_t)first);
	if (second <= 0)
		return 0;
	k->out[0] = (uint8_t)first;
	k->out[1] = (uint8_t)(first >> 8);
	*packed = k->out;
	return (uint16_t)(AT + (size_t)(first + second));
}

/* n bytes into [at, end) of the page, all of it. */
static bool unpack_part(const uint8_t *from, size_t n, uint8_t *page, size_t at, size_t end)
{
	return LZ4_decompress_safe_withSmallPrefix((const char *)from, (char *)page + at, (int)n,
						   (int)(end - at), at) == (int)(end - at);
}

bool page_unpack(const void *packed, uint16_t n, void *page)
{
	const uint8_t *first = (const uint8_t *)packed + AT;
	uint16_t length;

	if (n < AT)
		return false;
	memcpy(&length, packed, AT);
	return length <= n - AT && unpack_part(first, length, page, 0, FIRST) &&
	       unpack_part(first + length, n - AT - length, page, FIRST, PAGE_SIZE);
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
