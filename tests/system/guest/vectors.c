// SPDX-License-Identifier: MIT
/*
 * vectors MB TURNS: keeps numbers in all vector registers while it touches MB megabytes of noise,
 * page by page, in no order. The kernel, which encrypts and decrypts with these registers what it
 * pages out and in, may change neither them nor the noise. Prints how many pages found either
 * changed.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096

struct registers {
	uint64_t v[64];
	uint64_t fpsr, fpcr;
};

#define ALL(op, at)                                                                                \
	op " q0, q1, [" at ", #0]\n" op " q2, q3, [" at ", #32]\n" op " q4, q5, [" at              \
	   ", #64]\n" op " q6, q7, [" at ", #96]\n" op " q8, q9, [" at ", #128]\n" op              \
	   " q10, q11, [" at ", #160]\n" op " q12, q13, [" at ", #192]\n" op " q14, q15, [" at     \
	   ", #224]\n" op " q16, q17, [" at ", #256]\n" op " q18, q19, [" at ", #288]\n" op        \
	   " q20, q21, [" at ", #320]\n" op " q22, q23, [" at ", #352]\n" op " q24, q25, [" at     \
	   ", #384]\n" op " q26, q27, [" at ", #416]\n" op " q28, q29, [" at ", #448]\n" op        \
	   " q30, q31, [" at ", #480]\n"

/* One instruction that may fault, with `in` in the registers; `out` is what they are after it. */
static uint64_t touch(uint64_t *word, const struct registers *in, struct registers *out)
{
	uint64_t value;

	__asm__ volatile(
		"msr fpsr, %[fpsr]\n msr fpcr, %[fpcr]\n" ALL(
			"ldp",
			"%[in]") "ldr %[value], [%[word]]\n add %[value], %[value], #1\n"
				 "str %[value], [%[word]]\n" ALL(
					 "stp",
					 "%[out]") "mrs %[fpsr], fpsr\n str %[fpsr], [%[out], #512]\n"
						   "mrs %[fpsr], fpcr\n str %[fpsr], [%[out], #520]\n msr fpcr, xzr\n"
		: [value] "=&r"(value)
		: [word] "r"(word), [in] "r"(in), [out] "r"(out), [fpsr] "r"(in->fpsr),
		  [fpcr] "r"(in->fpcr)
		: "memory", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10",
		  "v11", "v12", "v13", "v14", "v15", "v16", "v17", "v18", "v19", "v20", "v21",
		  "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31");
	return value;
}

static uint64_t noise(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static void page_fill(uint64_t *page, size_t n)
{
	uint64_t seed = n + 1;

	for (unsigned i = 0; i < PAGE / 8; i++)
		page[i] = noise(&seed);
}

/* The first word counts the turns. */
static int page_differs(const uint64_t *page, size_t n, unsigned turns)
{
	uint64_t seed = n + 1;
	int bad = page[0] != noise(&seed) + turns;

	for (unsigned i = 1; i < PAGE / 8; i++)
		bad |= page[i] != noise(&seed);
	return bad;
}

int main(int argc, char **argv)
{
	size_t pages = (argc > 1 ? strtoul(argv[1], NULL, 10) : 1) << 8;
	unsigned turns = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 1;
	uint64_t *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t seed = 88172645463325252;
	struct registers in = { .fpsr = 0x9f }, out;
	unsigned bad = 0;

	if (memory == MAP_FAILED)
		return 3;
	for (size_t n = 0; n < pages; n++)
		page_fill(memory + n * (PAGE / 8), n);
	for (unsigned turn = 1; turn <= turns; turn++) {
		for (size_t n = 0; n < pages; n++) {
			size_t at = n * 1021 % pages; /* odd and prime: each once */

			for (unsigned i = 0; i < 64; i++)
				in.v[i] = noise(&seed);
			in.fpcr = (seed & 3) << 22; /* rounding */
			touch(memory + at * (PAGE / 8), &in, &out);
			bad += memcmp(&in, &out, sizeof(in)) != 0;
			bad += page_differs(memory + at * (PAGE / 8), at, turn) != 0;
		}
	}
	printf("%u changed\n", bad);
	return bad > 0;
}
