// SPDX-License-Identifier: MIT
/*
 * Takes memory and writes to it, without end or MB megabytes: eater [MB [SECONDS]]. With MB it then
 * says "ate", keeps checking for SECONDS that all of it is as it was written, and ends with 0, or 1
 * when a word differs, 2 when new memory is not zero, 3 when it gets none.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define MB_WORDS ((1 << 20) / 8)

static uint64_t *chunks[1 << 16];

static uint64_t value(size_t mb, size_t word)
{
	return (mb * MB_WORDS + word + 1) * 0x9e3779b97f4a7c15u;
}

static int all_right(size_t mbs)
{
	for (size_t mb = 0; mb < mbs; mb++)
		for (size_t w = 0; w < MB_WORDS; w++)
			if (chunks[mb][w] != value(mb, w))
				return 0;
	return 1;
}

int main(int argc, char **argv)
{
	size_t most = argc > 1 ? strtoul(argv[1], NULL, 10) : 1 << 16, mb;
	time_t end;

	for (mb = 0; mb < most && mb < 1 << 16; mb++) {
		chunks[mb] = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (chunks[mb] == MAP_FAILED)
			return 3;
		for (size_t w = 0; w < MB_WORDS; w++) {
			if (chunks[mb][w])
				return 2;
			chunks[mb][w] = value(mb, w);
		}
	}
	puts("ate");
	fflush(stdout);
	end = time(NULL) + (argc > 2 ? atol(argv[2]) : 0);
	do {
		if (!all_right(mb))
			return 1;
		usleep(100000);
	} while (time(NULL) < end);
	return 0;
}
