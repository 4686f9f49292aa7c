// SPDX-License-Identifier: MIT
/*
 * Files as programs see them: reading and writing, holes, vectors, locks, files without names,
 * mounts, roots, permissions. What names do is compared with Linux in the unit tests; here it is
 * what hangs on real memory and real tasks. The same program passes on Linux.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

/* The call fails in just this way. */
#define CHECK_ERR(call, err) CHECK((errno = 0, (call)) == -1 && errno == (err))

/* Absurd arguments that the compiler may not know about. */
static void *volatile nowhere = (void *)8, *volatile kernel = (void *)0xffff000000000000;
static volatile int too_many = 2000;

static off_t size_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? -1 : st.st_size;
}

static void reading_and_writing(void)
{
	int fd = open("rw", O_CREAT | O_EXCL | O_RDWR, 0600), other;
	char buf[64] = "";

	CHECK(fd >= 0);
	CHECK_ERR(open("rw", O_CREAT | O_EXCL | O_RDWR, 0600), EEXIST);
	CHECK(write(fd, "hello world", 11) == 11);
	CHECK(lseek(fd, -5, SEEK_END) == 6);
	CHECK(read(fd, buf, sizeof(buf)) == 5 && memcmp(buf, "world", 5) == 0);
	CHECK(read(fd, buf, sizeof(buf)) == 0);
	CHECK_ERR(lseek(fd, -1, SEEK_SET), EINVAL);
	CHECK((other = open(".", O_RDONLY | O_DIRECTORY)) >= 0);
	CHECK_ERR(lseek(other, 0, SEEK_END), EINVAL);
	close(other);
	CHECK_ERR(pread(fd, buf, 1, -1), EINVAL);
	CHECK(pwrite(fd, "X", 1, 10000) == 1 && size_of(fd) == 10001);
	CHECK(pread(fd, buf, 8, 5000) == 8 && buf[0] == 0 && buf[7] == 0);
	other = dup(fd);
	lseek(fd, 3, SEEK_SET);
	CHECK(lseek(other, 0, SEEK_CUR) == 3);
	close(other);
	other = open("rw", O_WRONLY | O_APPEND);
	CHECK_ERR(read(other, buf, 1), EBADF);
	CHECK(write(other, "end", 3) == 3 && lseek(other, 0, SEEK_CUR) == 10004);
	close(other);
	CHECK_ERR(write(fd, nowhere, 5), EFAULT);
	CHECK_ERR(read(fd, kernel, 5), EFAULT);
	CHECK(ftruncate(fd, 2) == 0 && ftruncate(fd, 5) == 0);
	CHECK(pread(fd, buf, 64, 0) == 5 && memcmp(buf, "he\0\0\0", 5) == 0);
	CHECK((other = open("rw", O_RDONLY | O_TRUNC)) >= 0 && size_of(fd) == 0);
	close(other);
	close(fd);
}

static void vectors(void)
{
	int fd = open("vec", O_CREAT | O_RDWR, 0600);
	char a[2], b[10];
	struct iovec out[3] = { { "ab", 2 }, { "", 0 }, { "cde", 3 } },
		     in[2] = { { a, 2 }, { b, 10 } };

	CHECK(writev(fd, out, 3) == 5);
	CHECK(preadv(fd, in, 2, 0) == 5 && a[1] == 'b' && b[2] == 'e');
	CHECK_ERR(writev(fd, out, too_many), EINVAL);
	out[1] = (struct iovec){ nowhere, 5 };
	CHECK(writev(fd, out, 3) == 2); /* what came before the bad part counts */
	out[0] = out[1];
	CHECK_ERR(writev(fd, out, 1), EFAULT);
	out[0].iov_len = (size_t)-1;
	CHECK_ERR(writev(fd, out, 1), EINVAL);
	close(fd);
}

static void mapping_is_the_file(void)
{
	int fd = open("map", O_CREAT | O_RDWR, 0600), zero = open("/dev/zero", O_RDWR);
	char c, *m, *shared;

	ftruncate(fd, 4096);
	m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	m[7] = 'm';
	CHECK(pread(fd, &c, 1, 7) == 1 && c == 'm');
	CHECK(pwrite(fd, "w", 1, 8) == 1 && m[8] == 'w');
	munmap(m, 4096);
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, open("/", O_RDONLY), 0) == MAP_FAILED &&
	      errno == ENODEV);
	CHECK(mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, open("map", O_RDONLY), 0) == MAP_FAILED &&
	      errno == EACCES);
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, zero, 0);
	if (fork() == 0) {
		shared[0] = 5;
		_exit(0);
	}
	wait(NULL);
	CHECK(shared[0] == 5);
	m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0);
	CHECK(m != MAP_FAILED && m[9] == 0 && (m[9] = 1) == 1 && munmap(m, 4096) == 0);
	close(fd);
	close(zero);
}

static void space(void)
{
	int fd = open("space", O_CREAT | O_RDWR, 0600);
	struct stat st;
	char c = 1;

	CHECK(fallocate(fd, 0, 0, 5 * 4096) == 0 && size_of(fd) == 5 * 4096);
	fstat(fd, &st);
	CHECK(st.st_blocks == 5 * 8);
	pwrite(fd, "x", 1, 0);
	CHECK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 1, 3 * 4096) == 0);
	fstat(fd, &st);
	CHECK(st.st_blocks == 3 * 8);
	CHECK(pread(fd, &c, 1, 0) == 1 && c == 'x');
	CHECK_ERR(fallocate(fd, 0, 0, 0), EINVAL);
	CHECK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 5 * 4096) == 0); /* or says that it cannot: */
	CHECK_ERR(fallocate(fd, FALLOC_FL_KEEP_SIZE, 4096, 5 * 4096), EOPNOTSUPP);
	fstat(fd, &st);
	CHECK(st.st_blocks == 5 * 8 && st.st_size == 5 * 4096);
	CHECK_ERR(fallocate(fd, 0, -1, 5), EINVAL);
	close(fd);
}

static void record_locks(void)
{
	int fd = open("locks", O_CREAT | O_RDWR, 0600), other, go[2], status;
	struct flock fl = { .l_type = F_WRLCK, .l_start = 10, .l_len = 10 };
	char c;

	CHECK(fcntl(fd, F_SETLK, &fl) == 0);
	pipe(go);
	if (fork() == 0) {
		struct flock probe = { .l_type = F_RDLCK };

		if (fcntl(fd, F_GETLK, &probe) || probe.l_type != F_WRLCK || probe.l_start != 10 ||
		    probe.l_pid != getppid())
			_exit(1);
		probe = (struct flock){ .l_type = F_RDLCK, .l_start = 15, .l_len = 1 };
		if (fcntl(fd, F_SETLK, &probe) != -1 || errno != EAGAIN)
			_exit(2);
		write(go[1], "x", 1);
		_exit(fcntl(fd, F_SETLKW, &probe) ? 3 : 0);
	}
	read(go[0], &c, 1);
	usleep(50000);
	fl.l_type = F_UNLCK;
	CHECK(fcntl(fd, F_SETLK, &fl) == 0);
	wait(&status);
	CHECK(status == 0);
	CHECK(flock(fd, LOCK_EX) == 0);
	other = open("locks", O_RDWR);
	CHECK_ERR(flock(other, LOCK_SH | LOCK_NB), EWOULDBLOCK);
	close(fd);
	CHECK(flock(other, LOCK_SH | LOCK_NB) == 0);
	close(other);
}

static void files_without_names(void)
{
	char link[64], text[64] = "";
	int fd = open(".", O_TMPFILE | O_RDWR, 0600), mem = memfd_create("scratch", MFD_CLOEXEC);
	int never;

	CHECK(fd >= 0 && write(fd, "tmp", 3) == 3);
	CHECK((never = open(".", O_TMPFILE | O_RDWR | O_EXCL, 0600)) >= 0);
	CHECK_ERR(linkat(never, "", AT_FDCWD, "never", AT_EMPTY_PATH), ENOENT);
	close(never);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	CHECK(linkat(AT_FDCWD, link, AT_FDCWD, "named", AT_SYMLINK_FOLLOW) == 0 &&
	      access("named", F_OK) == 0);
	close(fd);
	CHECK(write(mem, "abc", 3) == 3 && fcntl(mem, F_GETFD) == FD_CLOEXEC);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", mem);
	CHECK(readlink(link, text, 63) > 0 && strcmp(text, "/memfd:scratch (deleted)") == 0);
	close(mem);
	fd = open("unlinked", O_CREAT | O_RDWR, 0600);
	write(fd, "still here", 10);
	unlink("unlinked");
	CHECK(pread(fd, text, 10, 0) == 10 && memcmp(text, "still here", 10) == 0);
	close(fd);
}

static void sending(void)
{
	int in = open("in", O_CREAT | O_RDWR, 0600), out = open("out", O_CREAT | O_RDWR, 0600);
	off_t from = 2;

	write(in, "0123456789", 10);
	CHECK(sendfile(out, in, &from, 5) == 5 && from == 7 && size_of(out) == 5);
	lseek(in, 0, SEEK_SET);
	CHECK(sendfile(out, in, NULL, 100) == 10 && lseek(in, 0, SEEK_CUR) == 10 &&
	      size_of(out) == 15);
	close(in);
	close(out);
}

static void limits(void)
{
	struct rlimit few = { 20, 1024 }, small = { 100, RLIM_INFINITY }, many = { 1024, 1024 },
		      large = { RLIM_INFINITY, RLIM_INFINITY };
	int fd = open("limits", O_CREAT | O_RDWR, 0600), last = fd, next;

	setrlimit(RLIMIT_NOFILE, &few);
	while ((next = dup(fd)) >= 0)
		last = next;
	CHECK(errno == EMFILE && last == 19);
	CHECK_ERR(dup2(fd, 20), EBADF);
	setrlimit(RLIMIT_NOFILE, &many);
	CHECK(close_range((unsigned)fd + 1, 1000, 0) == 0 && dup(fd) == fd + 1);
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &small);
	CHECK(pwrite(fd, "0123456789", 10, 95) == 5);
	CHECK_ERR(pwrite(fd, "x", 1, 100), EFBIG);
	setrlimit(RLIMIT_FSIZE, &large);
	close(fd);
	close(fd + 1);
}

static void mounts(void)
{
	static char page[4096];
	struct statfs sf;
	int fd, pages = 0;

	mkdir("m", 0755);
	CHECK(mount("none", "m", "tmpfs", 0, "size=64k") == 0);
	CHECK(statfs("m", &sf) == 0 && sf.f_blocks == 16 && sf.f_bfree == 16);
	fd = open("m/f", O_CREAT | O_RDWR, 0600);
	CHECK_ERR(umount("m"), EBUSY);
	CHECK_ERR(rename("m/f", "f"), EXDEV);
	CHECK_ERR(rmdir("m"), EBUSY);
	while (write(fd, page, sizeof(page)) == sizeof(page))
		pages++;
	CHECK(errno == ENOSPC && pages == 16);
	close(fd);
	CHECK(mount("none", "m", "tmpfs", MS_REMOUNT | MS_RDONLY, NULL) == 0);
	CHECK_ERR(open("m/new", O_CREAT | O_RDWR, 0600), EROFS);
	CHECK_ERR(unlink("m/f"), EROFS);
	CHECK_ERR(access("m/f", W_OK), EROFS);
	CHECK(umount("m") == 0);
	CHECK_ERR(umount("m"), EINVAL);
	CHECK_ERR(mount("none", "m", "nosuchfs", 0, NULL), ENODEV);
	CHECK_ERR(mount("none", "m", "tmpfs", 0, "nosuchoption=1"), EINVAL);
	rmdir("m");
}

/* In a child: it cannot come back. */
static int in_another_root(void)
{
	char cwd[64];

	mkdir("cell", 0755);
	mkdir("cell/inner", 0755);
	if (chroot("cell") || chdir("/") || chdir("../../.."))
		return 1;
	if (!getcwd(cwd, sizeof(cwd)) || strcmp(cwd, "/") != 0)
		return 2;
	if (access("/proc", F_OK) == 0 || access("/inner", F_OK) != 0)
		return 3;
	if (symlink("/inner", "link") || access("link", F_OK) != 0)
		return 4;
	return 0;
}

static int as_another_user(void)
{
	struct stat st;

	umask(0);
	mkdir("open", 01777);
	mkdir("closed", 0700);
	close(open("open/roots", O_CREAT | O_RDWR, 0666));
	umask(022);
	if (setgid(100) || setuid(1000))
		return 1;
	if (open("closed/x", O_RDONLY) != -1 || errno != EACCES)
		return 2;
	if (unlink("open/roots") != -1 || errno != EPERM)
		return 3;
	if (open("open/mine", O_CREAT | O_RDWR, 0666) < 0 || stat("open/mine", &st) ||
	    st.st_uid != 1000 || st.st_gid != 100 || (st.st_mode & 07777) != 0644)
		return 4;
	if (chown("open/mine", 0, 0) != -1 || errno != EPERM || chmod("open/roots", 0) != -1 ||
	    errno != EPERM)
		return 5;
	if (mount("none", "open", "tmpfs", 0, NULL) != -1 || errno != EPERM)
		return 6;
	return open("/proc/1/environ", O_RDONLY) == -1 && errno == EACCES ? 0 : 7;
}

static int child(int (*fn)(void))
{
	int status = -1;

	fflush(stdout);
	if (fork() == 0)
		_exit(fn());
	wait(&status);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void over(int signo)
{
	_exit(signo == SIGBUS ? 7 : 1);
}

/* Child: stores into each page of a mapped file that is larger than its mount. */
static int overfill(void)
{
	int fd = open("big", O_RDWR | O_CREAT, 0600);
	char *p;

	signal(SIGBUS, over);
	if (ftruncate(fd, 64 * 4096))
		return 1;
	p = mmap(NULL, 64 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	for (int i = 0; i < 64; i++)
		p[i * 4096] = 1;
	return 2;
}

/* size= holds for stores through mappings as for writes, whatever the holes of a file. */
static void full_mount(void)
{
	char page[4096] = { 1 };
	struct statfs s;
	int fd;

	CHECK(mkdir("full", 0700) == 0 && mount("none", "full", "tmpfs", 0, "size=64k") == 0);
	CHECK(chdir("full") == 0);
	CHECK(child(overfill) == 7);
	CHECK(statfs(".", &s) == 0 && s.f_bfree == 0 && s.f_blocks == 16);
	fd = open("big", O_RDWR);
	CHECK(pwrite(fd, page, sizeof(page), 5 * 4096) == sizeof(page));
	CHECK_ERR(pwrite(fd, page, sizeof(page), 40 * 4096), ENOSPC);
	CHECK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 2 * 4096) == 0);
	CHECK(statfs(".", &s) == 0 && s.f_bfree == 2);
	CHECK_ERR(fallocate(fd, 0, 0, 3 * 4096 + 60 * 4096), ENOSPC);
	CHECK(pwrite(fd, page, sizeof(page), 40 * 4096) == sizeof(page));
	CHECK(ftruncate(fd, 0) == 0 && statfs(".", &s) == 0 && s.f_bfree == 16);
	close(fd);
	CHECK(chdir("..") == 0 && umount("full") == 0 && rmdir("full") == 0);
}

static void read_only_text(void)
{
	char self[256];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	CHECK(n > 0);
	self[n > 0 ? n : 0] = '\0';
	CHECK_ERR(open(self, O_RDWR), ETXTBSY);
}

int main(void)
{
	char place[] = "/tmp/files-XXXXXX";

	if (!mkdtemp(place) || chdir(place))
		return 2;
	umask(022);
	chmod(place, 0755);
	reading_and_writing();
	vectors();
	mapping_is_the_file();
	space();
	record_locks();
	files_without_names();
	sending();
	limits();
	mounts();
	CHECK(child(in_another_root) == 0);
	CHECK(child(as_another_user) == 0);
	full_mount();
	read_only_text();
	return check_end();
}
