// SPDX-License-Identifier: MIT
/*
 * /proc as tables: a struct proc_node describes one kind of file; a struct proc_ref says whose
 * (which process, thread or descriptor). Text is made when a file is read at position 0, whole,
 * into a buffer that grows until it fits; later reads of that open file get the rest of the same
 * text.
 */
#ifndef KERNEL_FS_PROC_PROC_H
#define KERNEL_FS_PROC_PROC_H

#include "kernel/fs/internal.h"

struct area;
struct aspace;
struct process;
struct task;

/* Text being made. What does not fit is counted as overflow; the caller then tries again with more
 * room. */
struct seq {
	char *buf;
	size_t size, len;
	bool overflow;
};

void seq_printf(struct seq *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
void seq_puts(struct seq *s, const char *text);
void seq_write(struct seq *s, const void *bytes, size_t n);
/* A set of CPUs as a list, "0-3" or "0,2-3", without a newline. */
void seq_cpu_list(struct seq *s, uint64_t cpus);
/* As Linux writes names and paths: newline (and what else is in special) as \ooo. */
void seq_escaped(struct seq *s, const char *text, const char *special);

struct proc_ref {
	const struct proc_node *node;
	struct process *process; /* a reference, or NULL */
	struct task *task;       /* below /proc/PID/task: a reference, or NULL */
	struct cgroup *cgroup;   /* of a cgroup2 file system: a reference, or NULL */
	struct cred *opener;     /* of it, while one of its files is written: by whose rights */
	int number;              /* descriptor, below fd; CPU, below cpuN */
};

/* Children that are numbers, behind a word or not: "17", "cpu3". */
struct proc_list {
	const struct proc_node *node; /* what they are */
	/* Fills child's process, task, number (references); 0 or -ENOENT. */
	int (*lookup)(const struct proc_ref *dir, int number, struct proc_ref *child);
	/* The smallest number >= from that is there, or -1. */
	int (*next)(const struct proc_ref *dir, int from);
	const char *word; /* or NULL */
	/* In place of lookup and next, children with names of their own, which users make and
	 * remove: */
	int (*find)(const struct proc_ref *dir, const struct name *name, struct proc_ref *child);
	/* The first child with a key >= *key, and that. False: there is none. */
	bool (*each)(const struct proc_ref *dir, uint64_t *key, struct proc_ref *child,
		     const char **name);
	int (*make)(const struct proc_ref *dir, const struct name *name, uint32_t mode,
		    struct proc_ref *child);
	int (*remove)(const struct proc_ref *child);
};

/* What a regular file has: show, text, read or files. */
enum proc_how { PROC_SHOWN, PROC_SAME, PROC_READ, PROC_OPENED };

/* The type in mode says which of each union; there are many nodes. A directory may have both
 * children and a list: static ones first. */
struct proc_node {
	const char *name;
	uint32_t mode;
	uint8_t how;   /* enum proc_how */
	uint8_t kind;  /* of a group's: which have it, what it tells of (cgroup.c) */
	uint16_t data; /* for show and store */
	union {
		/* Makes the text. May sleep; may not allocate in proportion to anything. Negative
		 * errno when there is none (-ESRCH: the process is gone). */
		int (*show)(struct seq *s, const struct proc_ref *ref);
		const char *text; /* always the same */
		/* In place of text: reads at io->pos, as file_ops has it. 0 at the end. */
		int64_t (*read)(const struct proc_ref *ref, struct io *io);
		const struct file_ops *files; /* of what is opened */
		/* The text of a symbolic link: length or -errno. NULL: of the path it leads to. */
		int (*link)(const struct proc_ref *ref, char *buf, size_t size);
		const struct proc_node *children; /* ended by an entry without name */
	};
	union {
		/* Takes a whole write, terminated. 0 or negative errno. */
		int (*store)(const struct proc_ref *ref, char *text, size_t n);
		/* Where a link leads, with references; NULL: by its text. */
		int (*follow)(const struct proc_ref *ref, struct path *to);
		const struct proc_list *list;
	};
};

#define PROC_END                                                                                   \
	{                                                                                          \
		.name = NULL                                                                       \
	}
#define PROC_DIR(n, m, kids)                                                                       \
	{                                                                                          \
		.name = (n), .mode = S_IFDIR | (m), .children = (kids)                             \
	}
#define PROC_FILE(n, m, fn)                                                                        \
	{                                                                                          \
		.name = (n), .mode = S_IFREG | (m), .show = (fn)                                   \
	}
#define PROC_TEXT(n, t)                                                                            \
	{                                                                                          \
		.name = (n), .mode = S_IFREG | 0444, .how = PROC_SAME, .text = (t)                 \
	}
#define PROC_BYTES(n, m, fn)                                                                       \
	{                                                                                          \
		.name = (n), .mode = S_IFREG | (m), .how = PROC_READ, .read = (fn)                 \
	}
#define PROC_OPS(n, m, ops)                                                                        \
	{                                                                                          \
		.name = (n), .mode = S_IFREG | (m), .how = PROC_OPENED, .files = (ops)             \
	}

extern const struct proc_node proc_root, sys_root, proc_cgroup_node;
/* The process of i, the directory /proc/PID, with a reference; NULL: i is something else. */
struct process *proc_dir_process(const struct inode *i);
extern const struct proc_node proc_sys_children[];
extern const struct proc_node proc_pid_node; /* /proc/PID */
extern const struct proc_list proc_fd_list, proc_fdinfo_list, proc_task_list;

/* 0, or -EACCES when the running task may not look into the process. */
int proc_may_inspect(const struct proc_ref *ref);
/* Space around it goes. */
char *proc_strip(char *text);
/* Text is a whole number as C writes it, 0x10 and 010 too, or with a sign, and space around it: 0,
 * -EINVAL, -ERANGE: beyond 63 bits. */
int proc_parse_int(char *text, int64_t *value);

/* sys.c: numbers of pages of 2 MB in the pool (mm/huge.h), in /proc/sys/vm and /sys; the total and
 * what there may be more are settings. */
int show_huge(struct seq *s, const struct proc_ref *ref);
int store_huge(const struct proc_ref *ref, char *text, size_t n);
#define HUGE_FIGURE(n, field)                                                                      \
	{                                                                                          \
		.name = (n), .mode = S_IFREG | 0444, .data = offsetof(struct huge_stats, field),   \
		.show = show_huge                                                                  \
	}
#define HUGE_SETTING(n, field)                                                                     \
	{                                                                                          \
		.name = (n), .mode = S_IFREG | 0644, .data = offsetof(struct huge_stats, field),   \
		.show = show_huge, .store = store_huge                                             \
	}
/* root.c and mem.c */
int show_meminfo(struct seq *s, const struct proc_ref *ref);
int show_vmstat(struct seq *s, const struct proc_ref *ref);
int show_buddyinfo(struct seq *s, const struct proc_ref *ref);
int show_slabinfo(struct seq *s, const struct proc_ref *ref);
int show_oom_log(struct seq *s, const struct proc_ref *ref);
int show_swaps(struct seq *s, const struct proc_ref *ref);
/* flash.c */
int show_mtd(struct seq *s, const struct proc_ref *ref);
int show_swapstore(struct seq *s, const struct proc_ref *ref);
int store_swapstore(const struct proc_ref *ref, char *text, size_t n);
int64_t read_swapstore_map(const struct proc_ref *ref, struct io *io);
int show_swap_budget(struct seq *s, const struct proc_ref *ref);
int store_swap_budget(const struct proc_ref *ref, char *text, size_t n);
/* disk.c */
int show_partitions(struct seq *s, const struct proc_ref *ref);
int show_diskstats(struct seq *s, const struct proc_ref *ref);
/* pid_stat.c */
int show_pid_stat(struct seq *s, const struct proc_ref *ref);
int show_pid_sched(struct seq *s, const struct proc_ref *ref);
int show_pid_statm(struct seq *s, const struct proc_ref *ref);
int show_pid_status(struct seq *s, const struct proc_ref *ref);
int show_pid_limits(struct seq *s, const struct proc_ref *ref);
int show_oom_score(struct seq *s, const struct proc_ref *ref);
/* pid_mem.c */
int show_pid_maps(struct seq *s, const struct proc_ref *ref);
int show_pid_cmdline(struct seq *s, const struct proc_ref *ref);
int show_pid_environ(struct seq *s, const struct proc_ref *ref);
int show_pid_auxv(struct seq *s, const struct proc_ref *ref);
/* The address space of ref's process with a reference, if the caller may look (or need not ask);
 * NULL with *err (0: it has none any more, which reads as empty). */
struct aspace *proc_space(const struct proc_ref *ref, bool inspect, int *err);
/* An area's line of maps; name: PATH_MAX bytes to work with. Aspace mutex. */
typedef void seq_area_t(struct seq *s, const struct area *a, char *name);
seq_area_t seq_area;
/* show for each area of ref's process. 0, or -errno. May sleep. */
int seq_areas(struct seq *s, const struct proc_ref *ref, seq_area_t *show);
int proc_exe_path(const struct proc_ref *ref, struct path *to);
/* pid_smaps.c */
int show_pid_smaps(struct seq *s, const struct proc_ref *ref);
int show_pid_smaps_rollup(struct seq *s, const struct proc_ref *ref);
int64_t read_pid_pagemap(const struct proc_ref *ref, struct io *io);
/* zoneinfo.c */
int show_zoneinfo(struct seq *s, const struct proc_ref *ref);
/* ipc.c */
int show_sysvipc_shm(struct seq *s, const struct proc_ref *ref);
/* pressure.c */
extern const struct proc_node proc_pressure_children[];
extern const struct file_ops proc_pressure_ops; /* a node's data: enum psi_resource */
/* mounts.c */
int show_mounts(struct seq *s, const struct proc_ref *ref);
int show_mountinfo(struct seq *s, const struct proc_ref *ref);
int show_filesystems(struct seq *s, const struct proc_ref *ref);

/* What an open file of /proc is. */
const struct proc_ref *proc_ref_of(const struct file *f);

/* cgroup.c */
int show_pid_cgroup(struct seq *s, const struct proc_ref *ref);
int show_cgroups(struct seq *s, const struct proc_ref *ref);

/* The task that ref is about: the thread, or the process's leader; a reference. NULL: gone. */
struct task *proc_task(const struct proc_ref *ref);

/* latency.c */
int show_latency(struct seq *s, const struct proc_ref *ref);
int store_latency(const struct proc_ref *ref, char *text, size_t n);
/* text is "0", from who may: forget(). 0, -EINVAL, -EPERM. */
int proc_store_reset(char *text, void (*forget)(void));
/* lock_stat.c */
int show_lock_stat(struct seq *s, const struct proc_ref *ref);
int store_lock_stat(const struct proc_ref *ref, char *text, size_t n);
int show_latency_sample(struct seq *s, const struct proc_ref *ref);
int store_latency_sample(const struct proc_ref *ref, char *text, size_t n);
/* sys_vm.c */
int show_vm_number(struct seq *s, const struct proc_ref *ref);
int store_vm_number(const struct proc_ref *ref, char *text, size_t n);
/* A number from least to most out of text, from who may change settings. 0, -EPERM, -EINVAL. */
int parse_setting(char *text, int64_t least, int64_t most, int64_t *value);

#endif
