// SPDX-License-Identifier: MIT
/*
 * /sys: what C libraries and lscpu(1) ask about CPUs there (sysfs-devices-system-cpu in Linux's ABI documentation). Nothing else of sysfs
 * exists; the tables work as /proc's.
 */
#include "kernel/fs/proc/proc.h"
#include "kernel/sched.h"

/* CPUs neither come nor go: those that started are all that are possible. */
static int show_cpus(struct seq *s, const struct proc_ref *ref)
{
	(void)ref;
	seq_cpu_list(s, sched_cpus_online());
	seq_puts(s, "\n");
	return 0;
}

static int show_no_cpus(struct seq *s, const struct proc_ref *ref)
{
	(void)ref;
	seq_puts(s, "\n");
	return 0;
}

static int show_kernel_max(struct seq *s, const struct proc_ref *ref)
{
	(void)ref;
	seq_printf(s, "%u\n", NR_CPUS_MAX - 1);
	return 0;
}

static const struct proc_node cpu_children[] = {
	PROC_FILE("kernel_max", 0444, show_kernel_max), PROC_FILE("offline", 0444, show_no_cpus),
	PROC_FILE("online", 0444, show_cpus),           PROC_FILE("possible", 0444, show_cpus),
	PROC_FILE("present", 0444, show_cpus),          PROC_END,
};
static const struct proc_node system_children[] = { PROC_DIR("cpu", 0555, cpu_children), PROC_END };
static const struct proc_node devices_children[] = { PROC_DIR("system", 0555, system_children),
						     PROC_END };
static const struct proc_node sys_children[] = { PROC_DIR("devices", 0555, devices_children),
						 PROC_END };

const struct proc_node sys_root = { .name = "/", .mode = S_IFDIR | 0555, .children = sys_children };
