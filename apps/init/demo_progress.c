// SPDX-License-Identifier: MIT
// Progress as a line of dots that grows: it reads the same on a terminal, in a pipe and in a file.
#include <stdio.h>

#include "demo.h"

#define DOTS 30

static uint64_t total, began;
static unsigned dots;

void demo_progress_begin(const char *what, uint64_t of)
{
	total = of ? of : 1;
	began = demo_now();
	dots = 0;
	printf("  %-28s ", what);
	fflush(stdout);
}

void demo_progress_show(void)
{
	uint64_t wanted = demo_shared->done * DOTS / total;

	for (; dots < wanted && dots < DOTS; dots++)
		putchar('.');
	fflush(stdout);
}

void demo_progress_end(void)
{
	demo_progress_show();
	printf("%*s%7.1f s\n", (int)(DOTS - dots), "", (double)(demo_now() - began) / 1e9);
	fflush(stdout);
}
