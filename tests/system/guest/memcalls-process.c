// SPDX-License-Identifier: MIT
// membarrier, getrusage, sysinfo, prlimit, personality and prctl as far as memory goes: each
// documented success and error (cases.h says how).
#include "cases.h"

#include <linux/membarrier.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>

#define V(v)   (long)(uintptr_t)(v)
#define UNPRIV C(setresuid, 65534, 65534, 65534)

static long too_large = 1L << (SIGXFSZ - 1); /* blocked, so that a case goes on */
static struct rlimit mega16 = { 16 << 20, 16 << 20 }, none = { 0, 0 }, wrong = { 2, 1 },
		     unlimited = { RLIM_INFINITY, RLIM_INFINITY }, files = { 8, 8 },
		     many_files = { 1 << 20, (1 << 20) + 1 }, one = { 1, 1 };

#define LIMIT(which, l) C(prlimit64, 0, which, V(&(l)), 0)

static const struct test_case barriers[] = {
	{ "membarrier, query", { C(membarrier, 0, 0, 0) } },
	{ "membarrier, query with flags", { C(membarrier, 0, 1, 0) } },
	{ "membarrier, global", { C(membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) } },
	{ "membarrier, global, registered",
	  { C(membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0) } },
	{ "membarrier, global expedited",
	  { C(membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0) } },
	{ "membarrier, private, not registered",
	  { C(membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) } },
	{ "membarrier, private",
	  { C(membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0),
	    C(membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) } },
	{ "membarrier, sync core, not registered",
	  { C(membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0),
	    C(membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0) } },
	{ "membarrier, sync core",
	  { C(membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0),
	    C(membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0) } },
	{ "membarrier, rseq, not registered", { C(membarrier, 1 << 7, 0, 0) } },
	{ "membarrier, two at once", { C(membarrier, 3, 0, 0) } },
	{ "membarrier, unknown", { C(membarrier, 1 << 20, 0, 0) } },
	{ "membarrier, unknown flag", { C(membarrier, MEMBARRIER_CMD_GLOBAL, 4, 0) } },
};

static const struct test_case usage[] = {
	{ "getrusage, self", { C(getrusage, RUSAGE_SELF, P(8)) } },
	{ "getrusage, children", { C(getrusage, RUSAGE_CHILDREN, P(9)) } },
	{ "getrusage, thread", { C(getrusage, 1, P(9)) } },
	{ "getrusage, unknown", { C(getrusage, 2, P(9)) } },
	{ "getrusage, null", { C(getrusage, 0, 0) } },
	{ "getrusage, the other half", { C(getrusage, 0, KERNEL) } },
	{ "getrusage, the end of an area", { C(getrusage, 0, P(4) - 8) } },
	{ "getrusage, read only", { C(getrusage, 0, P(5)) } },
	{ "sysinfo", { C(sysinfo, P(3)), C(mprotect, P(3), N(1), PROT_NONE) } },
	{ "sysinfo, null", { C(sysinfo, 0) } },
	{ "sysinfo, the other half", { C(sysinfo, KERNEL) } },
	{ "sysinfo, the end of an area", { C(sysinfo, P(4) - 8) } },
	{ "sysinfo, read only", { C(sysinfo, P(5)) } },
	{ "sysinfo, not aligned", { C(sysinfo, P(3) + 1) } },
};

static const struct test_case limits[] = {
	{ "prlimit, read", { C(prlimit64, 0, RLIMIT_CORE, 0, P(8)) } },
	{ "prlimit, read nothing", { C(prlimit64, 0, RLIMIT_AS, 0, 0) } },
	{ "prlimit, of the parent", { C(prlimit64, PARENT, RLIMIT_CORE, 0, P(8)) } },
	{ "prlimit, unknown", { C(prlimit64, 0, 16, 0, P(8)) } },
	{ "prlimit, negative", { C(prlimit64, 0, -1, 0, P(8)) } },
	{ "prlimit, nobody", { C(prlimit64, 999999, RLIMIT_AS, 0, P(8)) } },
	{ "prlimit, pid -1", { C(prlimit64, -1, RLIMIT_AS, 0, P(8)) } },
	{ "prlimit, soft over hard", { LIMIT(RLIMIT_AS, wrong) } },
	{ "prlimit, new from the other half", { C(prlimit64, 0, RLIMIT_AS, KERNEL, 0) } },
	{ "prlimit, new from the end of an area", { C(prlimit64, 0, RLIMIT_AS, P(4) - 8, 0) } },
	{ "prlimit, old to the other half", { C(prlimit64, 0, RLIMIT_AS, 0, KERNEL) } },
	{ "prlimit, old to a read-only page", { C(prlimit64, 0, RLIMIT_AS, 0, P(5)) } },
	{ "prlimit, hard raised without privilege",
	  { LIMIT(RLIMIT_AS, mega16), UNPRIV, LIMIT(RLIMIT_AS, unlimited) } },
	{ "prlimit, hard raised with it",
	  { LIMIT(RLIMIT_AS, mega16), LIMIT(RLIMIT_AS, unlimited) } },
	{ "prlimit, lowered without privilege", { UNPRIV, LIMIT(RLIMIT_AS, mega16) } },
	{ "prlimit, of another's without privilege",
	  { UNPRIV, C(prlimit64, PARENT, RLIMIT_AS, 0, P(8)) } },
	{ "prlimit, more files than there may be", { LIMIT(RLIMIT_NOFILE, many_files) } },
	{ "setrlimit, null", { C(setrlimit, RLIMIT_AS, 0) } },
	{ "setrlimit", { C(setrlimit, RLIMIT_CORE, V(&none)) } },
	{ "setrlimit, unknown", { C(setrlimit, 16, V(&none)) } },
	{ "getrlimit, unknown", { C(getrlimit, 16, P(8)) } },
	{ "getrlimit, null", { C(getrlimit, RLIMIT_AS, 0) } },
	{ "limit AS, mmap", { LIMIT(RLIMIT_AS, mega16), C(mmap, 0, 16 << 20, RW, ANON, -1, 0) } },
	{ "limit AS, mmap without access",
	  { LIMIT(RLIMIT_AS, mega16), C(mmap, 0, 16 << 20, PROT_NONE, ANON, -1, 0) } },
	{ "limit AS, mmap of a file",
	  { LIMIT(RLIMIT_AS, none), C(mmap, P(30), N(1), R, MAP_PRIVATE | MAP_FIXED, FD_RW, 0) } },
	{ "limit AS, mmap over what is there",
	  { LIMIT(RLIMIT_AS, none), C(mmap, P(0), N(1), R, FIXED, -1, 0) } },
	{ "limit AS, mremap",
	  { LIMIT(RLIMIT_AS, mega16), C(mremap, P(0), N(4), 16 << 20, MREMAP_MAYMOVE) } },
	{ "limit AS, shrinking", { LIMIT(RLIMIT_AS, none), C(mremap, P(0), N(4), N(1), 0) } },
	{ "limit AS, mprotect", { LIMIT(RLIMIT_AS, none), C(mprotect, P(1), N(1), R) } },
	{ "limit AS, shmat",
	  { C(shmget, 0, 32 << 20, 0600), LIMIT(RLIMIT_AS, mega16), C(shmat, FIRST, 0, 0) } },
	{ "limit DATA, mmap",
	  { LIMIT(RLIMIT_DATA, mega16), C(mmap, 0, 16 << 20, RW, ANON, -1, 0) } },
	{ "limit DATA, mmap read only",
	  { LIMIT(RLIMIT_DATA, mega16), C(mmap, 0, 16 << 20, R, ANON, -1, 0) } },
	{ "limit DATA, mmap shared",
	  { LIMIT(RLIMIT_DATA, mega16),
	    C(mmap, 0, 16 << 20, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0) } },
	{ "limit DATA, mprotect",
	  { LIMIT(RLIMIT_DATA, mega16), C(mmap, 0, 16 << 20, R, ANON, -1, 0),
	    C(mprotect, RESULT, 16 << 20, RW) } },
	{ "limit DATA, mremap",
	  { LIMIT(RLIMIT_DATA, mega16), C(mremap, P(0), N(4), 16 << 20, MREMAP_MAYMOVE) } },
	{ "limit STACK, growing down",
	  { LIMIT(RLIMIT_STACK, one), C(mmap, P(40), N(1), RW, FIXED | MAP_GROWSDOWN, -1, 0),
	    C(getrusage, 0, P(39)) } },
	{ "a stack that grows",
	  { C(mmap, P(60), N(1), RW, FIXED | MAP_GROWSDOWN, -1, 0), C(munmap, P(0), N(22)),
	    C(mincore, P(60), N(1), P(59)) } },
	{ "limit NPROC", { LIMIT(RLIMIT_NPROC, none), UNPRIV, C(clone, SIGCHLD, 0, 0, 0, 0) } },
	{ "limit FSIZE, memfd",
	  { C(rt_sigprocmask, SIG_BLOCK, V(&too_large), 0, 8), LIMIT(RLIMIT_FSIZE, one),
	    C(ftruncate, FD_MEMFD, N(8)) } },
};

static const struct test_case persons[] = {
	{ "personality, asked", { C(personality, 0xffffffff) } },
	{ "personality, no random layout",
	  { C(personality, ADDR_NO_RANDOMIZE), C(personality, 0xffffffff) } },
	{ "personality, what it was", { C(personality, ADDR_NO_RANDOMIZE) } },
	{ "personality, back",
	  { C(personality, ADDR_NO_RANDOMIZE), C(personality, 0), C(personality, 0xffffffff) } },
	{ "prctl, unknown", { C(prctl, 4711, 0, 0, 0, 0) } },
	{ "prctl, dumpable", { C(prctl, PR_GET_DUMPABLE, 0, 0, 0, 0) } },
	{ "prctl, dumpable off",
	  { C(prctl, PR_SET_DUMPABLE, 0, 0, 0, 0), C(prctl, PR_GET_DUMPABLE, 0, 0, 0, 0) } },
	{ "prctl, dumpable 2", { C(prctl, PR_SET_DUMPABLE, 2, 0, 0, 0) } },
	{ "prctl, name",
	  { C(prctl, PR_SET_NAME, V("a name that is too long"), 0, 0, 0),
	    C(prctl, PR_GET_NAME, P(8), 0, 0, 0) } },
	{ "prctl, name from null", { C(prctl, PR_SET_NAME, 0, 0, 0, 0) } },
	{ "prctl, name to the other half", { C(prctl, PR_GET_NAME, KERNEL, 0, 0, 0) } },
	{ "prctl, death signal",
	  { C(prctl, PR_SET_PDEATHSIG, 9, 0, 0, 0), C(prctl, PR_GET_PDEATHSIG, P(8), 0, 0, 0) } },
	{ "prctl, death signal 65", { C(prctl, PR_SET_PDEATHSIG, 65, 0, 0, 0) } },
	{ "prctl, no new privileges",
	  { C(prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
	    C(prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) } },
	{ "prctl, no new privileges 0", { C(prctl, PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0) } },
	{ "prctl, no new privileges with arguments",
	  { C(prctl, PR_SET_NO_NEW_PRIVS, 1, 1, 0, 0) } },
	{ "prctl, no new privileges asked with arguments",
	  { C(prctl, PR_GET_NO_NEW_PRIVS, 1, 0, 0, 0) } },
	{ "prctl, huge pages off",
	  { C(prctl, PR_SET_THP_DISABLE, 1, 0, 0, 0), C(prctl, PR_GET_THP_DISABLE, 0, 0, 0, 0) } },
	{ "prctl, huge pages asked", { C(prctl, PR_GET_THP_DISABLE, 0, 0, 0, 0) } },
	{ "prctl, huge pages with arguments", { C(prctl, PR_SET_THP_DISABLE, 1, 1, 0, 0) } },
	{ "prctl, timer slack",
	  { C(prctl, PR_SET_TIMERSLACK, 60000, 0, 0, 0),
	    C(prctl, PR_GET_TIMERSLACK, 0, 0, 0, 0) } },
	{ "prctl, timer slack asked", { C(prctl, PR_GET_TIMERSLACK, 0, 0, 0, 0) } },
	{ "prctl, timer slack back",
	  { C(prctl, PR_SET_TIMERSLACK, 60000, 0, 0, 0), C(prctl, PR_SET_TIMERSLACK, 0, 0, 0, 0),
	    C(prctl, PR_GET_TIMERSLACK, 0, 0, 0, 0) } },
	{ "prctl, keep capabilities",
	  { C(prctl, PR_SET_KEEPCAPS, 1, 0, 0, 0), C(prctl, PR_GET_KEEPCAPS, 0, 0, 0, 0) } },
	{ "prctl, keep capabilities 2", { C(prctl, PR_SET_KEEPCAPS, 2, 0, 0, 0) } },
	{ "prctl, memory map, without privilege",
	  { UNPRIV, C(prctl, PR_SET_MM, PR_SET_MM_BRK, P(0), 0, 0) } },
	{ "prctl, machine check policy asked", { C(prctl, PR_MCE_KILL_GET, 0, 0, 0, 0) } },
	{ "prctl, an area's name", { C(prctl, 0x53564d41, 0, P(0), N(1), V("name")) } },
};

/* The arena could not be looked at without descriptors. */
static void few_files(void)
{
	int first, second;

	setrlimit(RLIMIT_NOFILE, &files);
	first = dup(0);
	second = dup2(0, 8);
	printf("%d, %d %s, ", first, second, strerrorname_np(errno));
	while (dup(0) >= 0)
		;
	printf("%s, ", strerrorname_np(errno));
	printf("memfd %d %s", memfd_create("x", 0), strerrorname_np(errno));
}

/* Faults are counted as they are taken. */
static void counting(void)
{
	struct rusage before, after;
	char *p = mmap(NULL, N(100), RW, ANON, -1, 0);

	getrusage(RUSAGE_SELF, &before);
	for (int i = 0; i < 100; i++)
		p[N(i)] = 1;
	getrusage(RUSAGE_SELF, &after);
	printf("minor %s, major %ld, ",
	       after.ru_minflt - before.ru_minflt >= 100 ? "100 or more" : "too few",
	       after.ru_majflt - before.ru_majflt);
	munmap(p, N(100));
	p = mmap(NULL, N(2000), RW, ANON | MAP_POPULATE, -1, 0);
	getrusage(RUSAGE_SELF, &after);
	printf("most resident grew by %s, ",
	       after.ru_maxrss - before.ru_maxrss >= 6000 ? "that" : "less");
	munmap(p, N(2000));
	getrusage(RUSAGE_SELF, &before);
	printf("stays %d", before.ru_maxrss == after.ru_maxrss);
}

static void informing(void)
{
	struct sysinfo s;

	memset(&s, 0xff, sizeof(s));
	printf("%d unit %u ", sysinfo(&s), s.mem_unit);
	printf("total %d free %d shared %d high %lu %lu swap %d processes %d up %d",
	       s.totalram > 16 << 20,
	       s.freeram > 0 && s.freeram<s.totalram, s.sharedram> 0 &&
		       s.sharedram<s.totalram, s.totalhigh, s.freehigh, s.freeswap <= s.totalswap,
				   s.procs> 1,
	       s.uptime >= 0 && s.uptime < 10000);
}

int main(void)
{
	cases_begin();
	cases_run(barriers);
	cases_run(usage);
	case_function("getrusage, what counts", counting);
	case_function("sysinfo, what is in it", informing);
	cases_run(limits);
	case_function("limit NOFILE", few_files);
	cases_run(persons);
	return 0;
}
