// SPDX-License-Identifier: MIT
/*
 * /sys: what C libraries and lscpu(1) ask about CPUs there (sysfs-devices-system-cpu in Linux's ABI
 * documentation), and the settings of huge pages (admin-guide/mm/transhuge.rst). Nothing else of
 * sysfs exists; the tables work as /proc's.
 */
#include <linux/capability.h>

#include "kernel/cred.h"
#include "kernel/errno.h"
#include "kernel/firmware.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/lib/string.h"
#include "kernel/sched.h"
#include "mm/huge.h"

/* CPUs neither come nor go: those that started are all that are possible. */
static int show_cpus(struct seq *s, const struct proc_ref *ref)
{
	(void)ref;
	seq_cpu_list(s, sched_cpus_online());
	seq_puts(s, "\n");
	return 0;
}

static int show_kernel_max(struct seq *s, const struct proc_ref *ref)
{
	(void)ref;
	seq_printf(s, "%u\n", NR_CPUS_MAX - 1);
	return 0;
}

/* ---- Transparent huge pages ---- */

static const char *const thp_modes[] = { "always", "madvise", "never" };

static int show_thp_enabled(struct seq *s, const struct proc_ref *ref)
{
	unsigned mode = READ_ONCE(thp_mode);

	(void)ref;
	for (unsigned i = 0; i < ARRAY_SIZE(thp_modes); i++)
		seq_printf(s, i == mode ? "%s[%s]" : "%s%s", i > 0 ? " " : "", thp_modes[i]);
	seq_puts(s, "\n");
	return 0;
}

static int store_thp_enabled(const struct proc_ref *ref, char *text, size_t n)
{
	(void)ref;
	if (!current_capable(CAP_SYS_ADMIN))
		return -EPERM;
	while (n > 0 && text[n - 1] == '\n')
		text[--n] = '\0';
	for (unsigned i = 0; i < ARRAY_SIZE(thp_modes); i++)
		if (strcmp(text, thp_modes[i]) == 0) {
			WRITE_ONCE(thp_mode, i);
			return 0;
		}
	return -EINVAL;
}

static int show_block_size(struct seq *s, const struct proc_ref *ref)
{
	(void)ref;
	seq_printf(s, "%ju\n", HUGE_SIZE);
	return 0;
}

static const struct proc_node thp_children[] = {
	{ .name = "enabled",
	  .mode = S_IFREG | 0644,
	  .show = show_thp_enabled,
	  .store = store_thp_enabled },
	PROC_FILE("hpage_pmd_size", 0444, show_block_size),
	PROC_END,
};

/* ---- The pool of huge pages (mm/hugetlbpage.rst) ---- */

static const struct proc_node pool_children[] = {
	HUGE_FIGURE("free_hugepages", free),
	HUGE_SETTING("nr_hugepages", total),
	HUGE_SETTING("nr_overcommit_hugepages", overcommit),
	HUGE_FIGURE("resv_hugepages", reserved),
	HUGE_FIGURE("surplus_hugepages", surplus),
	PROC_END,
};
static const struct proc_node pools_children[] = {
	PROC_DIR("hugepages-2048kB", 0555, pool_children), PROC_END
};
static const struct proc_node mm_children[] = {
	PROC_DIR("hugepages", 0555, pools_children),
	PROC_DIR("transparent_hugepage", 0555, thp_children),
	PROC_END,
};
static const struct proc_node kernel_children[] = { PROC_DIR("mm", 0555, mm_children), PROC_END };

/* ---- One CPU: a core by itself, all in one package ---- */

static int find_cpu(const struct proc_ref *dir, int number, struct proc_ref *child)
{
	(void)dir;
	child->number = number;
	return number < NR_CPUS_MAX && (sched_cpus_online() >> number & 1) ? 0 : -ENOENT;
}

static int next_cpu(const struct proc_ref *dir, int from)
{
	uint64_t left = from < NR_CPUS_MAX ? sched_cpus_online() >> from << from : 0;

	(void)dir;
	return left ? __builtin_ctzll(left) : -1;
}

static int show_cpu_number(struct seq *s, const struct proc_ref *ref)
{
	seq_printf(s, "%d\n", ref->number);
	return 0;
}

static int show_cpu_mask(struct seq *s, const struct proc_ref *ref)
{
	seq_printf(s, "%x\n", 1U << ref->number);
	return 0;
}

static int show_cpus_mask(struct seq *s, const struct proc_ref *ref)
{
	(void)ref;
	seq_printf(s, "%jx\n", sched_cpus_online());
	return 0;
}

static const struct proc_node topology_children[] = {
	PROC_FILE("core_cpus", 0444, show_cpu_mask),
	PROC_FILE("core_cpus_list", 0444, show_cpu_number),
	PROC_FILE("core_id", 0444, show_cpu_number),
	PROC_FILE("core_siblings", 0444, show_cpus_mask),
	PROC_FILE("core_siblings_list", 0444, show_cpus),
	PROC_FILE("package_cpus", 0444, show_cpus_mask),
	PROC_FILE("package_cpus_list", 0444, show_cpus),
	PROC_TEXT("physical_package_id", "0\n"),
	PROC_FILE("thread_siblings", 0444, show_cpu_mask),
	PROC_FILE("thread_siblings_list", 0444, show_cpu_number),
	PROC_END,
};
static const struct proc_node one_cpu_children[] = { PROC_DIR("topology", 0555, topology_children),
						     PROC_END };
static const struct proc_node one_cpu = PROC_DIR("cpuN", 0555, one_cpu_children);
static const struct proc_list cpu_list = {
	.node = &one_cpu, .lookup = find_cpu, .next = next_cpu, .word = "cpu"
};

static const struct proc_node cpu_children[] = {
	PROC_FILE("kernel_max", 0444, show_kernel_max), PROC_TEXT("offline", "\n"),
	PROC_FILE("online", 0444, show_cpus),           PROC_FILE("possible", 0444, show_cpus),
	PROC_FILE("present", 0444, show_cpus),          PROC_END,
};
static const struct proc_node system_children[] = {
	{ .name = "cpu", .mode = S_IFDIR | 0555, .children = cpu_children, .list = &cpu_list },
	PROC_END
};
static const struct proc_node devices_children[] = { PROC_DIR("system", 0555, system_children),
						     PROC_END };

/* ---- The firmware's thermometer (driver-api/thermal/sysfs-api.rst) ---- */

static int find_zone(const struct proc_ref *dir, int number, struct proc_ref *child)
{
	(void)dir, (void)child;
	return number == 0 && firmware_get() ? 0 : -ENOENT;
}

static int next_zone(const struct proc_ref *dir, int from)
{
	(void)dir;
	return from == 0 && firmware_get() ? 0 : -1;
}

static int show_temperature(struct seq *s, const struct proc_ref *ref)
{
	int millidegrees, err = firmware_get()->temperature(&millidegrees);

	(void)ref;
	if (!err)
		seq_printf(s, "%d\n", millidegrees);
	return err;
}

static const struct proc_node zone_children[] = {
	PROC_FILE("temp", 0444, show_temperature),
	PROC_TEXT("type", "cpu-thermal\n"),
	PROC_END,
};
static const struct proc_node one_zone = PROC_DIR("thermal_zoneN", 0555, zone_children);
static const struct proc_list zone_list = {
	.node = &one_zone, .lookup = find_zone, .next = next_zone, .word = "thermal_zone"
};
static const struct proc_node class_children[] = {
	{ .name = "thermal", .mode = S_IFDIR | 0555, .list = &zone_list }, PROC_END
};

/* Where cgroup2 is mounted. */
static const struct proc_node no_children[] = { PROC_END };
static const struct proc_node fs_children[] = { PROC_DIR("cgroup", 0555, no_children), PROC_END };

static const struct proc_node sys_children[] = {
	PROC_DIR("class", 0555, class_children), PROC_DIR("devices", 0555, devices_children),
	PROC_DIR("fs", 0555, fs_children), PROC_DIR("kernel", 0555, kernel_children), PROC_END
};

const struct proc_node sys_root = { .name = "/", .mode = S_IFDIR | 0555, .children = sys_children };
