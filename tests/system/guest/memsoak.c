// SPDX-License-Identifier: MIT
/*
 * memsoak [N [THREADS]]: N random map, unmap, protect, remap and advise calls, against a model that
 * knows every page's rights and contents; by several threads, each has an arena of its own. Areas
 * must be as few as can be (neighbours that are equal are one), and in the end memory must be as it
 * was.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define PAGE  4096UL
#define PAGES 256
#define ARENA 0x1000000000UL
#define LOOK  5000 /* calls between two looks at everything */

struct model {
	bool mapped, counted; /* counted: was writable once, which keeps areas apart */
	int prot;
	char byte;
};

/* A thread's. */
static __thread struct model model[PAGES];
static __thread uint64_t seed = 88172645463325252;
static __thread uintptr_t arena = ARENA;

static unsigned any(unsigned n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed >> 33) % n;
}

static char *page(unsigned i)
{
	return (char *)(arena + i * PAGE);
}

static bool all_mapped(unsigned from, unsigned n)
{
	for (unsigned i = from; i < from + n; i++)
		if (!model[i].mapped)
			return false;
	return true;
}

static int any_prot(void)
{
	static const int prots[] = { PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE, PROT_READ,
				     PROT_NONE };

	return prots[any(4)];
}

static void do_map(unsigned from, unsigned n)
{
	int prot = any_prot();
	void *p = mmap(page(from), n * PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	CHECK(p == page(from));
	for (unsigned i = from; i < from + n; i++)
		model[i] = (struct model){ true, prot & PROT_WRITE, prot, 0 };
}

static void do_unmap(unsigned from, unsigned n)
{
	CHECK(munmap(page(from), n * PAGE) == 0);
	for (unsigned i = from; i < from + n; i++)
		model[i] = (struct model){ 0 };
}

/* Up to the first hole it counts all the same. */
static void do_protect(unsigned from, unsigned n)
{
	int prot = any_prot(), result = mprotect(page(from), n * PAGE, prot);

	CHECK(result == 0 ? all_mapped(from, n) : errno == ENOMEM && !all_mapped(from, n));
	for (unsigned i = from; i < from + n && model[i].mapped; i++) {
		model[i].prot = prot;
		model[i].counted |= prot & PROT_WRITE;
	}
}

static void do_advise(unsigned from, unsigned n)
{
	int result = madvise(page(from), n * PAGE, MADV_DONTNEED);

	CHECK(result == 0 ? all_mapped(from, n) : errno == ENOMEM && !all_mapped(from, n));
	for (unsigned i = from; i < from + n; i++)
		model[i].byte = 0;
}

static bool alike(unsigned from, unsigned n)
{
	for (unsigned i = from; i < from + n; i++)
		if (!model[i].mapped || model[i].prot != model[from].prot ||
		    model[i].counted != model[from].counted)
			return false;
	return true;
}

/* Moves n pages to another place. Over several areas that fails, after the place was cleared. */
static void do_remap(unsigned from, unsigned n)
{
	unsigned to = any(PAGES - n + 1);
	void *p;

	if (to < from + n && from < to + n)
		return;
	p = mremap(page(from), n * PAGE, n * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, page(to));
	CHECK(alike(from, n) ? p == page(to) : p == MAP_FAILED && errno == EFAULT);
	if (p == MAP_FAILED && !model[from].mapped)
		return; /* found out before anything was done */
	for (unsigned i = 0; i < n; i++) {
		model[to + i] = p == MAP_FAILED ? (struct model){ 0 } : model[from + i];
		if (p != MAP_FAILED)
			model[from + i] = (struct model){ 0 };
	}
}

static void do_write(unsigned from, unsigned n)
{
	for (unsigned i = from; i < from + n; i++)
		if (model[i].prot & PROT_WRITE)
			*page(i) = model[i].byte = (char)(1 + any(100));
}

static unsigned areas_wanted(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < PAGES; i++)
		if (model[i].mapped && (i == 0 || !alike(i - 1, 2)))
			n++;
	return n;
}

static unsigned areas_there(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	unsigned long start, end;
	char line[256];
	unsigned n = 0;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx-%lx", &start, &end) == 2 && start >= arena &&
		    end <= arena + PAGES * PAGE)
			n++;
	if (f)
		fclose(f);
	return n;
}

static void look(unsigned long done)
{
	unsigned wanted = areas_wanted(), there = areas_there();

	if (wanted != there)
		printf("after %lu calls: %u areas, not %u\n", done, there, wanted);
	CHECK(wanted == there);
	for (unsigned i = 0; i < PAGES; i++)
		if (model[i].prot & PROT_READ && *page(i) != model[i].byte) {
			printf("after %lu calls: page %u has %d, not %d\n", done, i, *page(i),
			       model[i].byte);
			CHECK(!"contents");
		}
}

static long meminfo(const char *key)
{
	FILE *f = fopen("/proc/meminfo", "r");
	char line[128];
	long kb = 0;

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			kb = atol(line + strlen(key));
	if (f)
		fclose(f);
	return kb;
}

/* Areas that the system has, as slabinfo counts them. */
static long areas_of_all(void)
{
	FILE *f = fopen("/proc/slabinfo", "r");
	char line[256];
	long n = -1;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "area %ld", &n) == 1)
			break;
	if (f)
		fclose(f);
	return n;
}

struct figures {
	long free, slab, promised, tables, areas;
};

static struct figures figures(void)
{
	return (struct figures){ meminfo("MemFree:"), meminfo("Slab:"), meminfo("Committed_AS:"),
				 meminfo("PageTables:"), areas_of_all() };
}

static void (*const operations[])(unsigned, unsigned) = { do_map,    do_unmap, do_protect,
							  do_advise, do_remap, do_write };

static void calls(unsigned long n)
{
	for (unsigned long i = 0; i < n && checks_failed < 10; i++) {
		unsigned from = any(PAGES), most = PAGES - from;

		operations[any(6)](from, 1 + any(most < 16 ? most : 16));
		if (i % LOOK == LOOK - 1)
			look(i + 1);
	}
	munmap(page(0), PAGES * PAGE);
	memset(model, 0, sizeof(model));
}

struct part {
	pthread_t thread;
	unsigned number;
	unsigned long calls;
};

static void *soak(void *arg)
{
	struct part *p = arg;

	arena = ARENA + p->number * 0x100000000UL;
	seed += p->number * 0x9e3779b97f4a7c15UL;
	calls(p->calls);
	return NULL;
}

/* In a process of its own: what its C library keeps ends with it. */
static void soak_all(unsigned long n, unsigned threads)
{
	struct part parts[16];
	pid_t child = fork();
	int status;

	if (child != 0) {
		CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
		return;
	}
	for (unsigned i = 0; i < threads; i++) {
		parts[i] = (struct part){ .number = i, .calls = n / threads };
		CHECK(pthread_create(&parts[i].thread, NULL, soak, &parts[i]) == 0);
	}
	for (unsigned i = 0; i < threads; i++)
		pthread_join(parts[i].thread, NULL);
	fflush(stdout);
	_exit(checks_failed != 0);
}

int main(int argc, char **argv)
{
	unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 0) : 1000000;
	unsigned threads = argc > 2 ? (unsigned)atoi(argv[2]) % 17 : 1;
	struct figures before, after;

	soak_all(20000, threads); /* what is kept for the next time is there by then */
	before = figures();
	soak_all(n, threads);
	after = figures();
	printf("free %+ld KB, slab %+ld, promised %+ld, tables %+ld; areas %+ld\n",
	       after.free - before.free, after.slab - before.slab, after.promised - before.promised,
	       after.tables - before.tables, after.areas - before.areas);
	CHECK(after.promised == before.promised);
	CHECK(after.tables == before.tables);
	CHECK(after.areas == before.areas);
	CHECK(after.slab - before.slab <= 64); /* CPUs keep some for themselves, and frames */
	CHECK(before.free - after.free <= 256);
	return check_end();
}
