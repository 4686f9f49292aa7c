// SPDX-License-Identifier: MIT
/*
 * The vDSO's clocks: found the way C libraries find them, agreeing with the system calls on every
 * clock and CPU, following a change of the wall clock, monotonic across CPUs, and (under -icount
 * shift=0, where a nanosecond is an instruction) how long a call takes.
 */
#include "check.h"

#include <elf.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000ll

static const char *image;
static int (*vdso_gettime)(clockid_t, struct timespec *);
static int (*vdso_getres)(clockid_t, struct timespec *);
static int (*vdso_gettimeofday)(struct timeval *, void *);

/* ---- Looking symbols up, as ELF and symbol versioning describe it ---- */

static const Elf64_Dyn *dynamic_entry(Elf64_Sxword tag)
{
	const Elf64_Ehdr *h = (const void *)image;
	const Elf64_Phdr *ph = (const void *)(image + h->e_phoff);
	const Elf64_Dyn *d = NULL;

	for (int i = 0; i < h->e_phnum; i++)
		if (ph[i].p_type == PT_DYNAMIC)
			d = (const void *)(image + ph[i].p_vaddr);
	for (; d && d->d_tag != DT_NULL; d++)
		if (d->d_tag == tag)
			return d;
	return NULL;
}

static const void *dynamic_table(Elf64_Sxword tag)
{
	const Elf64_Dyn *d = dynamic_entry(tag);

	return d ? image + d->d_un.d_ptr : NULL;
}

static uint32_t elf_hash(const char *name)
{
	uint32_t h = 0;

	for (; *name; name++) {
		h = (h << 4) + (unsigned char)*name;
		h ^= (h & 0xf0000000) >> 24;
		h &= 0x0fffffff;
	}
	return h;
}

static int version_is(unsigned index, const char *wanted, const char *strings)
{
	const char *at = dynamic_table(DT_VERDEF);

	for (;;) {
		const Elf64_Verdef *def = (const void *)at;
		const Elf64_Verdaux *aux = (const void *)(at + def->vd_aux);

		if (def->vd_ndx == index)
			return def->vd_hash == elf_hash(wanted) &&
			       strcmp(strings + aux->vda_name, wanted) == 0;
		if (def->vd_next == 0)
			return 0;
		at += def->vd_next;
	}
}

static const void *find_symbol(const char *name)
{
	const uint32_t *hash = dynamic_table(DT_HASH);
	const Elf64_Sym *symbols = dynamic_table(DT_SYMTAB);
	const Elf64_Half *versions = dynamic_table(DT_VERSYM);
	const char *strings = dynamic_table(DT_STRTAB);

	if (!hash || !symbols || !versions || !strings)
		return NULL;
	for (uint32_t i = hash[2 + elf_hash(name) % hash[0]]; i; i = hash[2 + hash[0] + i])
		if (strcmp(strings + symbols[i].st_name, name) == 0 &&
		    symbols[i].st_shndx != SHN_UNDEF &&
		    version_is(versions[i], "LINUX_2.6.39", strings))
			return image + symbols[i].st_value;
	return NULL;
}

static void check_symbols(void)
{
	const void *at;

	image = (const char *)getauxval(AT_SYSINFO_EHDR);
	CHECK(image != NULL);
	at = find_symbol("__kernel_clock_gettime");
	memcpy(&vdso_gettime, &at, sizeof(at));
	at = find_symbol("__kernel_clock_getres");
	memcpy(&vdso_getres, &at, sizeof(at));
	at = find_symbol("__kernel_gettimeofday");
	memcpy(&vdso_gettimeofday, &at, sizeof(at));
	CHECK(vdso_gettime && vdso_getres && vdso_gettimeofday);
	CHECK(find_symbol("__kernel_rt_sigreturn") != NULL);
	CHECK(find_symbol("__kernel_nothing") == NULL);
	if (checks_failed)
		exit(check_end());
}

/* ---- Agreement with the system calls ---- */

static long long ns_of(struct timespec t)
{
	return t.tv_sec * SECOND + t.tv_nsec;
}

static long long by_call(clockid_t clock)
{
	struct timespec t = { -1, -1 };

	return syscall(SYS_clock_gettime, clock, &t) ? -errno : ns_of(t);
}

/* Negative errno in place of a time, as the kernel's own call returns it. */
static long long by_vdso(clockid_t clock)
{
	struct timespec t = { -1, -1 };
	int err = vdso_gettime(clock, &t);

	CHECK(err < 0 || (t.tv_nsec >= 0 && t.tv_nsec < SECOND));
	return err ? err : ns_of(t);
}

static void check_clocks(void)
{
	for (clockid_t clock = -40; clock < 70; clock++) {
		struct timespec a = { 7, 7 }, b = { 7, 7 };
		long long before = by_call(clock), between = by_vdso(clock), after = by_call(clock);
		int res = vdso_getres(clock, &a);

		if (before < 0)
			CHECK(between == before);
		else
			CHECK(before <= between && between <= after);
		CHECK(res == (syscall(SYS_clock_getres, clock, &b) ? -errno : 0));
		CHECK(ns_of(a) == ns_of(b));
		CHECK(vdso_getres(clock, NULL) == res);
	}
	CHECK(by_vdso(INT_MAX) == -EINVAL && by_vdso(INT_MIN | 3) == -EINVAL);
}

static void check_timeofday(void)
{
	struct {
		int west, saving;
	} zone = { 5, 5 };
	struct timeval v;
	long long before = by_call(CLOCK_REALTIME) / 1000, between;

	CHECK(vdso_gettimeofday(&v, &zone) == 0);
	between = v.tv_sec * 1000000ll + v.tv_usec;
	CHECK(before <= between && between <= by_call(CLOCK_REALTIME) / 1000);
	CHECK(v.tv_usec >= 0 && v.tv_usec < 1000000 && zone.west == 0 && zone.saving == 0);
	CHECK(vdso_gettimeofday(NULL, &zone) == 0 && vdso_gettimeofday(NULL, NULL) == 0);
}

/* Each change is seen at once, here and on every other CPU, and nothing but the wall clocks takes
 * part in it. */
static void check_set(void)
{
	struct timespec then = { 2000000000, 999999999 };
	cpu_set_t all, one;

	sched_getaffinity(0, sizeof(all), &all);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		long long mono = by_vdso(CLOCK_MONOTONIC);

		if (!CPU_ISSET(cpu, &all))
			continue;
		then.tv_sec += 1000000;
		CHECK(clock_settime(CLOCK_REALTIME, &then) == 0);
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		sched_setaffinity(0, sizeof(one), &one);
		CHECK(by_vdso(CLOCK_REALTIME) >= ns_of(then) &&
		      by_vdso(CLOCK_REALTIME_COARSE) < ns_of(then) + 100 * SECOND);
		CHECK(by_vdso(CLOCK_MONOTONIC) >= mono &&
		      by_vdso(CLOCK_BOOTTIME) < mono + 100 * SECOND);
	}
	sched_setaffinity(0, sizeof(all), &all);
}

/* ---- Order between CPUs ---- */

static long long latest;

static void *read_in_turn(void *arg)
{
	(void)arg;
	for (int i = 0; i < 20000; i++) {
		long long seen = __atomic_load_n(&latest, __ATOMIC_ACQUIRE);
		long long now = by_vdso(CLOCK_MONOTONIC);

		if (now < seen)
			return "backwards";
		__atomic_store_n(&latest, now, __ATOMIC_RELEASE);
	}
	return NULL;
}

static void check_order(void)
{
	pthread_t threads[4];
	void *wrong;

	for (int i = 0; i < 4; i++)
		CHECK(pthread_create(&threads[i], NULL, read_in_turn, NULL) == 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], &wrong);
		CHECK(wrong == NULL);
	}
}

/* ---- The page itself: nobody writes to it ---- */

static void check_page(void)
{
	char *page = (char *)(uintptr_t)image;
	int status;
	pid_t child;

	child = fork();
	if (child == 0) {
		*(volatile char *)(page + 4095) = 1;
		_exit(0);
	}
	waitpid(child, &status, 0);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

/* ---- Instructions ---- */

static void print_cost(const char *what, clockid_t clock, int (*fn)(clockid_t, struct timespec *))
{
	struct timespec t;
	long long start;

	fn(clock, &t);
	start = by_vdso(CLOCK_MONOTONIC);
	for (int i = 0; i < 1000; i++)
		fn(clock, &t);
	printf("%s %lld\n", what, (by_vdso(CLOCK_MONOTONIC) - start) / 1000);
}

static int call_gettime(clockid_t clock, struct timespec *t)
{
	return (int)syscall(SYS_clock_gettime, clock, t);
}

int main(int argc, char **argv)
{
	check_symbols();
	if (argc > 1 && strcmp(argv[1], "cost") == 0) {
		print_cost("vdso monotonic", CLOCK_MONOTONIC, vdso_gettime);
		print_cost("vdso realtime", CLOCK_REALTIME, vdso_gettime);
		print_cost("libc monotonic", CLOCK_MONOTONIC, clock_gettime);
		print_cost("call monotonic", CLOCK_MONOTONIC, call_gettime);
		return 0;
	}
	check_clocks();
	check_timeofday();
	check_order();
	check_page();
	check_set();
	return check_end();
}
