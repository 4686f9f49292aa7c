// SPDX-License-Identifier: MIT
/*
 * What limits answer: oom_score_adj and oom_adj, the resource limits that are about memory,
 * overcommit, each with good and bad values, by the privileged and by others. A line says what is
 * tried and the answer. The answers of Linux are in limits-linux-6.1.txt.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define MB ((size_t)1 << 20)

static const char *name_of(int err)
{
	const char *name = strerrorname_np(err);

	return err == 0 ? "ok" : name ? name : "?";
}

static void put(const char *what, const char *detail, const char *answer)
{
	printf("%s %s: %s\n", what, detail, answer);
	fflush(stdout);
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), err = 0;

	if (fd < 0)
		return errno;
	if (write(fd, text, strlen(text)) < 0)
		err = errno;
	close(fd);
	return err;
}

static const char *read_file(const char *path)
{
	static char buf[64];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);

	close(fd);
	if (n < 0)
		return name_of(errno);
	buf[n] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return buf;
}

/* Runs it in a child, as nobody when asked to. */
static void apart(void (*function)(void), int nobody)
{
	pid_t pid = fork();

	if (pid == 0) {
		/* Its files in /proc are its own only when it may be dumped. */
		if (nobody && (setuid(65534) || prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)))
			_exit(1);
		function();
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

/* ---- The OOM policy's ---- */

static const char *who;

static void try_adj(const char *file, const char *text)
{
	char path[64], what[64];
	int err;

	snprintf(path, sizeof(path), "/proc/self/%s", file);
	err = write_file(path, text);
	snprintf(what, sizeof(what), "%s %s %.*s", who, file, (int)strcspn(text, "\n"), text);
	put(what, "", name_of(err));
	snprintf(what, sizeof(what), "%s", read_file("/proc/self/oom_score_adj"));
	put("  adj", what, read_file("/proc/self/oom_adj"));
}

static void adj_values(void)
{
	static const char *const values[] = { "0",           "1",          "999",
					      "1000",        "1001",       "-1",
					      "-1000",       "-1001",      "500",
					      "0",           "",           "x",
					      " 7 ",         "12x",        "99999999999999999999",
					      "010",         "0x10",       "-0x10",
					      "08",          "+5",         "0x",
					      "99999999999", "2147483648", "\t9\n\n" },
				 *const older[] = { "0",   "1",   "8",          "14",  "15",  "16",
						    "-1",  "-8",  "-16",        "-17", "-18", "x",
						    "010", "0xf", "4294967296", "0" };

	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
		try_adj("oom_score_adj", values[i]);
	for (size_t i = 0; i < sizeof(older) / sizeof(*older); i++)
		try_adj("oom_adj", older[i]);
}

/* Who may not go below what was given may come back to it. */
static void adj_back(void)
{
	try_adj("oom_score_adj", "700");
	try_adj("oom_score_adj", "300");
	try_adj("oom_score_adj", "299");
	try_adj("oom_adj", "15");
	try_adj("oom_adj", "5");
	try_adj("oom_score_adj", "300");
}

static void adj_floor(void)
{
	who = "given 300";
	try_adj("oom_score_adj", "300");
	who = "then nobody";
	apart(adj_back, 1);
	who = "other's";
	put(who, "1", name_of(write_file("/proc/1/oom_score_adj", "0")));
}

static void others_file(void)
{
	put("nobody writes", "/proc/1/oom_score_adj",
	    name_of(write_file("/proc/1/oom_score_adj", "10")));
	put("nobody writes", "/proc/sys/vm/overcommit_memory",
	    name_of(write_file("/proc/sys/vm/overcommit_memory", "0")));
}

/* ---- Resource limits ---- */

static void limit(int resource, rlim_t cur, rlim_t max)
{
	struct rlimit r = { cur, max };

	if (setrlimit(resource, &r))
		put("  setrlimit", "", name_of(errno));
}

static int map_err(size_t size, int prot, int flags)
{
	void *p = mmap(NULL, size, prot, flags, -1, 0);

	return p == MAP_FAILED ? errno : 0;
}

static int maperr_named(const char *what, size_t size, int prot, int flags)
{
	int err = map_err(size, prot, flags);

	put("  map", what, name_of(err));
	return err;
}

#define RW   (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static void maps(void)
{
	char *p;

	maperr_named("1 MB private", MB, RW, ANON);
	maperr_named("64 MB private", 64 * MB, RW, ANON);
	maperr_named("64 MB private, not written", 64 * MB, PROT_READ, ANON);
	maperr_named("64 MB shared", 64 * MB, RW, MAP_SHARED | MAP_ANONYMOUS);
	maperr_named("64 MB without reserve", 64 * MB, RW, ANON | MAP_NORESERVE);
	p = mmap(NULL, 32 * MB, PROT_NONE, ANON, -1, 0);
	if (p != MAP_FAILED)
		put("  mprotect", "32 MB to be written",
		    name_of(mprotect(p, 32 * MB, RW) ? errno : 0));
	else
		put("  map", "32 MB without rights", name_of(errno));
	p = mmap(NULL, MB, RW, ANON, -1, 0);
	if (p != MAP_FAILED)
		put("  mremap", "1 to 48 MB",
		    name_of(mremap(p, MB, 48 * MB, MREMAP_MAYMOVE) == MAP_FAILED ? errno : 0));
	put("  brk", "by 40 MB", sbrk(40 * (intptr_t)MB) == (void *)-1 ? name_of(errno) : "ok");
	put("  brk", "by 4 KB", sbrk(4096) == (void *)-1 ? name_of(errno) : "ok");
}

static void limit_as(void)
{
	limit(RLIMIT_AS, 40 * MB, RLIM_INFINITY);
	maps();
}

static void limit_data(void)
{
	limit(RLIMIT_DATA, 20 * MB, RLIM_INFINITY);
	maps();
}

static void limit_none(void)
{
	limit(RLIMIT_DATA, 0, RLIM_INFINITY);
	maperr_named("1 page private", 4096, RW, ANON);
	limit(RLIMIT_AS, 0, RLIM_INFINITY);
	maperr_named("1 page for reading", 4096, PROT_READ, ANON);
}

static void lock(const char *what, size_t size)
{
	char *p = mmap(NULL, size, RW, ANON, -1, 0);

	put("  mlock", what, name_of(mlock(p, size) ? errno : 0));
	put("  munlock", what, name_of(munlock(p, size) ? errno : 0));
	munmap(p, size);
}

static void limit_memlock(void)
{
	limit(RLIMIT_MEMLOCK, 16 * 4096, 16 * 4096);
	lock("16 pages", 16 * 4096);
	lock("17 pages", 17 * 4096);
	put("  mlockall", "all", name_of(mlockall(MCL_CURRENT) ? errno : 0));
	put("  mlockall", "on fault", name_of(mlockall(MCL_CURRENT | MCL_ONFAULT) ? errno : 0));
	put("  mlockall", "future", name_of(mlockall(MCL_FUTURE) ? errno : 0));
	maperr_named("8 pages", 8 * 4096, RW, ANON);
	maperr_named("17 pages", 17 * 4096, RW, ANON);
	put("  munlockall", "", name_of(munlockall() ? errno : 0));
	maperr_named("17 pages locked", 17 * 4096, RW, ANON | MAP_LOCKED);
	limit(RLIMIT_MEMLOCK, 0, 0);
	lock("1 page of 0", 4096);
	put("  mlockall", "future of 0", name_of(mlockall(MCL_FUTURE) ? errno : 0));
}

/* Frames of a page each: what it is that ends it. */
static void __attribute__((noinline)) deep(int pages)
{
	volatile char frame[4096];

	frame[0] = 1;
	if (pages > 1)
		deep(pages - 1);
	frame[1] = frame[0];
}

static void stack_to(int pages)
{
	char detail[32];
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		deep(pages);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	snprintf(detail, sizeof(detail), "%d KB deep", pages * 4);
	put("  stack", detail, WIFSIGNALED(status) ? sigabbrev_np(WTERMSIG(status)) : "ok");
}

static void limit_stack(void)
{
	stack_to(1500);
	stack_to(2500);
	limit(RLIMIT_STACK, 1 * MB, RLIM_INFINITY);
	stack_to(150);
	stack_to(400);
	limit(RLIMIT_STACK, 16 * MB, RLIM_INFINITY);
	stack_to(2500);
}

static void keep_going(int sig)
{
	(void)sig;
}

static void forks(const char *what, int n)
{
	int err = 0, born = 0;
	char detail[64];

	for (; born < n; born++) {
		pid_t pid = fork();

		if (pid == 0) {
			pause();
			_exit(0);
		}
		if (pid < 0) {
			err = errno;
			break;
		}
	}
	snprintf(detail, sizeof(detail), "%s, %d of %d", what, born, n);
	put("  fork", detail, name_of(err));
	signal(SIGTERM, keep_going);
	kill(0, SIGTERM);
	while (born-- > 0)
		wait(NULL);
	signal(SIGTERM, SIG_DFL);
}

static void limit_nproc(void)
{
	setpgid(0, 0);
	limit(RLIMIT_NPROC, 5, 5);
	forks("5", 10);
	limit(RLIMIT_NPROC, 0, 5);
	forks("0", 2);
}

static void limit_values(void)
{
	struct rlimit r = { 2, 1 };

	put("setrlimit", "above the most", name_of(setrlimit(RLIMIT_AS, &r) ? errno : 0));
	put("setrlimit", "of nothing", name_of(setrlimit((__rlimit_resource_t)99, &r) ? errno : 0));
	put("setrlimit", "nowhere", name_of(setrlimit(RLIMIT_AS, (struct rlimit *)8) ? errno : 0));
	put("prlimit", "of nobody", name_of(prlimit(99999, RLIMIT_AS, NULL, &r) ? errno : 0));
	put("prlimit", "of 1", name_of(prlimit(1, RLIMIT_AS, NULL, &r) ? errno : 0));
	r = (struct rlimit){ 1 << 30, 1 << 30 };
	put("setrlimit", "lower", name_of(setrlimit(RLIMIT_AS, &r) ? errno : 0));
	r.rlim_max++;
	put("setrlimit", "higher again", name_of(setrlimit(RLIMIT_AS, &r) ? errno : 0));
}

/* ---- Overcommit ---- */

static void setting(const char *file, const char *text)
{
	char path[64], answer[96];
	int err;

	snprintf(path, sizeof(path), "/proc/sys/vm/%s", file);
	err = write_file(path, text);
	snprintf(answer, sizeof(answer), "%s, it is %s", name_of(err), read_file(path));
	put(file, text, answer);
}

static void settings(void)
{
	static const char *const modes[] = { "3", "-1", "x", "", "1", "0" }, *const numbers[] = {
		"-1", "x", "120", "0x32", "0120", "08", "99999999999", "50"
	};

	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++)
		setting("overcommit_memory", modes[i]);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		setting("overcommit_ratio", numbers[i]);
	setting("overcommit_kbytes", "100000");
	put("  ratio", "", read_file("/proc/sys/vm/overcommit_ratio"));
	setting("overcommit_ratio", "50");
	put("  kbytes", "", read_file("/proc/sys/vm/overcommit_kbytes"));
}

static void overcommit_maps(const char *mode, const char *kbytes)
{
	setting("overcommit_memory", mode);
	setting("overcommit_kbytes", kbytes);
	maperr_named("4 MB", 4 * MB, RW, ANON);
	maperr_named("1 TB", (size_t)1 << 40, RW, ANON);
	maperr_named("1 TB for reading", (size_t)1 << 40, PROT_READ, ANON);
	maperr_named("1 TB without reserve", (size_t)1 << 40, RW, ANON | MAP_NORESERVE);
	maperr_named("1 TB without rights", (size_t)1 << 40, PROT_NONE, ANON);
	maperr_named("1 TB shared", (size_t)1 << 40, RW, MAP_SHARED | MAP_ANONYMOUS);
}

static void overcommit(void)
{
	overcommit_maps("0", "0");
	overcommit_maps("1", "0");
	overcommit_maps("2", "200000");
	setting("overcommit_memory", "0");
	setting("overcommit_ratio", "50");
}

int main(void)
{
	who = "root";
	apart(adj_values, 0);
	who = "nobody";
	apart(adj_values, 1);
	apart(adj_floor, 0);
	apart(others_file, 1);
	apart(limit_values, 1);
	put("RLIMIT_AS", "", "");
	apart(limit_as, 0);
	put("RLIMIT_DATA", "", "");
	apart(limit_data, 0);
	put("RLIMIT_DATA and AS", "", "");
	apart(limit_none, 0);
	put("RLIMIT_MEMLOCK", "of nobody", "");
	apart(limit_memlock, 1);
	put("RLIMIT_MEMLOCK", "of root", "");
	apart(limit_memlock, 0);
	put("RLIMIT_STACK", "", "");
	apart(limit_stack, 0);
	put("RLIMIT_NPROC", "", "");
	apart(limit_nproc, 1);
	settings();
	overcommit();
	return 0;
}
