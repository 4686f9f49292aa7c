// SPDX-License-Identifier: MIT
// Figures from /proc: vmstat, meminfo, swapstore.
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <time.h>

#include "demo.h"

uint64_t demo_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

/* The number after `name` (and a colon or blanks) at the start of a line of `path`; 0 when it is
 * not there. */
static uint64_t number_of(const char *path, const char *name)
{
	char line[160];
	size_t len = strlen(name);
	unsigned long long value = 0;
	FILE *f = fopen(path, "r");

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, name, len) || !strchr(": \t", line[len]))
			continue;
		sscanf(line + len, "%*[: \t]%llu", &value);
		break;
	}
	fclose(f);
	return value;
}

uint64_t demo_meminfo(const char *name)
{
	return number_of("/proc/meminfo", name);
}

void demo_figures_read(struct demo_figures *f)
{
	static const char vmstat[] = "/proc/vmstat";

	f->ns = demo_now();
	f->faults = number_of(vmstat, "pgfault");
	f->major = number_of(vmstat, "pgmajfault");
	f->pages_in = number_of(vmstat, "pswpin");
	f->pages_out = number_of(vmstat, "pswpout");
	f->oom_kills = number_of(vmstat, "oom_kill");
	f->flash_bytes = number_of("/proc/swapstore", "bytes_programmed");
	if (!f->flash_bytes) /* a kernel without the store's own count: the payload alone */
		f->flash_bytes = f->pages_out * DEMO_PAGE;
}

struct demo_figures demo_figures_since(const struct demo_figures *before)
{
	struct demo_figures f;

	demo_figures_read(&f);
	f.ns -= before->ns;
	f.faults -= before->faults;
	f.major -= before->major;
	f.pages_in -= before->pages_in;
	f.pages_out -= before->pages_out;
	f.oom_kills -= before->oom_kills;
	f.flash_bytes -= before->flash_bytes;
	return f;
}

/* Nanoseconds that a loop of 2 * LOOPS instructions takes. */
#define LOOPS 100000ul
static uint64_t loop_ns(void)
{
	uint64_t begin, end, hz, n = LOOPS;

	__asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(begin));
	__asm__ volatile("1:\tsubs %0, %0, #1\n\tb.ne 1b" : "+r"(n) : : "cc");
	__asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(end));
	__asm__ volatile("mrs %0, cntfrq_el0" : "=r"(hz));
	return (end - begin) * 1000 / (hz / 1000000);
}

bool demo_clock_counts(void)
{
	if (sysconf(_SC_NPROCESSORS_ONLN) != 1)
		return false;
	for (int i = 0; i < 5; i++) {
		uint64_t ns = loop_ns();

		/* Interrupts may add a little; nothing can take away. */
		if (ns < 2 * LOOPS - 100 || ns > 2 * LOOPS + 2 * LOOPS / 50)
			return false;
	}
	return true;
}
