// SPDX-License-Identifier: MIT
// madvise, process_madvise, the mlock family, mincore and msync: each documented success and error
// (cases.h says how).
#include "cases.h"

#include <sys/resource.h>
#include <sys/uio.h>

/* The arena's pages twice over, as an advice about another process takes them. */
static struct iovec pieces[2] = { { (void *)P(0), N(2) }, { (void *)P(8), N(1) } };
static struct iovec with_hole[2] = { { (void *)P(0), N(1) }, { (void *)P(30), N(1) } };
static struct iovec unaligned[1] = { { (void *)(P(0) + 1), N(1) } };
static struct iovec empty[1] = { { (void *)P(0), 0 } };
static struct rlimit two_pages = { N(2), N(2) }, no_pages = { 0, 0 };

#define V(v)       (long)(uintptr_t)(v)
#define UNPRIV     C(setresuid, 65534, 65534, 65534)
#define LIMIT(l)   C(prlimit64, 0, RLIMIT_MEMLOCK, V(&(l)), 0)
#define PIDFD(who) C(pidfd_open, who, 0)

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ  22
#define MADV_POPULATE_WRITE 23
#endif

#define ADVICE(name, value)                                                                        \
	{ "madvise, " name ", private", { C(madvise, P(0), N(2), value) } },                       \
		{ "madvise, " name ", read only", { C(madvise, P(5), N(1), value) } },             \
		{ "madvise, " name ", no access", { C(madvise, P(6), N(1), value) } },             \
		{ "madvise, " name ", shared", { C(madvise, P(8), N(2), value) } },                \
		{ "madvise, " name ", private file", { C(madvise, P(13), N(2), value) } },         \
		{ "madvise, " name ", shared file", { C(madvise, P(16), N(3), value) } },          \
		{ "madvise, " name ", beyond a file", { C(madvise, P(16), N(4), value) } },        \
		{ "madvise, " name ", over a hole", { C(madvise, P(3), N(3), value) } },           \
		{ "madvise, " name ", a hole", { C(madvise, P(30), N(1), value) } },               \
	{                                                                                          \
		"madvise, " name ", locked",                                                       \
		{                                                                                  \
			C(mlock, P(0), N(2)), C(madvise, P(0), N(2), value)                        \
		}                                                                                  \
	}

static const struct test_case advising[] = {
	ADVICE("normal", MADV_NORMAL),
	ADVICE("random", MADV_RANDOM),
	ADVICE("sequential", MADV_SEQUENTIAL),
	ADVICE("willneed", MADV_WILLNEED),
	ADVICE("dontneed", MADV_DONTNEED),
	ADVICE("cold", MADV_COLD),
	ADVICE("pageout", MADV_PAGEOUT),
	ADVICE("dontfork", MADV_DONTFORK),
	ADVICE("dofork", MADV_DOFORK),
	ADVICE("wipeonfork", MADV_WIPEONFORK),
	ADVICE("keeponfork", MADV_KEEPONFORK),
	ADVICE("dontdump", MADV_DONTDUMP),
	ADVICE("dodump", MADV_DODUMP),
	ADVICE("hugepage", MADV_HUGEPAGE),
	ADVICE("nohugepage", MADV_NOHUGEPAGE),
	ADVICE("mergeable", MADV_MERGEABLE),
	ADVICE("unmergeable", MADV_UNMERGEABLE),
	ADVICE("populate read", MADV_POPULATE_READ),
	ADVICE("populate write", MADV_POPULATE_WRITE),
	ADVICE("remove", MADV_REMOVE),
	/* What pages of MADV_FREE hold is not said: they are not looked at. */
	{ "madvise, free, private", { C(madvise, P(40), N(0), MADV_FREE) } },
	{ "madvise, free, shared", { C(madvise, P(8), N(1), MADV_FREE) } },
	{ "madvise, free, private file", { C(madvise, P(13), N(1), MADV_FREE) } },
	{ "madvise, free, a hole", { C(madvise, P(30), N(1), MADV_FREE) } },
	{ "madvise, remove, made read only",
	  { C(mprotect, P(8), N(2), R), C(madvise, P(8), N(1), MADV_REMOVE) } },
	{ "madvise, remove, made inaccessible",
	  { C(mprotect, P(16), N(2), PROT_NONE), C(madvise, P(16), N(1), MADV_REMOVE) } },
	{ "madvise, unknown", { C(madvise, P(0), N(1), 4711) } },
	{ "madvise, negative", { C(madvise, P(0), N(1), -1) } },
	{ "madvise, unknown, length 0", { C(madvise, P(0), 0, 4711) } },
	{ "madvise, length 0", { C(madvise, P(0), 0, MADV_DONTNEED) } },
	{ "madvise, length 0 in a hole", { C(madvise, P(30), 0, MADV_DONTNEED) } },
	{ "madvise, length 1", { C(madvise, P(0), 1, MADV_DONTNEED) } },
	{ "madvise, not aligned", { C(madvise, P(0) + 1, N(1), MADV_DONTNEED) } },
	{ "madvise, wrapping to 0", { C(madvise, P(0), -1, MADV_DONTNEED) } },
	{ "madvise, wrapping", { C(madvise, P(0), HUGE_L, MADV_DONTNEED) } },
	{ "madvise, the other half", { C(madvise, KERNEL, N(1), MADV_DONTNEED) } },
	{ "madvise, across the end", { C(madvise, TOP - N(1), N(2), MADV_DONTNEED) } },
	{ "madvise, address 0", { C(madvise, 0, N(1), MADV_DONTNEED) } },
	{ "madvise, hwpoison without privilege", { UNPRIV, C(madvise, P(0), N(1), 100) } },
};

static const struct test_case advising_others[] = {
	{ "process_madvise, cold",
	  { PIDFD(PARENT), C(process_madvise, RESULT, V(pieces), 2, MADV_COLD, 0) } },
	{ "process_madvise, pageout",
	  { PIDFD(PARENT), C(process_madvise, RESULT, V(pieces), 2, MADV_PAGEOUT, 0) } },
	{ "process_madvise, willneed",
	  { PIDFD(PID), C(process_madvise, RESULT, V(pieces), 2, MADV_WILLNEED, 0) } },
	{ "process_madvise, collapse",
	  { PIDFD(PID), C(process_madvise, RESULT, V(pieces), 2, 25, 0) } },
	{ "process_madvise, dontneed",
	  { PIDFD(PARENT), C(process_madvise, RESULT, V(pieces), 2, MADV_DONTNEED, 0) } },
	{ "process_madvise, a hole",
	  { PIDFD(PARENT), C(process_madvise, RESULT, V(with_hole), 2, MADV_COLD, 0) } },
	{ "process_madvise, a hole first",
	  { PIDFD(PARENT), C(process_madvise, RESULT, V(with_hole + 1), 1, MADV_COLD, 0) } },
	{ "process_madvise, not aligned",
	  { PIDFD(PARENT), C(process_madvise, RESULT, V(unaligned), 1, MADV_COLD, 0) } },
	{ "process_madvise, length 0",
	  { PIDFD(PARENT), C(process_madvise, RESULT, V(empty), 1, MADV_COLD, 0) } },
	{ "process_madvise, nothing",
	  { PIDFD(PARENT), C(process_madvise, RESULT, 0, 0, MADV_COLD, 0) } },
	{ "process_madvise, flags",
	  { PIDFD(PARENT), C(process_madvise, RESULT, V(pieces), 2, MADV_COLD, 1) } },
	{ "process_madvise, too many",
	  { PIDFD(PARENT), C(process_madvise, RESULT, V(pieces), 1025, MADV_COLD, 0) } },
	{ "process_madvise, null list",
	  { PIDFD(PARENT), C(process_madvise, RESULT, 0, 2, MADV_COLD, 0) } },
	{ "process_madvise, list in the other half",
	  { PIDFD(PARENT), C(process_madvise, RESULT, KERNEL, 2, MADV_COLD, 0) } },
	{ "process_madvise, list at the end of an area",
	  { PIDFD(PARENT), C(process_madvise, RESULT, P(4) - 16, 2, MADV_COLD, 0) } },
	{ "process_madvise, closed descriptor",
	  { C(process_madvise, FD_CLOSED, V(pieces), 2, MADV_COLD, 0) } },
	{ "process_madvise, a file's descriptor",
	  { C(process_madvise, FD_RW, V(pieces), 2, MADV_COLD, 0) } },
	{ "process_madvise, not mine",
	  { UNPRIV, PIDFD(PARENT), C(process_madvise, RESULT, V(pieces), 2, MADV_COLD, 0) } },
	{ "pidfd_open, oneself", { PIDFD(PID), C(close, RESULT) } },
	{ "pidfd_open, flags", { C(pidfd_open, PID, 1) } },
	{ "pidfd_open, pid 0", { C(pidfd_open, 0, 0) } },
	{ "pidfd_open, pid -1", { C(pidfd_open, -1, 0) } },
	{ "pidfd_open, nobody", { C(pidfd_open, 999999, 0) } },
};

static const struct test_case locking[] = {
	{ "mlock", { C(mlock, P(0), N(4)) } },
	{ "mlock, part of a page", { C(mlock, P(1) + 100, 8) } },
	{ "mlock, length 0", { C(mlock, P(0), 0) } },
	{ "mlock, length 0 in a hole", { C(mlock, P(30), 0) } },
	{ "mlock, over a hole", { C(mlock, P(3), N(3)) } },
	{ "mlock, a hole", { C(mlock, P(30), N(1)) } },
	{ "mlock, no access", { C(mlock, P(6), N(1)) } },
	{ "mlock, read only", { C(mlock, P(5), N(1)) } },
	{ "mlock, shared", { C(mlock, P(8), N(4)) } },
	{ "mlock, file", { C(mlock, P(16), N(3)) } },
	{ "mlock, beyond a file", { C(mlock, P(16), N(4)) } },
	{ "mlock, wrapping to 0", { C(mlock, P(0), -1) } },
	{ "mlock, wrapping", { C(mlock, P(0), HUGE_L) } },
	{ "mlock, the other half", { C(mlock, KERNEL, N(1)) } },
	{ "mlock, address 0", { C(mlock, 0, N(1)) } },
	{ "mlock, within the limit", { LIMIT(two_pages), UNPRIV, C(mlock, P(0), N(2)) } },
	{ "mlock, over the limit", { LIMIT(two_pages), UNPRIV, C(mlock, P(0), N(3)) } },
	{ "mlock, over the limit, what is locked counts once",
	  { LIMIT(two_pages), UNPRIV, C(mlock, P(0), N(2)), C(mlock, P(0), N(2)) } },
	{ "mlock, over the limit in steps",
	  { LIMIT(two_pages), UNPRIV, C(mlock, P(0), N(2)), C(mlock, P(3), N(1)) } },
	{ "mlock, no privilege", { LIMIT(no_pages), UNPRIV, C(mlock, P(0), N(1)) } },
	{ "mlock, no privilege, length 0", { LIMIT(no_pages), UNPRIV, C(mlock, P(0), 0) } },
	{ "mlock, a limit does not bind root", { LIMIT(no_pages), C(mlock, P(0), N(4)) } },
	{ "mmap, locked, over the limit",
	  { LIMIT(two_pages), UNPRIV, C(mmap, 0, N(3), RW, ANON | MAP_LOCKED, -1, 0) } },
	{ "mmap, locked, no privilege",
	  { LIMIT(no_pages), UNPRIV, C(mmap, 0, N(1), RW, ANON | MAP_LOCKED, -1, 0) } },
	{ "mremap, locked, over the limit",
	  { LIMIT(two_pages), UNPRIV, C(mlock, P(8), N(1)), C(mlock, P(10), N(1)),
	    C(mremap, P(10), N(1), N(3), MREMAP_MAYMOVE) } },
	{ "mlock2, as mlock", { C(mlock2, P(0), N(4), 0) } },
	{ "mlock2, on fault", { C(mlock2, P(0), N(4), 1) } },
	{ "mlock2, unknown flag", { C(mlock2, P(0), N(4), 2) } },
	{ "mlock2, unknown flag, length 0", { C(mlock2, P(0), 0, 2) } },
	{ "mlock2, a hole", { C(mlock2, P(30), N(1), 1) } },
	{ "munlock", { C(mlock, P(0), N(4)), C(munlock, P(1), N(2)) } },
	{ "munlock, nothing locked", { C(munlock, P(0), N(4)) } },
	{ "munlock, over a hole", { C(munlock, P(3), N(3)) } },
	{ "munlock, length 0", { C(munlock, P(0), 0) } },
	{ "munlock, wrapping", { C(munlock, P(0), HUGE_L) } },
	{ "munlock, the other half", { C(munlock, KERNEL, N(1)) } },
	{ "mlockall, current", { C(mlockall, 1) } },
	{ "mlockall, future", { C(mlockall, 2), C(mmap, P(30), N(1), RW, FIXED, -1, 0) } },
	{ "mlockall, current and future on fault", { C(mlockall, 7) } },
	{ "mlockall, on fault alone", { C(mlockall, 4) } },
	{ "mlockall, nothing", { C(mlockall, 0) } },
	{ "mlockall, unknown flag", { C(mlockall, 9) } },
	{ "mlockall, no privilege", { LIMIT(no_pages), UNPRIV, C(mlockall, 1) } },
	{ "mlockall, over the limit", { LIMIT(two_pages), UNPRIV, C(mlockall, 1) } },
	{ "mlockall, future, over the limit", { LIMIT(two_pages), UNPRIV, C(mlockall, 2) } },
	{ "mlockall, future, then over the limit",
	  { LIMIT(two_pages), UNPRIV, C(mlockall, 2), C(mmap, 0, N(3), RW, ANON, -1, 0) } },
	{ "munlockall", { C(mlockall, 3), C(munlockall) } },
	{ "munlockall, nothing locked", { C(munlockall) } },
};

static const struct test_case looking[] = {
	{ "mincore, private", { C(mincore, P(0), N(4), P(8)) } },
	{ "mincore, no access", { C(mincore, P(6), N(1), P(8)) } },
	{ "mincore, shared", { C(mincore, P(9), N(3), P(0)) } },
	{ "mincore, never touched",
	  { C(mmap, P(30), N(2), RW, FIXED, -1, 0), C(mincore, P(30), N(2), P(8)) } },
	{ "mincore, a hole", { C(mincore, P(30), N(1), P(8)) } },
	{ "mincore, over a hole", { C(mincore, P(3), N(3), P(8)) } },
	{ "mincore, length 0", { C(mincore, P(0), 0, P(8)) } },
	{ "mincore, length 0 in a hole", { C(mincore, P(30), 0, P(8)) } },
	{ "mincore, length 1", { C(mincore, P(0), 1, P(8)) } },
	{ "mincore, not aligned", { C(mincore, P(0) + 1, N(1), P(8)) } },
	{ "mincore, wrapping to 0", { C(mincore, P(0), -1, P(8)) } },
	{ "mincore, wrapping", { C(mincore, P(0), HUGE_L, P(8)) } },
	{ "mincore, the other half", { C(mincore, KERNEL, N(1), P(8)) } },
	{ "mincore, address 0", { C(mincore, 0, N(1), P(8)) } },
	{ "mincore, vector null", { C(mincore, P(0), N(1), 0) } },
	{ "mincore, vector in the other half", { C(mincore, P(0), N(1), KERNEL) } },
	{ "mincore, vector at the end of an area", { C(mincore, P(0), N(4), P(4) - 2) } },
	{ "mincore, vector read only", { C(mincore, P(0), N(1), P(5)) } },
	{ "mincore, vector unmapped and length 0", { C(mincore, P(0), 0, P(30)) } },
	{ "mincore, vector across the end", { C(mincore, P(0), N(4), TOP - 2) } },
};

static const struct test_case syncing[] = {
	{ "msync, sync, shared file", { C(msync, P(16), N(4), MS_SYNC) } },
	{ "msync, async, shared file", { C(msync, P(16), N(4), MS_ASYNC) } },
	{ "msync, sync, private", { C(msync, P(0), N(4), MS_SYNC) } },
	{ "msync, no flags", { C(msync, P(16), N(1), 0) } },
	{ "msync, invalidate", { C(msync, P(16), N(1), MS_INVALIDATE) } },
	{ "msync, invalidate and sync", { C(msync, P(16), N(1), MS_INVALIDATE | MS_SYNC) } },
	{ "msync, invalidate, locked",
	  { C(mlock, P(16), N(1)), C(msync, P(16), N(1), MS_INVALIDATE) } },
	{ "msync, sync and async", { C(msync, P(16), N(1), MS_SYNC | MS_ASYNC) } },
	{ "msync, unknown flag", { C(msync, P(16), N(1), 8) } },
	{ "msync, not aligned", { C(msync, P(16) + 1, N(1), MS_SYNC) } },
	{ "msync, over a hole", { C(msync, P(3), N(3), MS_SYNC) } },
	{ "msync, a hole", { C(msync, P(30), N(1), MS_SYNC) } },
	{ "msync, async, a hole", { C(msync, P(30), N(1), MS_ASYNC) } },
	{ "msync, length 0", { C(msync, P(16), 0, MS_SYNC) } },
	{ "msync, length 0 in a hole", { C(msync, P(30), 0, MS_SYNC) } },
	{ "msync, wrapping to 0", { C(msync, P(16), -1, MS_SYNC) } },
	{ "msync, wrapping", { C(msync, P(16), HUGE_L, MS_SYNC) } },
	{ "msync, the other half", { C(msync, KERNEL, N(1), MS_SYNC) } },
	{ "msync, address 0", { C(msync, 0, N(1), MS_SYNC) } },
};

/* What MADV_FREE leaves: the old contents or zeroes, and a write after it stays. */
static void freeing(void)
{
	char *p = (char *)P(0);
	int result = madvise(p, N(2), MADV_FREE);

	p[N(1)] = 'w';
	printf("%d %s %c", result, p[0] == 'a' || p[0] == 0 ? "kept or zero" : "wrong", p[N(1)]);
}

/* What a child finds after each advice about fork. */
static void forking(void)
{
	int status;

	madvise((void *)P(1), N(1), MADV_WIPEONFORK);
	madvise((void *)P(2), N(1), MADV_DONTFORK);
	madvise((void *)P(3), N(1), MADV_WIPEONFORK);
	madvise((void *)P(3), N(1), MADV_KEEPONFORK);
	madvise((void *)P(8), N(1), MADV_DONTFORK);
	madvise((void *)P(9), N(1), MADV_DONTFORK);
	madvise((void *)P(9), N(1), MADV_DOFORK);
	fflush(stdout);
	if (fork() == 0) {
		struct look looks[PAGES];

		arena_look(looks);
		for (int i = 0; i < 12; i++)
			printf("%c", looks[i].rights[0] ? looks[i].byte : '-');
		fflush(stdout);
		_exit(0);
	}
	wait(&status);
}

/* Which pages are there, and locked, as the kernel tells it. */
static void print_locked(const char *what)
{
	char line[128];
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "VmLck:", 6))
			printf("%s %d kB", what, atoi(line + 6));
	if (f)
		fclose(f);
}

static void counting(void)
{
	unsigned char vec[8];
	char *p = mmap(NULL, N(8), RW, ANON, -1, 0);

	mlock(p, N(2));
	print_locked("locked");
	mlock2(p + N(2), N(2), 1);
	print_locked(", and on fault");
	mincore(p, N(8), vec);
	printf(", there ");
	for (int i = 0; i < 8; i++)
		printf("%d", vec[i] & 1);
	munlock(p + N(1), N(2));
	print_locked(", some unlocked");
	munmap(p, N(1));
	print_locked(", some unmapped");
}

int main(void)
{
	cases_begin();
	cases_run(advising);
	case_function("madvise, free, what is left", freeing);
	case_function("madvise, what a child gets", forking);
	cases_run(advising_others);
	cases_run(locking);
	case_function("mlock, what counts", counting);
	cases_run(looking);
	cases_run(syncing);
	return 0;
}
