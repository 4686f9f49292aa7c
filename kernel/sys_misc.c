// SPDX-License-Identifier: MIT
// System calls about the machine as a whole: names, memory, random numbers, the log, the end.
#include <linux/random.h>
#include <linux/reboot.h>
#include <linux/sysinfo.h>
#include <linux/utsname.h>

#include "arch/thread.h"
#include "kernel/driver.h"
#include "kernel/errno.h"
#include "kernel/fs/file.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "kernel/process.h"
#include "kernel/random.h"
#include "kernel/sched.h"
#include "kernel/syscall.h"
#include "kernel/uts.h"
#include "mm/buddy.h"
#include "mm/object.h"
#include "mm/slab.h"
#include "mm/swap.h"
#include "mm/usercopy.h"

/* ---- Names ---- */

static struct spinlock names_lock;
static char host_name[__NEW_UTS_LEN + 1] = "granule";
static char domain_name[__NEW_UTS_LEN + 1] = "(none)";

void uts_fill(struct new_utsname *u)
{
	memset(u, 0, sizeof(*u));
	string_copy(u->sysname, UTS_SYSNAME, sizeof(u->sysname));
	string_copy(u->release, UTS_RELEASE, sizeof(u->release));
	string_copy(u->version, UTS_VERSION, sizeof(u->version));
	string_copy(u->machine, "aarch64", sizeof(u->machine));
	spin_lock(&names_lock);
	string_copy(u->nodename, host_name, sizeof(u->nodename));
	string_copy(u->domainname, domain_name, sizeof(u->domainname));
	spin_unlock(&names_lock);
}

void uts_set_hostname(const char *name, size_t n)
{
	n = MIN(n, sizeof(host_name) - 1);
	spin_lock(&names_lock);
	memset(host_name, 0, sizeof(host_name));
	memcpy(host_name, name, n);
	spin_unlock(&names_lock);
}

SYSCALL(uname)
{
	struct new_utsname u;

	uts_fill(&u);
	return copy_to_user(args[0], &u, sizeof(u));
}

static int64_t set_uts_name(char *dst, const uint64_t *args)
{
	char name[__NEW_UTS_LEN + 1] = { 0 };

	if (!current_capable(CAP_SYS_ADMIN))
		return -EPERM;
	if ((uint32_t)args[1] > __NEW_UTS_LEN)
		return -EINVAL;
	if (copy_from_user(name, args[0], (uint32_t)args[1]) < 0)
		return -EFAULT;
	spin_lock(&names_lock);
	memcpy(dst, name, sizeof(name));
	spin_unlock(&names_lock);
	return 0;
}

SYSCALL(sethostname)
{
	return set_uts_name(host_name, args);
}

SYSCALL(setdomainname)
{
	return set_uts_name(domain_name, args);
}

/* ---- Memory and load ---- */

SYSCALL(sysinfo)
{
	struct sysinfo s = { .mem_unit = 1 };
	struct swap_stats swap;
	struct object_stats caches;
	uint64_t load[3];

	swap_stats(&swap);
	object_stats(&caches);
	sched_loadavg(load);
	s.uptime = (long)(time_now() / NSEC_PER_SEC);
	for (int i = 0; i < 3; i++)
		s.loads[i] = load[i];
	s.totalram = (uint64_t)frames_total() * PAGE_SIZE;
	s.freeram = (uint64_t)frames_free() * PAGE_SIZE;
	s.sharedram = (uint64_t)caches.shmem * PAGE_SIZE; /* as meminfo's Shmem */
	s.totalswap = swap.slots_total * PAGE_SIZE;
	s.freeswap = (swap.slots_total - swap.slots_used) * PAGE_SIZE;
	s.procs = (unsigned short)MIN(task_count(), (uint32_t)UINT16_MAX);
	return copy_to_user(args[0], &s, sizeof(s));
}

/* ---- getrandom(2) ---- */

SYSCALL(getrandom)
{
	uint8_t buf[256];
	uint64_t n = MIN(args[1], (uint64_t)INT32_MAX), done = 0;
	unsigned flags = (unsigned)args[2];

	if (flags & ~(unsigned)(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE))
		return -EINVAL;
	if ((flags & (GRND_RANDOM | GRND_INSECURE)) == (GRND_RANDOM | GRND_INSECURE))
		return -EINVAL;
	while (done < n) {
		size_t step = MIN(n - done, sizeof(buf)), left;

		random_bytes(buf, step);
		left = copy_to_user_some(args[0] + done, buf, step);
		done += step - left;
		if (left)
			return done ? (int64_t)done : -EFAULT;
		if (signal_pending() && done < n)
			break;
	}
	return (int64_t)done;
}

/* ---- syslog(2): the kernel's log ---- */

enum {
	SYSLOG_CLOSE,
	SYSLOG_OPEN,
	SYSLOG_READ,
	SYSLOG_READ_ALL,
	SYSLOG_READ_CLEAR,
	SYSLOG_CLEAR,
	SYSLOG_CONSOLE_OFF,
	SYSLOG_CONSOLE_ON,
	SYSLOG_CONSOLE_LEVEL,
	SYSLOG_SIZE_UNREAD,
	SYSLOG_SIZE_BUFFER
};

static uint64_t read_seq;  /* where SYSLOG_READ goes on; one reader's business (klogd) */
static uint64_t clear_seq; /* READ_ALL begins behind what was cleared */

/* Whole lines from *seq on into the user's buffer, as many as fit. Bytes, or negative errno. */
static int64_t copy_lines(uint64_t *seq, virt_addr_t dst, uint64_t size)
{
	char line[LOG_LINE_MAX];
	uint64_t next = *seq, done = 0;
	int n;

	while ((n = log_read(&next, line, sizeof(line))) > 0 && done + (uint64_t)n <= size) {
		if (copy_to_user(dst + done, line, (size_t)n) < 0)
			return done ? (int64_t)done : -EFAULT;
		done += (uint64_t)n;
		*seq = next;
	}
	return (int64_t)done;
}

/* The last lines of the log that fit: older ones are skipped by a first pass that only adds
 * lengths. */
static int64_t read_all(virt_addr_t dst, uint64_t size, bool clear)
{
	char line[LOG_LINE_MAX];
	uint64_t seq = clear_seq, total = 0, skip = clear_seq;
	int64_t done;
	int n;

	while ((n = log_read(&seq, line, sizeof(line))) > 0)
		total += (uint64_t)n;
	seq = skip;
	while (total > size && (n = log_read(&seq, line, sizeof(line))) > 0) {
		total -= (uint64_t)n;
		skip = seq;
	}
	done = copy_lines(&skip, dst, size);
	if (clear && done >= 0)
		clear_seq = log_end();
	return done;
}

static int64_t read_new(virt_addr_t dst, uint64_t size)
{
	int64_t n = copy_lines(&read_seq, dst, size);

	while (n == 0 && size >= LOG_LINE_MAX) {
		if (log_wait(read_seq) < 0)
			return -ERESTART;
		n = copy_lines(&read_seq, dst, size);
	}
	return n;
}

SYSCALL(syslog)
{
	int what = (int)args[0];
	int64_t size = (int)args[2];

	if (what != SYSLOG_READ_ALL && what != SYSLOG_SIZE_BUFFER && !current_capable(CAP_SYSLOG))
		return -EPERM;
	if (what >= SYSLOG_READ && what <= SYSLOG_READ_CLEAR && (!args[1] || size < 0))
		return -EINVAL;
	switch (what) {
	case SYSLOG_CLOSE:
	case SYSLOG_OPEN: return 0;
	case SYSLOG_READ: return read_new(args[1], (uint64_t)size);
	case SYSLOG_READ_ALL:
	case SYSLOG_READ_CLEAR: return read_all(args[1], (uint64_t)size, what == SYSLOG_READ_CLEAR);
	case SYSLOG_CLEAR: clear_seq = log_end(); return 0;
	case SYSLOG_CONSOLE_LEVEL:
		if (size < 1 || size > 8)
			return -EINVAL;
		log_set_level((unsigned)size);
		return 0;
	case SYSLOG_SIZE_BUFFER: return LOG_RING_SIZE;
	default: return -EINVAL;
	}
}

/* ---- reboot(2) ---- */

SYSCALL(reboot)
{
	uint32_t magic2 = (uint32_t)args[1];

	if (!current_capable(CAP_SYS_BOOT))
		return -EPERM;
	if ((uint32_t)args[0] != LINUX_REBOOT_MAGIC1 ||
	    (magic2 != LINUX_REBOOT_MAGIC2 && magic2 != LINUX_REBOOT_MAGIC2A &&
	     magic2 != LINUX_REBOOT_MAGIC2B && magic2 != LINUX_REBOOT_MAGIC2C))
		return -EINVAL;
	switch ((uint32_t)args[2]) {
	case LINUX_REBOOT_CMD_RESTART:
	case LINUX_REBOOT_CMD_RESTART2:
		log_info("restarting");
		fs_sync();
		log_flush();
		machine_reset();
	case LINUX_REBOOT_CMD_HALT:
	case LINUX_REBOOT_CMD_POWER_OFF:
		log_info("powering off");
		fs_sync();
		log_flush();
		machine_off(0);
	case LINUX_REBOOT_CMD_CAD_ON: /* no key combination reaches the kernel: on or off, nothing
					 happens */
	case LINUX_REBOOT_CMD_CAD_OFF: return 0;
	default: return -EINVAL;
	}
}
