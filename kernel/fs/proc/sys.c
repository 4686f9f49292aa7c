// SPDX-License-Identifier: MIT
// /proc/sys: the settings that exist, with Linux's names.
#include <linux/utsname.h>

#include "kernel/cred.h"
#include "kernel/exec.h"
#include "kernel/fs/pipe.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/nofault.h"
#include "kernel/process.h"
#include "kernel/random.h"
#include "kernel/runq.h"
#include "kernel/uts.h"
#include "mm/aspace.h"
#include "mm/buddy.h"
#include "mm/oom.h"
#include "mm/oom_site.h"
#include "mm/reclaim.h"
#include "mm/swap.h"
#include "mm/huge.h"

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
	if (!current_capable(CAP_SYS_ADMIN))
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

static const struct proc_node random_children[] = {
	PROC_FILE("boot_id", 0444, show_boot_id),
	PROC_FILE("entropy_avail", 0444, show_entropy),
	PROC_TEXT("poolsize", "256\n"),
	PROC_FILE("uuid", 0444, show_uuid),
	PROC_END,
};

static int show_randomize(struct seq *s, const struct proc_ref *ref)
{
	(void)ref;
	seq_printf(s, "%u\n", READ_ONCE(exec_randomize));
	return 0;
}

static int store_randomize(const struct proc_ref *ref, char *text, size_t n)
{
	int64_t v = 0;
	int err = parse_setting(text, 0, 2, &v);

	(void)ref, (void)n;
	if (err == 0)
		WRITE_ONCE(exec_randomize, (unsigned)v);
	return err;
}

/* ---- Policies: all there are, the one in force in brackets; chosen by name ---- */

static int show_names(struct seq *s, const char *(*nth)(unsigned i, bool *in_force))
{
	const char *name;
	bool on;

	for (unsigned i = 0; (name = nth(i, &on)) != NULL; i++)
		seq_printf(s, on ? "%s[%s]" : "%s%s", i > 0 ? " " : "", name);
	seq_puts(s, "\n");
	return 0;
}

static int store_name(char *text, size_t n, int (*choose)(const char *name))
{
	if (!current_capable(CAP_SYS_ADMIN))
		return -EPERM;
	while (n > 0 && text[n - 1] == '\n')
		text[--n] = '\0';
	return choose(text);
}

static int show_nofault(struct seq *s, const struct proc_ref *ref)
{
	(void)ref;
	return show_names(s, nofault_action);
}

static int store_nofault(const struct proc_ref *ref, char *text, size_t n)
{
	(void)ref;
	return store_name(text, n, nofault_choose);
}

/* ---- The guard against real-time tasks (kernel/sched_guard.c), in us; a runtime of -1: none
 * ---- */

static int show_rt_runtime(struct seq *s, const struct proc_ref *ref)
{
	int64_t ns = READ_ONCE(rt_guard.runtime);

	(void)ref;
	seq_printf(s, "%jd\n", ns < 0 ? -1 : ns / (int64_t)NSEC_PER_USEC);
	return 0;
}

static int show_rt_period(struct seq *s, const struct proc_ref *ref)
{
	(void)ref;
	seq_printf(s, "%ju\n", (uint64_t)(READ_ONCE(rt_guard.period) / NSEC_PER_USEC));
	return 0;
}

static int store_rt_runtime(const struct proc_ref *ref, char *text, size_t n)
{
	int64_t us = 0;
	int err = current_capable(CAP_SYS_ADMIN) ? proc_parse_int(text, &us) : -EPERM;

	(void)ref, (void)n;
	return err < 0 ? err : us < -1 ? -EINVAL : rt_guard_set(us, -2);
}

static int store_rt_period(const struct proc_ref *ref, char *text, size_t n)
{
	int64_t us = 0;
	int err = parse_setting(text, 0, INT32_MAX, &us);

	(void)ref, (void)n;
	return err < 0 ? err : rt_guard_set(-2, us);
}

static const struct proc_node kernel_children[] = {
	{ .name = "hostname",
	  .mode = S_IFREG | 0644,
	  .show = show_hostname,
	  .store = store_hostname },
	{ .name = "latency_sample_ns",
	  .mode = S_IFREG | 0644,
	  .show = show_latency_sample,
	  .store = store_latency_sample },
	{ .name = "nofault_action",
	  .mode = S_IFREG | 0644,
	  .show = show_nofault,
	  .store = store_nofault },
	PROC_TEXT("osrelease", UTS_RELEASE "\n"),
	PROC_TEXT("ostype", UTS_SYSNAME "\n"),
	PROC_FILE("pid_max", 0444, show_pid_max),
	PROC_DIR("random", 0555, random_children),
	{ .name = "randomize_va_space",
	  .mode = S_IFREG | 0644,
	  .show = show_randomize,
	  .store = store_randomize },
	{ .name = "sched_rt_period_us",
	  .mode = S_IFREG | 0644,
	  .show = show_rt_period,
	  .store = store_rt_period },
	{ .name = "sched_rt_runtime_us",
	  .mode = S_IFREG | 0644,
	  .show = show_rt_runtime,
	  .store = store_rt_runtime },
	PROC_FILE("threads-max", 0444, show_threads_max),
	PROC_TEXT("version", UTS_VERSION "\n"),
	PROC_END,
};

static int show_mmap_min_addr(struct seq *s, const struct proc_ref *ref)
{
	(void)ref;
	seq_printf(s, "%ju\n", (uint64_t)USER_MIN);
	return 0;
}

static int show_replacement(struct seq *s, const struct proc_ref *ref)
{
	(void)ref;
	return show_names(s, replacement_name);
}

static int store_replacement(const struct proc_ref *ref, char *text, size_t n)
{
	(void)ref;
	return store_name(text, n, replacement_choose);
}

static int show_oom_policy(struct seq *s, const struct proc_ref *ref)
{
	(void)ref;
	return show_names(s, oom_policy_name);
}

static int store_oom_policy(const struct proc_ref *ref, char *text, size_t n)
{
	(void)ref;
	return store_name(text, n, oom_policy_choose);
}

static int show_rt_reserve_kb(struct seq *s, const struct proc_ref *ref)
{
	(void)ref;
	seq_printf(s, "%u\n", READ_ONCE(watermarks.rt) << (PAGE_SHIFT - 10));
	return 0;
}

static int store_rt_reserve_kb(const struct proc_ref *ref, char *text, size_t n)
{
	int64_t v = 0;
	int err = parse_setting(text, 0, INT64_MAX, &v);

	(void)ref, (void)n;
	return err ? err : frames_reserve_rt((uint64_t)v);
}

#ifdef OOM_SITES
static int show_oom_site(struct seq *s, const struct proc_ref *ref)
{
	unsigned met;
	bool armed = oom_site_armed(&met);

	(void)ref;
	seq_printf(s, "%u %u\n", met, armed);
	return 0;
}

static int store_oom_site(const struct proc_ref *ref, char *text, size_t n)
{
	(void)ref, (void)text, (void)n;
	oom_site_arm();
	return 0;
}
#endif

/* ---- The pool of huge pages (mm/huge.h): numbers of pages of 2 MB ---- */

int show_huge(struct seq *s, const struct proc_ref *ref)
{
	struct huge_stats h;

	huge_stats(&h);
	seq_printf(s, "%ju\n", *(const uint64_t *)((const char *)&h + ref->node->data));
	return 0;
}

int store_huge(const struct proc_ref *ref, char *text, size_t n)
{
	int64_t v = 0;
	int err = parse_setting(text, 0, INT64_MAX, &v);

	(void)n;
	if (err)
		return err;
	if (ref->node->data == offsetof(struct huge_stats, total))
		huge_pool_resize((uint64_t)v);
	else
		huge_set_overcommit((uint64_t)v);
	return 0;
}

#define SETTING_FILE(n, fn)                                                                        \
	{                                                                                          \
		.name = (n), .mode = S_IFREG | 0644, .show = show_##fn, .store = store_##fn        \
	}

#define NUMBER_FILE(n)                                                                             \
	{                                                                                          \
		.name = (n), .mode = S_IFREG | 0644, .show = show_vm_number,                       \
		.store = store_vm_number                                                           \
	}

static const struct proc_node vm_children[] = {
	NUMBER_FILE("admin_reserve_kbytes"),
	NUMBER_FILE("dirty_background_bytes"),
	NUMBER_FILE("dirty_background_ratio"),
	NUMBER_FILE("dirty_bytes"),
	NUMBER_FILE("dirty_expire_centisecs"),
	NUMBER_FILE("dirty_ratio"),
	NUMBER_FILE("dirty_writeback_centisecs"),
	NUMBER_FILE("max_map_count"),
	PROC_FILE("mmap_min_addr", 0444, show_mmap_min_addr),
	HUGE_SETTING("nr_hugepages", total),
	HUGE_SETTING("nr_overcommit_hugepages", overcommit),
	SETTING_FILE("oom_policy", oom_policy),
#ifdef OOM_SITES
	SETTING_FILE("oom_site", oom_site),
#endif
	NUMBER_FILE("overcommit_kbytes"),
	NUMBER_FILE("overcommit_memory"),
	NUMBER_FILE("overcommit_ratio"),
	SETTING_FILE("replacement", replacement),
	SETTING_FILE("rt_reserve_kb", rt_reserve_kb),
	SETTING_FILE("swap_budget", swap_budget),
	SETTING_FILE("swap_burst", swap_budget),
	NUMBER_FILE("swappiness"),
	NUMBER_FILE("page-cluster"),
	NUMBER_FILE("thrash_percent"),
	NUMBER_FILE("thrash_wait_ms"),
	NUMBER_FILE("user_reserve_kbytes"),
	NUMBER_FILE("zpool_percent"),
	PROC_END,
};

static int store_pipe_size(const struct proc_ref *ref, char *text, size_t n)
{
	int64_t v = 0;
	int err = parse_setting(text, 0, (int64_t)1 << 31, &v);

	(void)ref, (void)n;
	if (err == 0)
		WRITE_ONCE(pipe_limits.size, pipe_size_round((uint64_t)v));
	return err;
}

static const struct proc_node fs_children[] = {
	PROC_TEXT("file-max", "9223372036854775807\n"), /* memory is the limit */
	PROC_TEXT("nr_open", "65536\n"),
	{ .name = "pipe-max-size",
	  .mode = S_IFREG | 0644,
	  .show = show_vm_number,
	  .store = store_pipe_size },
	NUMBER_FILE("pipe-user-pages-hard"),
	NUMBER_FILE("pipe-user-pages-soft"),
	PROC_END,
};

const struct proc_node proc_sys_children[] = {
	PROC_DIR("fs", 0555, fs_children),
	PROC_DIR("kernel", 0555, kernel_children),
	PROC_DIR("vm", 0555, vm_children),
	PROC_END,
};
