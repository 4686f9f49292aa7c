// SPDX-License-Identifier: MIT
// memfd_create and seals, shared memory of System V, process_vm_readv and its sister: each
// documented success and error (cases.h says how).
#include "cases.h"

#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/uio.h>

#define V(v)       (long)(uintptr_t)(v)
#define UNPRIV     C(setresuid, 65534, 65534, 65534)
#define KEY        0x6b657901
#define MAP(p, f)  C(mmap, P(30), N(1), p, (f) | MAP_FIXED, FD_MEMFD, 0)
#define SEAL(bits) C(fcntl, FD_MEMFD, F_ADD_SEALS, bits)
#define NEW        C(shmget, IPC_PRIVATE, N(2), 0600)

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x10
#endif

static char text[300], path[] = "/proc/self/fd/45";

static const struct test_case files[] = {
	{ "memfd, a name", { C(memfd_create, V("name"), 0), C(close, RESULT) } },
	{ "memfd, an empty name", { C(memfd_create, V(""), 0), C(close, RESULT) } },
	{ "memfd, a name of 249 bytes", { C(memfd_create, V(text + 50), 0), C(close, RESULT) } },
	{ "memfd, a name of 250 bytes", { C(memfd_create, V(text + 49), 0) } },
	{ "memfd, a name with slashes", { C(memfd_create, V("a/b"), 0), C(close, RESULT) } },
	{ "memfd, null", { C(memfd_create, 0, 0) } },
	{ "memfd, a name in the other half", { C(memfd_create, KERNEL, 0) } },
	{ "memfd, a name that runs out of an area",
	  { C(read, FD_RW, P(4) - 1, 1), C(memfd_create, P(4) - 1, 0) } },
	{ "memfd, unknown flag", { C(memfd_create, V("x"), 1 << 10) } },
	{ "memfd, cloexec", { C(memfd_create, V("x"), MFD_CLOEXEC), C(fcntl, RESULT, F_GETFD) } },
	{ "memfd, not cloexec", { C(memfd_create, V("x"), 0), C(fcntl, RESULT, F_GETFD) } },
	{ "memfd, a huge page's size without huge pages",
	  { C(memfd_create, V("x"), 21 << MFD_HUGE_SHIFT) } },
	{ "memfd, read and written",
	  { C(memfd_create, V("x"), 0), C(write, RESULT, V("abc"), 3),
	    C(lseek, FIRST, 0, SEEK_CUR) } },
	{ "memfd, its seals", { C(memfd_create, V("x"), 0), C(fcntl, RESULT, F_GET_SEALS) } },
};

static const struct test_case seals[] = {
	{ "seals, none at first", { C(fcntl, FD_MEMFD, F_GET_SEALS) } },
	{ "seals, of a memfd without them",
	  { C(memfd_create, V("x"), 0), C(fcntl, RESULT, F_GET_SEALS) } },
	{ "seals, added to a memfd without them",
	  { C(memfd_create, V("x"), 0), C(fcntl, RESULT, F_ADD_SEALS, F_SEAL_WRITE) } },
	{ "seals, of a pipe", { C(fcntl, FD_PIPE, F_GET_SEALS) } },
	{ "seals, added to a pipe", { C(fcntl, FD_PIPE, F_ADD_SEALS, F_SEAL_WRITE) } },
	{ "seals, of a closed descriptor", { C(fcntl, FD_CLOSED, F_GET_SEALS) } },
	{ "seals, unknown", { SEAL(0x40) } },
	{ "seals, none added", { SEAL(0) } },
	{ "seals, two", { SEAL(F_SEAL_GROW | F_SEAL_SHRINK), C(fcntl, FD_MEMFD, F_GET_SEALS) } },
	{ "seals, one after the other",
	  { SEAL(F_SEAL_GROW), SEAL(F_SEAL_WRITE), C(fcntl, FD_MEMFD, F_GET_SEALS) } },
	{ "seals, after the last", { SEAL(F_SEAL_SEAL), SEAL(F_SEAL_GROW) } },
	{ "seals, the last twice", { SEAL(F_SEAL_SEAL), SEAL(F_SEAL_SEAL) } },
	{ "seals, descriptor open for reading",
	  { C(openat, AT_FDCWD, V(path), O_RDONLY), C(fcntl, RESULT, F_ADD_SEALS, F_SEAL_GROW) } },
	{ "seals, read through a descriptor open for reading",
	  { SEAL(F_SEAL_GROW), C(openat, AT_FDCWD, V(path), O_RDONLY),
	    C(fcntl, RESULT, F_GET_SEALS) } },
	{ "seal shrink, shrinking", { SEAL(F_SEAL_SHRINK), C(ftruncate, FD_MEMFD, N(1)) } },
	{ "seal shrink, growing", { SEAL(F_SEAL_SHRINK), C(ftruncate, FD_MEMFD, N(8)) } },
	{ "seal shrink, the same size", { SEAL(F_SEAL_SHRINK), C(ftruncate, FD_MEMFD, N(4)) } },
	{ "seal shrink, opened with O_TRUNC",
	  { SEAL(F_SEAL_SHRINK), C(openat, AT_FDCWD, V(path), O_RDWR | O_TRUNC) } },
	{ "seal grow, growing", { SEAL(F_SEAL_GROW), C(ftruncate, FD_MEMFD, N(8)) } },
	{ "seal grow, shrinking", { SEAL(F_SEAL_GROW), C(ftruncate, FD_MEMFD, N(1)) } },
	{ "seal grow, writing inside", { SEAL(F_SEAL_GROW), C(pwrite64, FD_MEMFD, P(0), 8, 0) } },
	{ "seal grow, writing behind the end",
	  { SEAL(F_SEAL_GROW), C(pwrite64, FD_MEMFD, P(0), 8, N(4)) } },
	{ "seal grow, writing over the end",
	  { SEAL(F_SEAL_GROW), C(pwrite64, FD_MEMFD, P(0), 8, N(4) - 4) } },
	{ "seal grow, allocating behind the end",
	  { SEAL(F_SEAL_GROW), C(fallocate, FD_MEMFD, 0, N(4), N(1)) } },
	{ "seal grow, allocating behind the end, size kept",
	  { SEAL(F_SEAL_GROW), C(fallocate, FD_MEMFD, FALLOC_FL_KEEP_SIZE, N(4), N(1)) } },
	{ "seal write, writing", { SEAL(F_SEAL_WRITE), C(pwrite64, FD_MEMFD, P(0), 8, 0) } },
	{ "seal write, writing nothing",
	  { SEAL(F_SEAL_WRITE), C(pwrite64, FD_MEMFD, P(0), 0, 0) } },
	{ "seal write, reading", { SEAL(F_SEAL_WRITE), C(pread64, FD_MEMFD, P(0), 8, 0) } },
	{ "seal write, truncating", { SEAL(F_SEAL_WRITE), C(ftruncate, FD_MEMFD, N(1)) } },
	{ "seal write, punching",
	  { SEAL(F_SEAL_WRITE),
	    C(fallocate, FD_MEMFD, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, N(1)) } },
	{ "seal write, mapping it shared and writable",
	  { SEAL(F_SEAL_WRITE), MAP(RW, MAP_SHARED) } },
	{ "seal write, mapping it shared", { SEAL(F_SEAL_WRITE), MAP(R, MAP_SHARED) } },
	{ "seal write, mapping it private and writable",
	  { SEAL(F_SEAL_WRITE), MAP(RW, MAP_PRIVATE) } },
	{ "seal write, mapped through a descriptor open for reading",
	  { SEAL(F_SEAL_WRITE), C(openat, AT_FDCWD, V(path), O_RDONLY),
	    C(mmap, P(30), N(1), R, MAP_SHARED | MAP_FIXED, RESULT, 0) } },
	{ "seal write, it is mapped shared and writable",
	  { MAP(RW, MAP_SHARED), SEAL(F_SEAL_WRITE) } },
	{ "seal write, it is mapped shared", { MAP(R, MAP_SHARED), SEAL(F_SEAL_WRITE) } },
	{ "seal write, it is mapped private", { MAP(RW, MAP_PRIVATE), SEAL(F_SEAL_WRITE) } },
	{ "seal write, it was mapped",
	  { MAP(RW, MAP_SHARED), C(munmap, P(30), N(1)), SEAL(F_SEAL_WRITE) } },
	{ "seal write, a mapping in parts, one gone",
	  { C(mmap, P(30), N(3), RW, MAP_SHARED | MAP_FIXED, FD_MEMFD, 0), C(munmap, P(31), N(1)),
	    C(munmap, P(30), N(1)), SEAL(F_SEAL_WRITE) } },
	{ "seal write, a mapping in parts, all gone",
	  { C(mmap, P(30), N(3), RW, MAP_SHARED | MAP_FIXED, FD_MEMFD, 0), C(munmap, P(31), N(1)),
	    C(munmap, P(30), N(1)), C(munmap, P(32), N(1)), SEAL(F_SEAL_WRITE) } },
	{ "seal future write, writing",
	  { SEAL(F_SEAL_FUTURE_WRITE), C(pwrite64, FD_MEMFD, P(0), 8, 0) } },
	{ "seal future write, mapping it shared and writable",
	  { SEAL(F_SEAL_FUTURE_WRITE), MAP(RW, MAP_SHARED) } },
	{ "seal future write, mapping it shared",
	  { SEAL(F_SEAL_FUTURE_WRITE), MAP(R, MAP_SHARED) } },
	{ "seal future write, then asking for write",
	  { SEAL(F_SEAL_FUTURE_WRITE), MAP(R, MAP_SHARED), C(mprotect, P(30), N(1), RW) } },
	{ "seal future write, mapping it private",
	  { SEAL(F_SEAL_FUTURE_WRITE), MAP(RW, MAP_PRIVATE) } },
	{ "seal future write, it is mapped shared and writable",
	  { MAP(RW, MAP_SHARED), SEAL(F_SEAL_FUTURE_WRITE), C(read, FD_MEMFD, P(30), 1) } },
};

static const struct test_case segments[] = {
	{ "shmget, private", { NEW, C(shmctl, RESULT, IPC_RMID, 0) } },
	{ "shmget, size 0", { C(shmget, IPC_PRIVATE, 0, 0600) } },
	{ "shmget, size 1", { C(shmget, IPC_PRIVATE, 1, 0600), C(shmctl, RESULT, IPC_RMID, 0) } },
	{ "shmget, size -1", { C(shmget, IPC_PRIVATE, -1, 0600) } },
	{ "shmget, size huge", { C(shmget, IPC_PRIVATE, 1L << 62, 0600) } },
	{ "shmget, no such key", { C(shmget, KEY, N(1), 0600) } },
	{ "shmget, a key",
	  { C(shmget, KEY, N(1), 0600 | IPC_CREAT), C(shmctl, RESULT, IPC_RMID, 0) } },
	{ "shmget, a key twice",
	  { C(shmget, KEY, N(1), 0600 | IPC_CREAT), C(shmget, KEY, N(1), 0600 | IPC_CREAT),
	    C(shmctl, RESULT, IPC_RMID, 0) } },
	{ "shmget, a key that must be new",
	  { C(shmget, KEY, N(1), 0600 | IPC_CREAT),
	    C(shmget, KEY, N(1), 0600 | IPC_CREAT | IPC_EXCL) } },
	{ "shmget, an existing key, size 0",
	  { C(shmget, KEY, N(1), 0600 | IPC_CREAT), C(shmget, KEY, 0, 0),
	    C(shmctl, RESULT, IPC_RMID, 0) } },
	{ "shmget, an existing key, too large",
	  { C(shmget, KEY, N(1), 0600 | IPC_CREAT), C(shmget, KEY, N(2), 0) } },
	{ "shmget, an existing key, no permission",
	  { C(shmget, KEY, N(1), 0600 | IPC_CREAT), UNPRIV, C(shmget, KEY, N(1), 0600) } },
	{ "shmget, an existing key, permission not asked for",
	  { C(shmget, KEY, N(1), 0600 | IPC_CREAT), UNPRIV, C(shmget, KEY, N(1), 0),
	    C(shmctl, RESULT, IPC_RMID, 0) } },
	{ "shmget, huge pages", { C(shmget, IPC_PRIVATE, 1L << 21, 0600 | SHM_HUGETLB) } },
	{ "shmat, anywhere", { NEW, C(shmat, RESULT, 0, 0) } },
	{ "shmat, an address", { NEW, C(shmat, RESULT, P(30), 0) } },
	{ "shmat, not aligned", { NEW, C(shmat, RESULT, P(30) + 1, 0) } },
	{ "shmat, rounded", { NEW, C(shmat, RESULT, P(30) + 1, SHM_RND) } },
	{ "shmat, over another", { NEW, C(shmat, RESULT, P(3), 0) } },
	{ "shmat, remap over another", { NEW, C(shmat, RESULT, P(3), SHM_REMAP) } },
	{ "shmat, remap nowhere", { NEW, C(shmat, RESULT, 0, SHM_REMAP) } },
	{ "shmat, rounded to 0 and remap", { NEW, C(shmat, RESULT, 5, SHM_REMAP | SHM_RND) } },
	{ "shmat, read only", { NEW, C(shmat, RESULT, P(30), SHM_RDONLY) } },
	{ "shmat, read only, then asking for write",
	  { NEW, C(shmat, RESULT, P(30), SHM_RDONLY), C(mprotect, P(30), N(1), RW) } },
	{ "shmat, executable", { NEW, C(shmat, RESULT, P(30), SHM_EXEC) } },
	{ "shmat, unknown flag", { NEW, C(shmat, RESULT, P(30), 1) } },
	{ "shmat, the other half", { NEW, C(shmat, RESULT, KERNEL, 0) } },
	{ "shmat, across the end", { NEW, C(shmat, RESULT, TOP - N(1), 0) } },
	{ "shmat, no such id", { C(shmat, 0x7fffffff, 0, 0) } },
	{ "shmat, id -1", { C(shmat, -1, 0, 0) } },
	{ "shmat, removed", { NEW, C(shmctl, RESULT, IPC_RMID, 0), C(shmat, FIRST, 0, 0) } },
	{ "shmat, removed but attached",
	  { NEW, C(shmat, RESULT, P(30), 0), C(shmctl, FIRST, IPC_RMID, 0),
	    C(shmat, FIRST, P(40), 0) } },
	{ "shmat, no permission", { NEW, UNPRIV, C(shmat, FIRST, 0, 0) } },
	{ "shmat, permission to read only",
	  { C(shmget, IPC_PRIVATE, N(1), 0604), UNPRIV, C(shmat, FIRST, 0, SHM_RDONLY),
	    C(shmat, FIRST, 0, 0) } },
	{ "shmat, twice is one memory",
	  { NEW, C(shmat, RESULT, P(30), 0), C(shmat, FIRST, P(40), 0),
	    C(read, FD_RW, P(30), 1) } },
	{ "shmdt", { NEW, C(shmat, RESULT, P(30), 0), C(shmdt, P(30)) } },
	{ "shmdt, twice", { NEW, C(shmat, RESULT, P(30), 0), C(shmdt, P(30)), C(shmdt, P(30)) } },
	{ "shmdt, the middle", { NEW, C(shmat, RESULT, P(30), 0), C(shmdt, P(31)) } },
	{ "shmdt, not aligned", { NEW, C(shmat, RESULT, P(30), 0), C(shmdt, P(30) + 1) } },
	{ "shmdt, an ordinary mapping", { C(shmdt, P(8)) } },
	{ "shmdt, nothing there", { C(shmdt, P(30)) } },
	{ "shmdt, null", { C(shmdt, 0) } },
	{ "shmdt, the other half", { C(shmdt, KERNEL) } },
	{ "shmdt, cut in parts",
	  { NEW, C(shmat, RESULT, P(30), 0), C(mprotect, P(31), N(1), R), C(shmdt, P(30)) } },
	{ "shmdt, the first page unmapped",
	  { NEW, C(shmat, RESULT, P(30), 0), C(munmap, P(30), N(1)), C(shmdt, P(30)) } },
	{ "shmdt, moved",
	  { NEW, C(shmat, RESULT, P(30), 0),
	    C(mremap, P(30), N(2), N(2), MREMAP_MAYMOVE | MREMAP_FIXED, P(40)), C(shmdt, P(40)) } },
	{ "shmctl, grown by mremap",
	  { NEW, C(shmat, RESULT, P(30), 0), C(mremap, P(30), N(2), N(3), 0), C(shmdt, P(30)) } },
	{ "shmctl, no such id", { C(shmctl, 0x7fffffff, IPC_STAT, P(0)) } },
	{ "shmctl, id -1", { C(shmctl, -1, IPC_RMID, 0) } },
	{ "shmctl, unknown command", { NEW, C(shmctl, RESULT, 4711, 0) } },
	{ "shmctl, negative command", { NEW, C(shmctl, RESULT, -1, 0) } },
	{ "shmctl, stat to null", { NEW, C(shmctl, RESULT, IPC_STAT, 0) } },
	{ "shmctl, stat to the other half", { NEW, C(shmctl, RESULT, IPC_STAT, KERNEL) } },
	{ "shmctl, stat to the end of an area", { NEW, C(shmctl, RESULT, IPC_STAT, P(4) - 8) } },
	{ "shmctl, stat to a read-only page", { NEW, C(shmctl, RESULT, IPC_STAT, P(5)) } },
	{ "shmctl, stat without permission", { NEW, UNPRIV, C(shmctl, FIRST, IPC_STAT, P(0)) } },
	{ "shmctl, set from null", { NEW, C(shmctl, RESULT, IPC_SET, 0) } },
	{ "shmctl, set without ownership",
	  { C(shmget, IPC_PRIVATE, N(1), 0666), C(shmctl, RESULT, IPC_STAT, P(0)), UNPRIV,
	    C(shmctl, FIRST, IPC_SET, P(0)) } },
	{ "shmctl, remove", { NEW, C(shmctl, RESULT, IPC_RMID, 0) } },
	{ "shmctl, remove twice",
	  { NEW, C(shmctl, RESULT, IPC_RMID, 0), C(shmctl, FIRST, IPC_RMID, 0) } },
	{ "shmctl, remove twice while attached",
	  { NEW, C(shmat, RESULT, P(30), 0), C(shmctl, FIRST, IPC_RMID, 0),
	    C(shmctl, FIRST, IPC_RMID, 0) } },
	{ "shmctl, remove without ownership", { NEW, UNPRIV, C(shmctl, FIRST, IPC_RMID, 0) } },
	{ "shmctl, a key is free once removed while attached",
	  { C(shmget, KEY, N(1), 0600 | IPC_CREAT), C(shmat, RESULT, P(30), 0),
	    C(shmctl, FIRST, IPC_RMID, 0), C(shmget, KEY, N(1), 0600) } },
	{ "shmctl, lock",
	  { NEW, C(shmctl, RESULT, SHM_LOCK, 0), C(shmctl, FIRST, SHM_UNLOCK, 0) } },
	{ "shmctl, lock without ownership", { NEW, UNPRIV, C(shmctl, FIRST, SHM_LOCK, 0) } },
	{ "shmctl, info to null", { C(shmctl, 0, IPC_INFO, 0) } },
	{ "shmctl, info about use to null", { C(shmctl, 0, SHM_INFO, 0) } },
	{ "shmctl, stat by place, none", { C(shmctl, 1000, SHM_STAT, P(0)) } },
};

static void print_segment(const char *what, int id)
{
	struct shmid_ds s;

	if (shmctl(id, IPC_STAT, &s)) {
		printf("%s %s", what, strerrorname_np(errno));
		return;
	}
	printf("%s size %zu mode %o uid %u key %x by %s last %s attached %d times %d%d%d", what,
	       s.shm_segsz, s.shm_perm.mode, s.shm_perm.uid, s.shm_perm.__key,
	       s.shm_cpid == getpid() ? "me" : "other",
	       s.shm_lpid == 0          ? "none"
	       : s.shm_lpid == getpid() ? "me"
					: "other",
	       (int)s.shm_nattch, !!s.shm_atime, !!s.shm_dtime, !!s.shm_ctime);
}

/* A segment's life: attached, inherited, removed while it is attached, gone with the last. */
static void living(void)
{
	int id = shmget(KEY, 5000, IPC_CREAT | 0640), status;
	char *p, *q;

	print_segment("new", id);
	p = shmat(id, NULL, 0);
	print_segment("; attached", id);
	p[4999] = 'x';
	fflush(stdout);
	if (fork() == 0) {
		p[0] = 'c';
		print_segment("; child", id);
		fflush(stdout);
		_exit(0);
	}
	wait(&status);
	q = shmat(id, NULL, SHM_RDONLY);
	printf("; it wrote %c", q[0]);
	shmctl(id, IPC_RMID, NULL);
	print_segment("; removed", id);
	shmdt(q);
	munmap(p, N(1));
	print_segment("; half unmapped", id);
	munmap(p + N(1), N(1));
	print_segment("; unmapped", id);
}

static void changing(void)
{
	int id = shmget(IPC_PRIVATE, N(1), 0600);
	struct shmid_ds s;

	shmctl(id, IPC_STAT, &s);
	s.shm_perm.mode = 07644;
	s.shm_perm.uid = 1234;
	s.shm_segsz = 1;
	printf("%d ", shmctl(id, IPC_SET, &s));
	print_segment("then", id);
	shmctl(id, SHM_LOCK, NULL);
	print_segment("; locked", id);
}

static void informing(void)
{
	struct shminfo limits;
	struct shm_info used;
	struct shmid_ds s;
	char *p;
	int id = shmget(IPC_PRIVATE, N(3), 0600), top;

	p = shmat(id, NULL, 0);
	p[0] = 1;
	top = shmctl(0, IPC_INFO, (struct shmid_ds *)&limits);
	printf("%d max %lx min %lu segments %lu pages %lx; ", top >= 0, limits.shmmax,
	       limits.shmmin, limits.shmmni, limits.shmall);
	top = shmctl(0, SHM_INFO, (struct shmid_ds *)&used);
	printf("used %d pages %lu resident %lu; ", used.used_ids, used.shm_tot, used.shm_rss);
	printf("by place %d size %zu", shmctl(top, SHM_STAT, &s) == id, s.shm_segsz);
}

/* /proc/sysvipc/shm: the heading, and of each line what does not change from run to run. */
static void listing(void)
{
	int id = shmget(KEY, 5000, IPC_CREAT | 0640);
	FILE *f = fopen("/proc/sysvipc/shm", "r");
	char line[400];

	if (!f || !fgets(line, sizeof(line), f)) {
		printf("no file");
		return;
	}
	line[strcspn(line, "\n")] = 0;
	printf("'%s'", line);
	while (fgets(line, sizeof(line), f)) {
		int key, shmid, mode, n;
		unsigned long size, cpid, lpid, attached, uid;

		n = sscanf(line, "%d %d %o %lu %lu %lu %lu %lu", &key, &shmid, (unsigned *)&mode,
			   &size, &cpid, &lpid, &attached, &uid);
		printf(" %d fields of %zu bytes: %x %d %o %lu %d %lu %lu", n, strlen(line), key,
		       shmid == id, mode, size, cpid == (unsigned long)getpid(), lpid, attached);
	}
	fclose(f);
}

static void put_away(void)
{
	struct shmid_ds s;

	for (int i = 0; i < 64; i++) {
		int id = shmctl(i, SHM_STAT, &s);

		if (id >= 0)
			shmctl(id, IPC_RMID, NULL);
	}
}

/* ---- process_vm_readv, process_vm_writev ---- */

static struct iovec mine = { (void *)P(0), 16 }, theirs = { (void *)P(8), 16 },
		    pages2 = { (void *)P(0), N(2) },
		    empty[2] = { { NULL, 0 }, { (void *)P(0), 1 } },
		    over_hole = { (void *)(P(4) - 8), 16 }, hole = { (void *)P(30), 8 },
		    none = { (void *)P(6), 8 }, read_only = { (void *)P(5), 8 },
		    other_half = { (void *)KERNEL, 8 }, text_page = { (void *)P(21), 8 },
		    huge = { (void *)P(0), (size_t)1 << 62 },
		    negative = { (void *)P(0), ~(size_t)0 },
		    two[2] = { { (void *)P(1), 8 }, { (void *)P(2), 8 } },
		    then_hole[2] = { { (void *)P(8), 8 }, { (void *)P(30), 8 } },
		    beyond = { (void *)P(19), 8 }, small = { (void *)P(0), 4 };

#define READ(l, ln, r, rn, f)  C(process_vm_readv, PARENT, l, ln, r, rn, f)
#define WRITE(l, ln, r, rn, f) C(process_vm_writev, PARENT, l, ln, r, rn, f)
#define BOTH(name, ...)                                                                            \
	{ "process_vm_readv, " name, { READ(__VA_ARGS__) } },                                      \
	{                                                                                          \
		"process_vm_writev, " name,                                                        \
		{                                                                                  \
			WRITE(__VA_ARGS__)                                                         \
		}                                                                                  \
	}

static const struct test_case others[] = {
	BOTH("one piece", V(&mine), 1, V(&theirs), 1, 0),
	BOTH("into several", V(two), 2, V(&theirs), 1, 0),
	BOTH("from several", V(&mine), 1, V(two), 2, 0),
	BOTH("mine is shorter", V(&small), 1, V(&theirs), 1, 0),
	BOTH("theirs is shorter", V(&mine), 1, V(&small), 1, 0),
	BOTH("two pages", V(&pages2), 1, V(&pages2), 1, 0),
	BOTH("nothing", 0, 0, 0, 0, 0),
	BOTH("an empty piece first", V(empty), 2, V(&theirs), 1, 0),
	BOTH("nothing of mine", 0, 0, V(&theirs), 1, 0),
	BOTH("nothing of theirs", V(&mine), 1, 0, 0, 0),
	BOTH("flags", V(&mine), 1, V(&theirs), 1, 1),
	BOTH("too many of mine", V(&mine), 1025, V(&theirs), 1, 0),
	BOTH("too many of theirs", V(&mine), 1, V(&theirs), 1025, 0),
	BOTH("negative length", V(&negative), 1, V(&theirs), 1, 0),
	BOTH("negative length of theirs", V(&mine), 1, V(&negative), 1, 0),
	BOTH("huge length", V(&huge), 1, V(&theirs), 1, 0),
	BOTH("null list", 0, 1, V(&theirs), 1, 0),
	BOTH("null list of theirs", V(&mine), 1, 0, 1, 0),
	BOTH("list in the other half", KERNEL, 1, V(&theirs), 1, 0),
	BOTH("list of theirs in the other half", V(&mine), 1, KERNEL, 1, 0),
	BOTH("list at the end of an area", P(4) - 8, 1, V(&theirs), 1, 0),
	BOTH("list of theirs at the end of an area", V(&mine), 1, P(4) - 8, 1, 0),
	BOTH("their hole", V(&mine), 1, V(&hole), 1, 0),
	BOTH("their end of an area", V(&mine), 1, V(&over_hole), 1, 0),
	BOTH("their second is a hole", V(&mine), 1, V(then_hole), 2, 0),
	BOTH("theirs has no access", V(&mine), 1, V(&none), 1, 0),
	BOTH("theirs is read only", V(&mine), 1, V(&read_only), 1, 0),
	BOTH("theirs is a file that is read only", V(&mine), 1, V(&text_page), 1, 0),
	BOTH("theirs is beyond a file", V(&mine), 1, V(&beyond), 1, 0),
	BOTH("theirs is in the other half", V(&mine), 1, V(&other_half), 1, 0),
	BOTH("my hole", V(&hole), 1, V(&theirs), 1, 0),
	BOTH("my end of an area", V(&over_hole), 1, V(&theirs), 1, 0),
	BOTH("mine has no access", V(&none), 1, V(&theirs), 1, 0),
	BOTH("mine is read only", V(&read_only), 1, V(&theirs), 1, 0),
	BOTH("mine is in the other half", V(&other_half), 1, V(&theirs), 1, 0),
	{ "process_vm_readv, oneself",
	  { C(process_vm_readv, PID, V(&mine), 1, V(&theirs), 1, 0) } },
	{ "process_vm_readv, nobody",
	  { C(process_vm_readv, 999999, V(&mine), 1, V(&theirs), 1, 0) } },
	{ "process_vm_readv, pid -1", { C(process_vm_readv, -1, V(&mine), 1, V(&theirs), 1, 0) } },
	{ "process_vm_readv, pid 0", { C(process_vm_readv, 0, V(&mine), 1, V(&theirs), 1, 0) } },
	{ "process_vm_readv, nobody and nothing", { C(process_vm_readv, 999999, 0, 0, 0, 0, 0) } },
	{ "process_vm_readv, not mine", { UNPRIV, READ(V(&mine), 1, V(&theirs), 1, 0) } },
	{ "process_vm_writev, not mine", { UNPRIV, WRITE(V(&mine), 1, V(&theirs), 1, 0) } },
};

/* What one writes the other finds. */
static void crossing(void)
{
	struct iovec from = { (void *)P(40), 3 }, to = { (void *)P(1), 3 };
	char *p = (char *)P(1);
	int fds[2], status;
	pid_t child;

	if (pipe(fds))
		return;
	fflush(stdout);
	child = fork();
	if (child == 0) {
		char c;

		if (read(fds[0], &c, 1) != 1)
			_exit(1);
		printf("it finds %.3s", p);
		fflush(stdout);
		_exit(0);
	}
	mmap((void *)P(40), N(1), RW, FIXED, -1, 0);
	memcpy((void *)P(40), "abc", 3);
	printf("%d ", (int)process_vm_writev(child, &from, 1, &to, 1, 0));
	printf("mine %.1s ", p);
	if (write(fds[1], "", 1) != 1)
		return;
	fflush(stdout);
	wait(&status);
}

int main(void)
{
	memset(text, 'n', sizeof(text) - 1);
	cases_begin();
	cases_run(files);
	cases_run(seals);
	case_after = put_away;
	cases_run(segments);
	case_function("shm, a life", living);
	case_function("shm, changed", changing);
	case_function("shm, information", informing);
	case_function("shm, /proc/sysvipc/shm", listing);
	case_after = NULL;
	cases_run(others);
	case_function("process_vm_writev, arrives", crossing);
	return 0;
}
