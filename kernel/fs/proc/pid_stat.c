// SPDX-License-Identifier: MIT
// /proc/PID/stat, statm, status, limits, oom_score: figures about one process or thread, collected
// first, then written in Linux's formats.
#include <linux/resource.h>

#include "kernel/cred.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/fs/tty.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "mm/aspace.h"
#include "mm/buddy.h"
#include "mm/oom.h"
#include "mm/smaps.h"
#include "mm/swap.h"

#define KB(pages) ((pages) << (PAGE_SHIFT - 10))

/* Nanoseconds in units of USER_HZ, 100 a second. */
static uint64_t ticks(uint64_t ns)
{
	return ns / (NSEC_PER_SEC / 100);
}

struct figures {
	struct task *task; /* a reference */
	struct process *process;
	int ppid, pgid, sid, tty_pgrp;
	devno_t tty;
	unsigned threads;
	struct usage used, children;
	uint64_t minflt, majflt, started;
	/* Signals: pending for the thread, for the process, and masks. */
	uint64_t pending, shared_pending, blocked, ignored, caught;
	/* Memory; all zero when it is gone already. */
	uint64_t total, rss, rss_file, rss_shmem, swapped, tables, huge, locked, data, stack, peak,
		peak_rss;
	virt_addr_t code_start, code_end, data_start, data_end, brk_start, stack_top, arg_start,
		arg_end, env_start, env_end;
};

static void collect_tree(struct figures *f)
{
	struct process *p = f->process;
	struct session *session;

	process_tree_lock();
	f->ppid = p->ppid;
	f->pgid = p->pgid;
	f->sid = p->session->sid;
	f->children = p->used_children;
	session = session_get(p->session);
	process_tree_unlock();
	tty_session_ids(session, &f->tty, &f->tty_pgrp);
	session_put(session);
}

static void collect_signals(struct figures *f)
{
	struct process *p = f->process;
	uint64_t old = spin_lock_irq(&p->signal_lock);

	f->pending = f->task->sig_pending;
	f->shared_pending = p->sig_pending;
	f->blocked = f->task->sig_blocked;
	for (int i = 0; p->sighand && i < SIGNAL_MAX; i++) {
		uint64_t handler = p->sighand->action[i].handler;

		if (handler == (uint64_t)(uintptr_t)SIG_IGN)
			f->ignored |= 1ull << i;
		else if (handler != (uint64_t)(uintptr_t)SIG_DFL)
			f->caught |= 1ull << i;
	}
	spin_unlock_irq(&p->signal_lock, old);
}

static void collect_memory(struct figures *f)
{
	struct aspace *as = process_aspace(f->process);
	struct pmap_usage usage;

	if (!as)
		return;
	/* Single words, read as they are: figures need no lock, and a process that waits for memory
	 * does not hold up ps(1). */
	pmap_usage(&as->pmap, &usage);
	f->total = as->total_pages;
	f->peak = MAX(as->peak_pages, f->total);
	f->rss = usage.present;
	f->rss_file = MIN(usage.file, usage.present);
	f->swapped = usage.swapped;
	f->tables = usage.tables;
	f->huge = usage.huge;
	f->locked = as->locked_pages;
	f->data = as->data_pages;
	f->stack = as->stack_pages;
	f->peak_rss = MAX(as->peak_rss, f->rss);
	f->code_start = as->code_start;
	f->code_end = as->code_end;
	f->data_start = as->data_start;
	f->data_end = as->data_end;
	f->brk_start = as->brk_start;
	f->stack_top = as->stack_top;
	f->arg_start = as->arg_start;
	f->arg_end = as->arg_end;
	f->env_start = as->env_start;
	f->env_end = as->env_end;
	aspace_put(as);
}

/* Of the files' pages those of files in memory, as Linux tells them apart. For that areas must be
 * looked at: where the process holds them, waiting for memory perhaps, all count as of disks. */
static void collect_shmem(struct figures *f)
{
	struct aspace *as = process_aspace(f->process);

	if (!as)
		return;
	if (mutex_trylock(&as->mutex)) {
		f->rss_shmem = MIN(aspace_shmem(as), f->rss_file);
		mutex_unlock(&as->mutex);
	}
	aspace_put(as);
}

/* 0 with a reference in f->task, or -ESRCH. */
static int collect(const struct proc_ref *ref, struct figures *f)
{
	*f = (struct figures){ .process = ref->process, .task = proc_task(ref) };
	if (!f->task)
		return -ESRCH;
	collect_tree(f);
	collect_signals(f);
	collect_memory(f);
	f->threads = READ_ONCE(f->process->nr_threads);
	if (ref->task) {
		usage_add_cpu(&f->used, f->task);
		f->minflt = f->task->minflt;
		f->majflt = f->task->majflt;
		f->started = f->task->start_time;
	} else {
		process_usage(f->process, &f->used);
		f->minflt = f->used.minflt;
		f->majflt = f->used.majflt;
		f->started = f->process->start_time;
	}
	return 0;
}

static bool is_rt_policy(int policy)
{
	return policy == SCHED_FIFO || policy == SCHED_RR;
}

int show_pid_stat(struct seq *s, const struct proc_ref *ref)
{
	struct figures f;
	struct task *t;
	int err = collect(ref, &f), priority;

	if (err)
		return err;
	t = f.task;
	priority = is_rt_policy(t->sched.policy) ? -1 - t->sched.rt_priority : 20 + t->sched.nice;
	seq_printf(s, "%d (%s) %c %d %d %d %d %d 0 %ju %ju %ju %ju ", t->tid, t->name,
		   task_state_letter(t), f.ppid, f.pgid, f.sid, (int)DEVNO_USER(f.tty),
		   f.tty ? f.tty_pgrp : -1, f.minflt, f.children.minflt, f.majflt,
		   f.children.majflt);
	seq_printf(s, "%ju %ju %ju %ju %d %d %u 0 %ju %ju %ju %ju ", ticks(f.used.user),
		   ticks(usage_system(&f.used)), ticks(f.children.user),
		   ticks(usage_system(&f.children)), priority, t->sched.nice, f.threads,
		   ticks(f.started), f.total << PAGE_SHIFT, f.rss,
		   (uint64_t)f.process->limits[RLIMIT_RSS].rlim_cur);
	seq_printf(s, "%ju %ju %ju 0 0 %ju %ju %ju %ju 0 0 0 %d %d %d %d %ju 0 0 ",
		   (uint64_t)f.code_start, (uint64_t)f.code_end, (uint64_t)f.stack_top,
		   f.pending & INT32_MAX, f.blocked & INT32_MAX, f.ignored & INT32_MAX,
		   f.caught & INT32_MAX, f.process->exit_signal, t->sched.cpu, t->sched.rt_priority,
		   t->sched.policy, ticks(READ_ONCE(t->sched.io_ns)));
	seq_printf(s, "%ju %ju %ju %ju %ju %ju %ju %d\n", (uint64_t)f.data_start,
		   (uint64_t)f.data_end, (uint64_t)f.brk_start, (uint64_t)f.arg_start,
		   (uint64_t)f.arg_end, (uint64_t)f.env_start, (uint64_t)f.env_end, t->exit_status);
	task_put(t);
	return 0;
}

/* A line of Linux's /proc/PID/sched: a time in milliseconds. */
static void seq_sched_time(struct seq *s, const char *name, uint64_t ns)
{
	seq_printf(s, "%-45s:%14ju.%06u\n", name, (uintmax_t)(ns / NSEC_PER_MSEC),
		   (unsigned)(ns % NSEC_PER_MSEC));
}

/* Of Linux's lines those that are kept, and what the thread lost waiting for memory. */
int show_pid_sched(struct seq *s, const struct proc_ref *ref)
{
	struct figures f;
	const struct sched *sched;
	int err = collect(ref, &f);

	if (err)
		return err;
	sched = &f.task->sched;
	seq_printf(s, "%s (%d, #threads: %u)\n", f.task->name, f.task->tid, f.threads);
	seq_sched_time(s, "iowait_sum", READ_ONCE(sched->io_ns));
	seq_sched_time(s, "memory_wait_sum", READ_ONCE(sched->memory_ns));
	seq_printf(s, "%-45s:%21d\n%-45s:%21d\n", "policy", sched->policy, "prio",
		   is_rt_policy(sched->policy) ? 99 - sched->rt_priority : 120 + sched->nice);
	task_put(f.task);
	return 0;
}

static uint64_t code_pages(const struct figures *f)
{
	return (ALIGN_UP(f->code_end, PAGE_SIZE) - ALIGN_DOWN(f->code_start, PAGE_SIZE)) >>
	       PAGE_SHIFT;
}

int show_pid_statm(struct seq *s, const struct proc_ref *ref)
{
	struct figures f;
	int err = collect(ref, &f);

	if (err)
		return err;
	seq_printf(s, "%ju %ju %ju %ju 0 %ju 0\n", f.total, f.rss, f.rss_file, code_pages(&f),
		   f.data + f.stack);
	task_put(f.task);
	return 0;
}

static const char *state_name(char letter)
{
	switch (letter) {
	case 'R': return "R (running)";
	case 'S': return "S (sleeping)";
	case 'D': return "D (disk sleep)";
	case 'T': return "T (stopped)";
	case 'Z': return "Z (zombie)";
	default: return "X (dead)";
	}
}

static void status_ids(struct seq *s, const struct figures *f)
{
	struct cred *c = cred_of_task(f->task);
	struct files *files = process_files(f->process);

	seq_printf(s, "Tgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t0\n", f->process->pid,
		   f->task->tid, f->ppid);
	if (c) {
		seq_printf(s, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\n", c->uid, c->euid,
			   c->suid, c->fsuid, c->gid, c->egid, c->sgid, c->fsgid);
		seq_printf(s, "FDSize:\t%u\nGroups:\t", files ? files_table_size(files) : 0);
		for (uint32_t i = 0; i < c->ngroups; i++)
			seq_printf(s, "%u ", c->groups[i]);
		seq_puts(s, "\n");
		cred_put(c);
	}
	if (files)
		files_put(files);
}

static void status_rights(struct seq *s, struct task *t)
{
	struct cred *c = cred_of_task(t);

	seq_printf(s, "CapInh:\t%016jx\nCapPrm:\t%016jx\nCapEff:\t%016jx\n", c->caps.inheritable,
		   c->caps.permitted, c->caps.effective);
	seq_printf(s, "CapBnd:\t%016jx\nCapAmb:\t%016jx\nNoNewPrivs:\t%d\n", c->caps.bounding,
		   c->caps.ambient, t->no_new_privs);
	cred_put(c);
}

static void status_memory(struct seq *s, const struct figures *f)
{
	if (!f->total)
		return;
	seq_printf(s, "VmPeak:\t%8ju kB\nVmSize:\t%8ju kB\nVmLck:\t%8ju kB\n", KB(f->peak),
		   KB(f->total), KB(f->locked));
	seq_printf(s, "VmHWM:\t%8ju kB\nVmRSS:\t%8ju kB\n", KB(f->peak_rss), KB(f->rss));
	seq_printf(s, "RssAnon:\t%8ju kB\nRssFile:\t%8ju kB\nRssShmem:\t%8ju kB\n",
		   KB(f->rss - f->rss_file), KB(f->rss_file - f->rss_shmem), KB(f->rss_shmem));
	seq_printf(s, "VmData:\t%8ju kB\nVmStk:\t%8ju kB\nVmExe:\t%8ju kB\n", KB(f->data),
		   KB(f->stack), KB(code_pages(f)));
	seq_printf(s, "VmPTE:\t%8ju kB\nVmSwap:\t%8ju kB\nHugetlbPages:\t%8ju kB\n", KB(f->tables),
		   KB(f->swapped), KB(f->huge));
}

int show_pid_status(struct seq *s, const struct proc_ref *ref)
{
	struct figures f;
	struct fs_context *c;
	int err = collect(ref, &f);

	if (err)
		return err;
	collect_shmem(&f);
	seq_puts(s, "Name:\t");
	seq_escaped(s, f.task->name, "\n\\");
	c = process_fs(f.process);
	if (c) {
		seq_printf(s, "\nUmask:\t%04o", c->umask);
		fs_context_put(c);
	}
	seq_printf(s, "\nState:\t%s\n", state_name(task_state_letter(f.task)));
	status_ids(s, &f);
	status_memory(s, &f);
	seq_printf(s, "Threads:\t%u\n", f.threads);
	seq_printf(s, "SigPnd:\t%016jx\nShdPnd:\t%016jx\nSigBlk:\t%016jx\n", f.pending,
		   f.shared_pending, f.blocked);
	seq_printf(s, "SigIgn:\t%016jx\nSigCgt:\t%016jx\n", f.ignored, f.caught);
	status_rights(s, f.task);
	seq_printf(s, "Cpus_allowed:\t%jx\nCpus_allowed_list:\t",
		   f.task->sched.affinity & sched_cpus_online());
	seq_cpu_list(s, f.task->sched.affinity & sched_cpus_online());
	seq_puts(s, "\nMems_allowed:\t1\nMems_allowed_list:\t0\n");
	seq_printf(s, "NofaultFaults:\t%ju\n", f.task->nofault_faults);
	task_put(f.task);
	return 0;
}

static const struct {
	const char *name, *unit;
} limit_names[RLIM_NLIMITS] = {
	[RLIMIT_CPU] = { "Max cpu time", "seconds" },
	[RLIMIT_FSIZE] = { "Max file size", "bytes" },
	[RLIMIT_DATA] = { "Max data size", "bytes" },
	[RLIMIT_STACK] = { "Max stack size", "bytes" },
	[RLIMIT_CORE] = { "Max core file size", "bytes" },
	[RLIMIT_RSS] = { "Max resident set", "bytes" },
	[RLIMIT_NPROC] = { "Max processes", "processes" },
	[RLIMIT_NOFILE] = { "Max open files", "files" },
	[RLIMIT_MEMLOCK] = { "Max locked memory", "bytes" },
	[RLIMIT_AS] = { "Max address space", "bytes" },
	[RLIMIT_LOCKS] = { "Max file locks", "locks" },
	[RLIMIT_SIGPENDING] = { "Max pending signals", "signals" },
	[RLIMIT_MSGQUEUE] = { "Max msgqueue size", "bytes" },
	[RLIMIT_NICE] = { "Max nice priority", "" },
	[RLIMIT_RTPRIO] = { "Max realtime priority", "" },
	[RLIMIT_RTTIME] = { "Max realtime timeout", "us" },
};

static void seq_limit(struct seq *s, uint64_t v)
{
	if (v == RLIM64_INFINITY)
		seq_printf(s, " %-20s", "unlimited");
	else
		seq_printf(s, " %-20ju", v);
}

int show_pid_limits(struct seq *s, const struct proc_ref *ref)
{
	seq_printf(s, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
	for (unsigned i = 0; i < RLIM_NLIMITS; i++) {
		struct rlimit64 l;

		spin_lock(&ref->process->lock);
		l = ref->process->limits[i];
		spin_unlock(&ref->process->lock);
		seq_printf(s, "%-25s", limit_names[i].name);
		seq_limit(s, l.rlim_cur);
		seq_limit(s, l.rlim_max);
		seq_printf(s, " %-10s\n", limit_names[i].unit);
	}
	return 0;
}

/* Linux's measure: memory in use per mille of all there is, moved by the adjustment, and then
 * mapped from -1000..1000 to 0..1333. */
int show_oom_score(struct seq *s, const struct proc_ref *ref)
{
	struct swap_stats swap;
	struct figures f;
	int64_t points, total, adj = READ_ONCE(ref->process->oom_score_adj);
	int err = collect(ref, &f);

	if (err)
		return err;
	task_put(f.task);
	swap_stats(&swap);
	total = (int64_t)(frames_total() + swap.slots_total);
	points = (int64_t)(f.rss + f.swapped + f.tables) + adj * total / 1000;
	points = (1000 + points * 1000 / total) * 2 / 3;
	seq_printf(s, "%jd\n", points < 0 || oom_spares(ref->process) ? 0 : points);
	return 0;
}
