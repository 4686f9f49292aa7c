// SPDX-License-Identifier: MIT
// The top of /proc: what concerns the whole system. Formats as in proc(5).
#include <linux/utsname.h>
#include <asm/unistd.h>

#include "arch/thread.h"
#include "kernel/dt.h"
#include "kernel/firmware.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/irq.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "kernel/syscall.h"
#include "kernel/time.h"
#include "kernel/uts.h"

/* Nanoseconds in units of USER_HZ, 100 a second. */
static uint64_t ticks(uint64_t ns)
{
	return ns / (NSEC_PER_SEC / 100);
}

static int show_version(struct seq *s, const struct proc_ref *ref)
{
	struct new_utsname u;

	(void)ref;
	uts_fill(&u);
	seq_printf(s, "%s version %s %s\n", u.sysname, u.release, u.version);
	return 0;
}

static int show_uptime(struct seq *s, const struct proc_ref *ref)
{
	uint64_t now = ticks(time_now()), idle_sum = 0, busy, idle, cpus = sched_cpus_online();

	(void)ref;
	for (unsigned cpu = 0; cpu < NR_CPUS_MAX; cpu++) {
		if (!(cpus >> cpu & 1))
			continue;
		sched_cpu_times(cpu, &busy, &idle);
		idle_sum += idle;
	}
	idle_sum = ticks(idle_sum);
	seq_printf(s, "%ju.%02u %ju.%02u\n", now / 100, (unsigned)(now % 100), idle_sum / 100,
		   (unsigned)(idle_sum % 100));
	return 0;
}

static int show_loadavg(struct seq *s, const struct proc_ref *ref)
{
	uint64_t load[3];

	(void)ref;
	sched_loadavg(load);
	for (unsigned i = 0; i < 3; i++) {
		uint64_t hundredths = (load[i] * 100 + 32768) >> 16;

		seq_printf(s, "%ju.%02u ", hundredths / 100, (unsigned)(hundredths % 100));
	}
	seq_printf(s, "%u/%u %d\n", sched_running(), task_count(), current()->tid);
	return 0;
}

static void cpu_line(struct seq *s, uint64_t busy, uint64_t idle)
{
	/* The scheduler does not tell user, nice and system time apart: all of it is shown as user
	 * time. */
	seq_printf(s, "%ju 0 0 %ju 0 0 0 0 0 0\n", ticks(busy), ticks(idle));
}

static int show_stat(struct seq *s, const struct proc_ref *ref)
{
	uint64_t cpus = sched_cpus_online(), busy, idle, busy_sum = 0, idle_sum = 0, interrupts = 0;

	(void)ref;
	for (unsigned cpu = 0; cpu < NR_CPUS_MAX; cpu++) {
		if (!(cpus >> cpu & 1))
			continue;
		sched_cpu_times(cpu, &busy, &idle);
		busy_sum += busy;
		idle_sum += idle;
		for (unsigned irq = 0; irq < IRQ_MAX; irq++)
			if (irq_name(irq))
				interrupts += irq_count(irq, cpu);
	}
	seq_puts(s, "cpu  ");
	cpu_line(s, busy_sum, idle_sum);
	for (unsigned cpu = 0; cpu < NR_CPUS_MAX; cpu++) {
		if (!(cpus >> cpu & 1))
			continue;
		sched_cpu_times(cpu, &busy, &idle);
		seq_printf(s, "cpu%u ", cpu);
		cpu_line(s, busy, idle);
	}
	seq_printf(s, "intr %ju\nctxt %ju\nbtime %ju\n", interrupts, sched_switches(),
		   ticks(time_wall() - time_now()) / 100);
	seq_printf(s, "processes %ju\nprocs_running %u\nprocs_blocked 0\n", sched_started(),
		   sched_running());
	return 0;
}

/* Names of the bits of AT_HWCAP that these CPUs may have, in Linux's order. */
static const char *const hwcap_names[] = {
	"fp",      "asimd", "evtstrm", "aes",   "pmull",    "sha1",   "sha2", "crc32",
	"atomics", "fphp",  "asimdhp", "cpuid", "asimdrdm", "jscvt",  "fcma", "lrcpc",
	"dcpop",   "sha3",  "sm3",     "sm4",   "asimddp",  "sha512", "sve",  "asimdfhm",
	"dit",     "uscat", "ilrcpc",  "flagm", "ssbs",     "sb",     "paca", "pacg",
};

static void cpu_identity(struct seq *s, uint32_t midr)
{
	seq_printf(s, "\nCPU implementer\t: 0x%02x\nCPU architecture: 8\n", midr >> 24);
	seq_printf(s, "CPU variant\t: 0x%x\nCPU part\t: 0x%03x\nCPU revision\t: %u\n\n",
		   midr >> 20 & 0xf, midr >> 4 & 0xfff, midr & 0xf);
}

static int show_cpuinfo(struct seq *s, const struct proc_ref *ref)
{
	uint64_t cpus = sched_cpus_online(), cap = arch_hwcap(), mhz2 = hw_counter_hz() * 2 / 10000;
	const struct firmware *f = firmware_get();

	(void)ref;
	for (unsigned cpu = 0; cpu < NR_CPUS_MAX; cpu++) {
		if (!(cpus >> cpu & 1))
			continue;
		seq_printf(s, "processor\t: %u\nBogoMIPS\t: %ju.%02u\nFeatures\t:", cpu, mhz2 / 100,
			   (unsigned)(mhz2 % 100));
		for (unsigned i = 0; i < ARRAY_SIZE(hwcap_names); i++)
			if (cap >> i & 1)
				seq_printf(s, " %s", hwcap_names[i]);
		cpu_identity(s, arch_cpu_midr(cpu));
	}
	if (f)
		seq_printf(s, "Revision\t: %04x\nSerial\t\t: %016jx\nModel\t\t: %s\n", f->revision,
			   f->serial, f->model);
	return 0;
}

static int show_cmdline(struct seq *s, const struct proc_ref *ref)
{
	(void)ref;
	seq_printf(s, "%s\n", dt_cmdline());
	return 0;
}

static int show_interrupts(struct seq *s, const struct proc_ref *ref)
{
	uint64_t cpus = sched_cpus_online();

	(void)ref;
	seq_puts(s, "    ");
	for (unsigned cpu = 0; cpu < NR_CPUS_MAX; cpu++)
		if (cpus >> cpu & 1)
			seq_printf(s, "       CPU%u", cpu);
	seq_puts(s, "\n");
	for (unsigned irq = 0; irq < IRQ_MAX; irq++) {
		if (!irq_name(irq))
			continue;
		seq_printf(s, "%3u:", irq);
		for (unsigned cpu = 0; cpu < NR_CPUS_MAX; cpu++)
			if (cpus >> cpu & 1)
				seq_printf(s, " %10ju", irq_count(irq, cpu));
		seq_printf(s, "     GIC  %s\n", irq_name(irq));
	}
	return 0;
}

/* Calls that were asked for and are not there: number and count. The last line counts numbers
 * beyond the table. */
static int show_unimplemented(struct seq *s, const struct proc_ref *ref)
{
	(void)ref;
	for (unsigned nr = 0; nr < SYSCALL_COUNT; nr++)
		if (syscall_unimplemented(nr))
			seq_printf(s, "%u %ju\n", nr, syscall_unimplemented(nr));
	if (syscall_unimplemented(SYSCALL_COUNT))
		seq_printf(s, "other %ju\n", syscall_unimplemented(SYSCALL_COUNT));
	return 0;
}

static int link_self(const struct proc_ref *ref, char *buf, size_t size)
{
	(void)ref;
	return format(buf, size, "%d", current()->process->pid);
}

static int link_thread_self(const struct proc_ref *ref, char *buf, size_t size)
{
	(void)ref;
	return format(buf, size, "%d/task/%d", current()->process->pid, current()->tid);
}

static int link_mounts(const struct proc_ref *ref, char *buf, size_t size)
{
	(void)ref;
	return (int)string_copy(buf, "self/mounts", size);
}

static const struct proc_node sysvipc_children[] = { PROC_FILE("shm", 0444, show_sysvipc_shm),
						     PROC_END };

static const struct proc_node root_children[] = {
	PROC_FILE("buddyinfo", 0444, show_buddyinfo),
	PROC_FILE("cgroups", 0444, show_cgroups),
	PROC_FILE("cmdline", 0444, show_cmdline),
	PROC_FILE("cpuinfo", 0444, show_cpuinfo),
	PROC_FILE("diskstats", 0444, show_diskstats),
	PROC_FILE("filesystems", 0444, show_filesystems),
	PROC_FILE("interrupts", 0444, show_interrupts),
	{ .name = "latency", .mode = S_IFREG | 0644, .show = show_latency, .store = store_latency },
	PROC_FILE("loadavg", 0444, show_loadavg),
	{ .name = "lock_stat",
	  .mode = S_IFREG | 0644,
	  .show = show_lock_stat,
	  .store = store_lock_stat },
	PROC_FILE("meminfo", 0444, show_meminfo),
	{ .name = "mounts", .mode = S_IFLNK | 0777, .link = link_mounts },
	PROC_FILE("mtd", 0444, show_mtd),
	PROC_FILE("oom_log", 0444, show_oom_log),
	PROC_FILE("partitions", 0444, show_partitions),
	PROC_DIR("pressure", 0555, proc_pressure_children),
	{ .name = "self", .mode = S_IFLNK | 0777, .link = link_self },
	PROC_FILE("slabinfo", 0400, show_slabinfo),
	PROC_FILE("stat", 0444, show_stat),
	PROC_FILE("swaps", 0444, show_swaps),
	{ .name = "swapstore",
	  .mode = S_IFREG | 0644,
	  .show = show_swapstore,
	  .store = store_swapstore },
	PROC_BYTES("swapstore_map", 0444, read_swapstore_map),
	PROC_DIR("sys", 0555, proc_sys_children),
	PROC_DIR("sysvipc", 0555, sysvipc_children),
	{ .name = "thread-self", .mode = S_IFLNK | 0777, .link = link_thread_self },
	PROC_FILE("unimplemented", 0444, show_unimplemented),
	PROC_FILE("uptime", 0444, show_uptime),
	PROC_FILE("version", 0444, show_version),
	PROC_FILE("vmstat", 0444, show_vmstat),
	PROC_FILE("zoneinfo", 0444, show_zoneinfo),
	PROC_END,
};

static int find_process(const struct proc_ref *dir, int pid, struct proc_ref *child)
{
	(void)dir;
	child->process = process_find(pid);
	return child->process ? 0 : -ENOENT;
}

static int next_process(const struct proc_ref *dir, int from)
{
	struct process *p = process_next(from);
	int pid;

	(void)dir;
	if (!p)
		return -1;
	pid = p->pid;
	process_put(p);
	return pid;
}

static const struct proc_list process_list = { .node = &proc_pid_node,
					       .lookup = find_process,
					       .next = next_process };

const struct proc_node proc_root = {
	.name = "/", .mode = S_IFDIR | 0555, .children = root_children, .list = &process_list
};
