// SPDX-License-Identifier: MIT
// /proc/sys: the settings that exist, with Linux's names.
#include <linux/utsname.h>

#include "kernel/cred.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/process.h"
#include "kernel/random.h"
#include "kernel/uts.h"

static int show_ostype(struct seq *s, const struct proc_ref *ref)
{
	(void)ref;
	seq_puts(s, UTS_SYSNAME "\n");
	return 0;
}

static int show_osrelease(struct seq *s, const struct proc_ref *ref)
{
	(void)ref;
	seq_puts(s, UTS_RELEASE "\n");
	return 0;
}

static int show_uts_version(struct seq *s, const struct proc_ref *ref)
{
	(void)ref;
	seq_puts(s, UTS_VERSION "\n");
	return 0;
}

static int show_hostname(struct seq *s, const struct proc_ref *ref)
{
	struct new_utsname u;

	(void)ref;
	uts_fill(&u);
	seq_printf(s, "%s\n", u.nodename);
	return 0;
}

static int store_hostname(const struct proc_ref *ref, char *text, size_t n)
{
	(void)ref;
	if (!current_privileged())
		return -EPERM;
	while (n && text[n - 1] == '\n')
		n--;
	uts_set_hostname(text, n);
	return 0;
}

static int show_pid_max(struct seq *s, const struct proc_ref *ref)
{
	(void)ref;
	seq_printf(s, "%d\n", PID_MAX);
	return 0;
}

static int show_threads_max(struct seq *s, const struct proc_ref *ref)
{
	(void)ref;
	seq_printf(s, "%u\n", task_limit());
	return 0;
}

static void seq_uuid(struct seq *s, const uint8_t b[16])
{
	for (unsigned i = 0; i < 16; i++)
		seq_printf(s, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", b[i]);
	seq_puts(s, "\n");
}

/* A version 4 UUID (RFC 4122, 4.4). */
static void random_uuid(uint8_t b[16])
{
	random_bytes(b, 16);
	b[6] = (b[6] & 0x0f) | 0x40;
	b[8] = (b[8] & 0x3f) | 0x80;
}

static int show_uuid(struct seq *s, const struct proc_ref *ref)
{
	uint8_t b[16];

	(void)ref;
	random_uuid(b);
	seq_uuid(s, b);
	return 0;
}

static int show_boot_id(struct seq *s, const struct proc_ref *ref)
{
	static struct mutex mutex = MUTEX_INIT(mutex);
	static uint8_t id[16];
	static bool made;

	(void)ref;
	mutex_lock(&mutex);
	if (!made)
		random_uuid(id);
	made = true;
	mutex_unlock(&mutex);
	seq_uuid(s, id);
	return 0;
}

static int show_entropy(struct seq *s, const struct proc_ref *ref)
{
	(void)ref;
	seq_puts(s, random_ready() ? "256\n" : "0\n");
	return 0;
}

static int show_poolsize(struct seq *s, const struct proc_ref *ref)
{
	(void)ref;
	seq_puts(s, "256\n");
	return 0;
}

static const struct proc_node random_children[] = {
	PROC_FILE("boot_id", 0444, show_boot_id),
	PROC_FILE("entropy_avail", 0444, show_entropy),
	PROC_FILE("poolsize", 0444, show_poolsize),
	PROC_FILE("uuid", 0444, show_uuid),
	PROC_END,
};

static const struct proc_node kernel_children[] = {
	{ .name = "hostname",
	  .mode = S_IFREG | 0644,
	  .show = show_hostname,
	  .store = store_hostname },
	PROC_FILE("osrelease", 0444, show_osrelease),
	PROC_FILE("ostype", 0444, show_ostype),
	PROC_FILE("pid_max", 0444, show_pid_max),
	PROC_DIR("random", 0555, random_children),
	PROC_FILE("threads-max", 0444, show_threads_max),
	PROC_FILE("version", 0444, show_uts_version),
	PROC_END,
};

/* The address space code promises memory as it comes: mode 1 of Linux (always), and it cannot be changed here. */
static int show_overcommit(struct seq *s, const struct proc_ref *ref)
{
	(void)ref;
	seq_puts(s, "1\n");
	return 0;
}

static int show_max_map_count(struct seq *s, const struct proc_ref *ref)
{
	(void)ref;
	seq_puts(s, "65530\n");
	return 0;
}

static int show_mmap_min_addr(struct seq *s, const struct proc_ref *ref)
{
	(void)ref;
	seq_printf(s, "%ju\n", (uint64_t)USER_MIN);
	return 0;
}

static const struct proc_node vm_children[] = {
	PROC_FILE("max_map_count", 0444, show_max_map_count),
	PROC_FILE("mmap_min_addr", 0444, show_mmap_min_addr),
	PROC_FILE("overcommit_memory", 0444, show_overcommit),
	PROC_END,
};

static int show_file_max(struct seq *s, const struct proc_ref *ref)
{
	(void)ref;
	seq_printf(s, "%jd\n", INT64_MAX); /* memory is the limit */
	return 0;
}

static int show_nr_open(struct seq *s, const struct proc_ref *ref)
{
	(void)ref;
	seq_puts(s, "65536\n");
	return 0;
}

static const struct proc_node fs_children[] = {
	PROC_FILE("file-max", 0444, show_file_max),
	PROC_FILE("nr_open", 0444, show_nr_open),
	PROC_END,
};

const struct proc_node proc_sys_children[] = {
	PROC_DIR("fs", 0555, fs_children),
	PROC_DIR("kernel", 0555, kernel_children),
	PROC_DIR("vm", 0555, vm_children),
	PROC_END,
};
