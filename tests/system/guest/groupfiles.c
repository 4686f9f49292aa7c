// SPDX-License-Identifier: MIT
/*
 * What the files of a control group answer: values good and bad, reads and writes of every shape,
 * what is no file of theirs, the options of mount(2). The answers of Linux are in
 * groupfiles-linux-6.1.txt.
 */
#include "groups.h"

#include <sys/mman.h>
#include <sys/statfs.h>
#include <sys/xattr.h>

static char *volatile nowhere = (char *)8;

struct values {
	const char *file,
		*before; /* what is written first, so that a value shows that it was taken */
	const char *texts[48];
};

static const struct values values[] = {
	{ "memory.max",
	  "12288",
	  { "1T",
	    "1t",
	    "15T",
	    "1P",
	    "1E",
	    "16E",
	    "0x100000",
	    "0X10000",
	    "010000",
	    "08",
	    "4096",
	    "4095",
	    "1",
	    "0",
	    "1k",
	    "8K",
	    "1m",
	    "1G",
	    "1 K",
	    "1KB",
	    "1KK",
	    "k",
	    "",
	    "\n",
	    "  ",
	    " 8192 \n",
	    "\t8192\t",
	    "8192\n\n",
	    "8192\v",
	    "8192 4096",
	    "max",
	    "max\n",
	    " max ",
	    "MAX",
	    "maximum",
	    "-1",
	    "+8192",
	    "18446744073709551615",
	    "18446744073709551616",
	    "99999999999999999999999",
	    "0x",
	    "0xg",
	    "0x1k",
	    "1.5M",
	    "12Q",
	    "1e6",
	    "many" } },
	{ "memory.high", "12288", { "1M", "0x4000", "max", "-1", "", "x", "0" } },
	{ "memory.low", "12288", { "1M", "0x4000", "max", "-1", "", "x", "0" } },
	{ "memory.min", "12288", { "1M", "0x4000", "max", "-1", "", "x", "0" } },
	{ "memory.swap.max", "12288", { "1M", "0x4000", "max", "-1", "", "x", "0" } },
	{ "memory.swap.high", "12288", { "1M", "0x4000", "max", "-1", "", "x", "0" } },
	{ "memory.oom.group",
	  "0",
	  { "1", "2", "-1", "", "\n", "1 ", " 1", "x", "0x1", "01", "+1", "1x", "4294967297", "max",
	    "0" } },
	{ "pids.max",
	  "9",
	  { "0",       "1",  "max",  "max\n", " max ", "-1",      "",
	    "\n",      "x",  "0x10", "010",   "08",    "4194303", "4194304",
	    "4194305", "+5", "5x",   " 7 ",   "\t7",   "7 8",     "99999999999999999999",
	    "1k" } },
	{ "cgroup.max.depth",
	  "9",
	  { "0", "5", "-1", "max", " max ", "", "\n", "x", "0x7", "010", "+5", "5x", "2147483646",
	    "2147483647", "2147483648", "4294967296", "99999999999999999999" } },
	{ "cgroup.max.descendants",
	  "9",
	  { "0", "-1", "max", "", "x", "0x7", "2147483646", "2147483647", "2147483648" } },
	{ "cgroup.type", "domain", { "domain", "", "x", "domain threaded" } },
	{ "cgroup.subtree_control", "-memory -pids", { "+memory",
						       " +memory ",
						       "+memory +pids",
						       "memory",
						       "+",
						       "-",
						       "+bogus",
						       "+memory +bogus",
						       "+memory -memory",
						       "-memory +memory",
						       "",
						       "\n",
						       "-pids",
						       "+memory\n+pids",
						       "+memory,+pids",
						       "+memory  +pids",
						       "+memory\n",
						       "++memory",
						       "+Memory",
						       "+ memory",
						       "+pids\t+memory" } },
	{ "cgroup.kill",
	  "",
	  { "1", "0", "2", "-1", "", "\n", "x", "1x", "01", "0x1", " 1 ", "+1" } },
	{ "cgroup.procs",
	  "",
	  { "-1", "x", "", "\n", "99999", "4194305", "2147483648", "99999999999", "0x7fff", "1x",
	    "2 3", "077777", "max" } },
	{ "cgroup.threads", "", { "-1", "x", "", "99999" } },
	{ "memory.reclaim",
	  "",
	  { "0", "1M", "x", "", "\n", "-1", "max", "1M swappiness=0", "1Q" } },
	{ "memory.current", "", { "0", "" } },
	{ "memory.stat", "", { "0" } },
	{ "cgroup.events", "", { "0" } },
	{ "cgroup.controllers", "", { "+memory" } },
	{ "memory.pressure",
	  "",
	  { "some 150000 1000000",
	    "full 150000 1000000\n",
	    "some 150000",
	    "some",
	    "some 0 1000000",
	    "some 1 1000000",
	    "some 1000000 1000000",
	    "some 1000001 1000000",
	    "some 150000 499999",
	    "some 150000 500000",
	    "some 150000 10000000",
	    "some 150000 10000001",
	    "some 150000 1000000 more",
	    "some 150000 1000000more",
	    "some 150000more 1000000",
	    "some 0x10000 1000000",
	    "some  150000   1000000",
	    " some 150000 1000000",
	    "some\t150000\t1000000",
	    "some150000 1000000",
	    "SOME 150000 1000000",
	    "none 150000 1000000",
	    "some -1 1000000",
	    "some +1 1000000",
	    "some 4294967297 1000000",
	    "some 1 4295967296",
	    "",
	    "\n" } },
	{ "cpu.pressure", "", { "some 150000 1000000", "full 150000 1000000" } },
	{ "io.pressure", "", { "full 150000 1000000" } },
};

static void try_values(void)
{
	for (const struct values *v = values; v < values + sizeof(values) / sizeof(*values); v++)
		for (size_t i = 0; i < sizeof(v->texts) / sizeof(*v->texts) && v->texts[i]; i++) {
			char what[256], said[128];
			int err;

			if (*v->before)
				(void)put(v->file, v->before);
			err = put(v->file, v->texts[i]);
			snprintf(what, sizeof(what), "\"%s\"", v->texts[i]);
			snprintf(said, sizeof(said), "%s%s%.40s", answer(err),
				 *v->before ? ", " : "", *v->before ? get(v->file) : "");
			tell(v->file, what, said);
			if (*v->before)
				(void)put(v->file, v->before);
		}
	for (const char *const *f =
		     (const char *const[]){ "memory.max", "memory.high", "memory.swap.max",
					    "memory.swap.high", "pids.max", NULL };
	     *f; f++)
		(void)put(*f, "max");
}

/* A new group's. */
static void defaults(void)
{
	static const char *const files[] = {
		"cgroup.controllers",
		"cgroup.events",
		"cgroup.freeze",
		"cgroup.kill",
		"cgroup.max.depth",
		"cgroup.max.descendants",
		"cgroup.pressure",
		"cgroup.procs",
		"cgroup.stat",
		"cgroup.subtree_control",
		"cgroup.threads",
		"cgroup.type",
		"cpu.pressure",
		"io.pressure",
		"irq.pressure",
		"cpu.stat",
		"memory.current",
		"memory.events",
		"memory.events.local",
		"memory.high",
		"memory.low",
		"memory.max",
		"memory.min",
		"memory.numa_stat",
		"memory.oom.group",
		"memory.peak",
		"memory.pressure",
		"memory.reclaim",
		"memory.swap.current",
		"memory.swap.events",
		"memory.swap.high",
		"memory.swap.max",
		"memory.zswap.current",
		"memory.zswap.max",
		"pids.current",
		"pids.events",
		"pids.max",
		"pids.peak",
	};
	struct stat st;
	char mode[64];

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		const char *text = get(files[i]);

		tell("new", files[i], strlen(text) < 150 ? text : "much");
		snprintf(mode, sizeof(mode), "%o", stat(files[i], &st) ? 0 : st.st_mode);
		tell("mode", files[i], mode);
		snprintf(mode, sizeof(mode), "../%s", files[i]);
		tell("root has", files[i], answer_of(access(mode, F_OK)));
	}
}

/* ---- Shapes of reads and writes ---- */

static void shapes_of_reads(void)
{
	char buf[64] = "", said[64];
	int fd = open("memory.max", O_RDWR);
	ssize_t n;

	(void)put("memory.max", "8192");
	n = pread(fd, buf, 1, 0);
	snprintf(said, sizeof(said), "%zd %.*s", n, 1, buf);
	tell("pread", "1 byte", said);
	n = pread(fd, buf, 10, 2);
	snprintf(said, sizeof(said), "%zd %.*s", n, 3, buf);
	tell("pread", "from 2", said);
	snprintf(said, sizeof(said), "%zd", pread(fd, buf, 10, 5));
	tell("pread", "at the end", said);
	snprintf(said, sizeof(said), "%zd", pread(fd, buf, 10, 1000));
	tell("pread", "beyond", said);
	tell("pread", "before", answer_of(pread(fd, buf, 10, -1)));
	snprintf(said, sizeof(said), "%zd", read(fd, buf, 0));
	tell("read", "nothing", said);
	tell("read", "nowhere", answer_of(read(fd, nowhere, 10)));
	tell("lseek", "to 2", answer_of(lseek(fd, 2, SEEK_SET)));
	tell("lseek", "from the end", answer_of(lseek(fd, 0, SEEK_END)));
	tell("lseek", "before", answer_of(lseek(fd, -1, SEEK_SET)));
	close(fd);
}

static void shapes_of_writes(void)
{
	static char much[8192];
	int fd = open("memory.max", O_RDWR);

	tell("write", "nothing", answer_of(write(fd, "", 0)));
	tell("then", "it is", get("memory.max"));
	tell("write", "nowhere", answer_of(write(fd, nowhere, 4)));
	tell("write", "a zero within", answer_of(write(fd, "4096\0x", 6)));
	tell("then", "it is", get("memory.max"));
	tell("write", "a zero behind", answer_of(write(fd, "8192\0", 5)));
	tell("pwrite", "at 3", answer_of(pwrite(fd, "12288", 5, 3)));
	tell("then", "it is", get("memory.max"));
	tell("pwrite", "before", answer_of(pwrite(fd, "12288", 5, -1)));
	memset(much, ' ', sizeof(much));
	memcpy(much, "4096", 4);
	tell("write", "4095 bytes", answer_of(write(fd, much, 4095)));
	tell("write", "4096 bytes", answer_of(write(fd, much, 4096)));
	tell("write", "8192 bytes", answer_of(write(fd, much, sizeof(much))));
	tell("ftruncate", "", answer_of(ftruncate(fd, 0)));
	tell("fsync", "", answer_of(fsync(fd)));
	tell("fallocate", "", answer_of(fallocate(fd, 0, 0, 1)));
	tell("mmap", "",
	     mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED ? answer(errno) : "ok");
	tell("ioctl", "", answer_of(syscall(SYS_ioctl, fd, 0x5401, much)));
	close(fd);
	(void)put("memory.max", "max");
}

static void open_and_write(const char *file, int flags, const char *how)
{
	char what[64];
	int fd = open(file, flags, 0644);

	snprintf(what, sizeof(what), "%s %s", file, how);
	tell("open", what, answer_of(fd));
	if (fd < 0)
		return;
	if (flags & O_WRONLY)
		tell("write", what, answer_of(write(fd, "0", 1)));
	else
		tell("read", what, answer_of(read(fd, what, sizeof(what))));
	close(fd);
}

static void opens(void)
{
	open_and_write("memory.current", O_WRONLY, "to write");
	open_and_write("memory.events", O_WRONLY, "to write");
	open_and_write("cgroup.controllers", O_WRONLY, "to write");
	open_and_write("cgroup.kill", O_RDONLY, "to read");
	open_and_write("memory.reclaim", O_RDONLY, "to read");
	open_and_write("memory.low", O_WRONLY | O_TRUNC, "truncated");
	open_and_write("memory.low", O_WRONLY | O_APPEND, "appending");
	open_and_write("memory.low", O_WRONLY | O_CREAT, "made");
	open_and_write("memory.low", O_WRONLY | O_CREAT | O_EXCL, "made new");
	open_and_write("memory.low", O_RDONLY | O_DIRECTORY, "as a directory");
	open_and_write("memory.low/x", O_RDONLY, "below a file");
	open_and_write("memory.bogus", O_RDONLY, "");
	open_and_write("memory.bogus", O_WRONLY | O_CREAT, "made");
	open_and_write(".", O_RDONLY, "directory");
	open_and_write(".", O_WRONLY, "directory");
	open_and_write(".", O_RDWR | __O_TMPFILE | O_DIRECTORY, "nameless");
}

static void opens_as_nobody(void)
{
	as_nobody();
	open_and_write("memory.current", O_RDONLY, "as nobody");
	open_and_write("memory.current", O_WRONLY, "by nobody");
	open_and_write("memory.max", O_WRONLY, "by nobody");
	open_and_write("cgroup.kill", O_WRONLY, "by nobody");
	open_and_write("cgroup.procs", O_WRONLY, "by nobody");
	tell("mkdir", "by nobody", answer_of(mkdir("n", 0755)));
	tell("rmdir", "by nobody", answer_of(rmdir("../g")));
	tell("memory.pressure", "by nobody", answer(put("memory.pressure", "some 1 1000000")));
}

/* ---- What else is done to files and directories ---- */

static void places(void)
{
	char name[300], said[32];
	struct statfs fs;
	struct stat st;

	tell("unlink", "a file", answer_of(unlink("memory.max")));
	tell("rmdir", "a file", answer_of(rmdir("memory.max")));
	tell("rmdir", ".", answer_of(rmdir(".")));
	tell("rmdir", "..", answer_of(rmdir("..")));
	tell("rmdir", "the root", answer_of(rmdir(TOP)));
	tell("rmdir", "nothing", answer_of(rmdir("none")));
	tell("rename", "a file", answer_of(rename("memory.max", "other")));
	tell("symlink", "", answer_of(symlink("x", "y")));
	tell("link", "", answer_of(link("memory.max", "y")));
	tell("mknod", "fifo", answer_of(mknod("y", S_IFIFO | 0644, 0)));
	tell("mknod", "file", answer_of(mknod("y", S_IFREG | 0644, 0)));
	tell("truncate", "", answer_of(truncate("memory.max", 0)));
	tell("utimes", "", answer_of(utimensat(AT_FDCWD, "memory.max", NULL, 0)));
	tell("setxattr", "user", answer_of(setxattr("memory.max", "user.x", "y", 1, 0)));
	tell("getxattr", "none", answer_of(getxattr("cgroup.type", "user.x", name, 1)));
	tell("statfs", "", statfs(".", &fs) == 0 && fs.f_type == 0x63677270 ? "ok" : "other");
	tell("mkdir", "a file's name", answer_of(mkdir("memory.max", 0755)));
	tell("mkdir", "nothing", answer_of(mkdir("", 0755)));
	tell("mkdir", ".", answer_of(mkdir(".", 0755)));
	tell("mkdir", "two\nlines", answer_of(mkdir("two\nlines", 0755)));
	tell("mkdir", "below nothing", answer_of(mkdir("none/x", 0755)));
	tell("mkdir", "below a file", answer_of(mkdir("memory.max/x", 0755)));
	memset(name, 'n', sizeof(name));
	name[256] = '\0';
	tell("mkdir", "256 letters", answer_of(mkdir(name, 0755)));
	rmdir(name);
	name[255] = '\0';
	tell("mkdir", "255 letters", answer_of(mkdir(name, 0755)));
	tell("rmdir", "255 letters", answer_of(rmdir(name)));
	tell("mkdir", "with a space", answer_of(mkdir("a b", 0700)));
	snprintf(said, sizeof(said), "%o", stat("a b", &st) ? 0 : st.st_mode);
	tell("mode", "with a space", said);
	tell("mkdir", "again", answer_of(mkdir("a b", 0755)));
	tell("rename", "a group", answer_of(rename("a b", "c")));
	tell("chmod", "a group", answer_of(chmod("a b", 0755)));
	tell("chown", "a group", answer_of(chown("a b", 1, 1)));
	snprintf(said, sizeof(said), "%u", stat("a b/memory.max", &st) ? 9 : st.st_uid);
	tell("owner", "of its memory.max", said);
	tell("rmdir", "with a space", answer_of(rmdir("a b")));
	tell("chmod", "a file", answer_of(chmod("memory.max", 0600)));
	tell("chown", "a file", answer_of(chown("memory.max", 1, 1)));
	snprintf(said, sizeof(said), "%lu", stat(".", &st) ? 0 : (unsigned long)st.st_nlink);
	tell("links", "of a group", said);
}

/* It cannot be made a domain again. */
static void threaded(void)
{
	mkdir("t", 0755);
	tell_put("t/cgroup.type", "threaded");
	tell("then", "t/cgroup.type", get("t/cgroup.type"));
	tell_put("t/cgroup.type", "domain");
	rmdir("t");
}

static void mounts(void)
{
	static const char *const options[] = { "bogus",
					       "",
					       "nsdelegate",
					       "nsdelegate,bogus",
					       "memory",
					       ",",
					       "ro",
					       "nsdelegate=1",
					       "favordynmods",
					       "memory_localevents",
					       "memory_recursiveprot" };
	struct statfs fs;

	mkdir("/tmp/second", 0755);
	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
		tell("mount", options[i],
		     answer_of(mount("x", "/tmp/second", "cgroup2", 0, options[i])));
		(void)umount("/tmp/second");
	}
	tell("mount", "read-only",
	     answer_of(mount("none", "/tmp/second", "cgroup2", MS_RDONLY, NULL)));
	tell("read-only", "the same tree", answer_of(access("/tmp/second/g", F_OK)));
	tell("read-only", "mkdir", answer_of(mkdir("/tmp/second/h", 0755)));
	tell("read-only", "write", answer(put("/tmp/second/g/memory.max", "max")));
	tell("read-only", "statfs",
	     statfs("/tmp/second", &fs) == 0 && (fs.f_flags & MS_RDONLY) ? "ok" : "not");
	tell("remount", "bogus",
	     answer_of(mount("none", "/tmp/second", "cgroup2", MS_REMOUNT, "bogus")));
	tell("remount", "to write",
	     answer_of(mount("none", "/tmp/second", "cgroup2", MS_REMOUNT, NULL)));
	tell("writeable", "mkdir", answer_of(mkdir("/tmp/second/h", 0755)));
	tell("writeable", "seen in the first", answer_of(rmdir(TOP "/h")));
	tell("umount", "", answer_of(umount("/tmp/second")));
	rmdir("/tmp/second");
}

int main(void)
{
	groups_begin();
	if (put("cgroup.subtree_control", "+memory +pids") || mkdir("g", 0755) || chdir("g"))
		perror("g");
	defaults();
	try_values();
	shapes_of_reads();
	shapes_of_writes();
	opens();
	apart(opens_as_nobody);
	places();
	threaded();
	mounts();
	if (chdir("..") || rmdir("g"))
		perror("g");
	groups_end();
	return 0;
}
