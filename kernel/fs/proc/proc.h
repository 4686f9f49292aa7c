// SPDX-License-Identifier: MIT
/*
 * /proc as tables: a struct proc_node describes one kind of file; a struct proc_ref says whose (which process, thread or descriptor). Text is
 * made when a file is read at position 0, whole, into a buffer that grows until it fits; later reads of that open file get the rest of the same text.
 */
#ifndef KERNEL_FS_PROC_PROC_H
#define KERNEL_FS_PROC_PROC_H

#include "kernel/fs/internal.h"

struct area;
struct aspace;
struct process;
struct task;

/* Text being made. What does not fit is counted as overflow; the caller then tries again with more room. */
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
};

/* Exactly one of show, read, link or follow, children or list (both: static ones first) is set. */
struct proc_node {
	const char *name;
	uint32_t mode;
	/* Makes the text. May sleep; may not allocate in proportion to anything. Negative errno when there is none (-ESRCH: the process is gone). */
	int (*show)(struct seq *s, const struct proc_ref *ref);
	/* In place of text: reads at io->pos, as file_ops has it. 0 at the end. */
	int64_t (*read)(const struct proc_ref *ref, struct io *io);
	/* Takes a whole write, terminated. 0 or negative errno. */
	int (*store)(const struct proc_ref *ref, char *text, size_t n);
	/* The text of a symbolic link: length or -errno. */
	int (*link)(const struct proc_ref *ref, char *buf, size_t size);
	/* Where a link leads, with references; NULL: by its text. */
	int (*follow)(const struct proc_ref *ref, struct path *to);
	const struct proc_node *children; /* ended by an entry without name */
	const struct proc_list *list;
	bool (*hidden)(const struct proc_ref *dir); /* not there just now; NULL: always there */
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

extern const struct proc_node proc_root, sys_root;
/* The process of i, the directory /proc/PID, with a reference; NULL: i is something else. */
struct process *proc_dir_process(const struct inode *i);
extern const struct proc_node proc_sys_children[];
extern const struct proc_node proc_pid_node; /* /proc/PID */
extern const struct proc_list proc_fd_list, proc_fdinfo_list, proc_task_list;

/* 0, or -EACCES when the running task may not look into the process. */
int proc_may_inspect(const struct proc_ref *ref);
/* A number in text (spaces around it allowed). 0 or -EINVAL. */
int proc_parse_int(const char *text, int64_t *value);

/* sys.c: in /proc/sys/vm and /sys */
int show_nr_hugepages(struct seq *s, const struct proc_ref *ref);
int store_nr_hugepages(const struct proc_ref *ref, char *text, size_t n);
int show_nr_overcommit_hugepages(struct seq *s, const struct proc_ref *ref);
int store_nr_overcommit_hugepages(const struct proc_ref *ref, char *text, size_t n);
/* root.c and mem.c */
int show_meminfo(struct seq *s, const struct proc_ref *ref);
int show_vmstat(struct seq *s, const struct proc_ref *ref);
int show_buddyinfo(struct seq *s, const struct proc_ref *ref);
int show_slabinfo(struct seq *s, const struct proc_ref *ref);
int show_swaps(struct seq *s, const struct proc_ref *ref);
/* flash.c */
int show_mtd(struct seq *s, const struct proc_ref *ref);
int show_swapstore(struct seq *s, const struct proc_ref *ref);
int64_t read_swapstore_map(const struct proc_ref *ref, struct io *io);
int show_swap_budget(struct seq *s, const struct proc_ref *ref);
int store_swap_budget(const struct proc_ref *ref, char *text, size_t n);
/* disk.c */
int show_partitions(struct seq *s, const struct proc_ref *ref);
int show_diskstats(struct seq *s, const struct proc_ref *ref);
/* pid_stat.c */
int show_pid_stat(struct seq *s, const struct proc_ref *ref);
int show_pid_statm(struct seq *s, const struct proc_ref *ref);
int show_pid_status(struct seq *s, const struct proc_ref *ref);
int show_pid_limits(struct seq *s, const struct proc_ref *ref);
int show_oom_score(struct seq *s, const struct proc_ref *ref);
/* pid_mem.c */
int show_pid_maps(struct seq *s, const struct proc_ref *ref);
int show_pid_cmdline(struct seq *s, const struct proc_ref *ref);
int show_pid_environ(struct seq *s, const struct proc_ref *ref);
int show_pid_auxv(struct seq *s, const struct proc_ref *ref);
/* The address space of ref's process with a reference, if the caller may look (or need not ask); NULL with *err (0: it has none any more, which reads as empty). */
struct aspace *proc_space(const struct proc_ref *ref, bool inspect, int *err);
/* An area's line of maps; name: PATH_MAX bytes to work with. Aspace mutex. */
void seq_area(struct seq *s, const struct area *a, char *name);
int proc_exe_path(const struct proc_ref *ref, struct path *to);
/* pid_smaps.c */
int show_pid_smaps(struct seq *s, const struct proc_ref *ref);
int show_pid_smaps_rollup(struct seq *s, const struct proc_ref *ref);
int64_t read_pid_pagemap(const struct proc_ref *ref, struct io *io);
/* zoneinfo.c */
int show_zoneinfo(struct seq *s, const struct proc_ref *ref);
/* ipc.c */
int show_sysvipc_shm(struct seq *s, const struct proc_ref *ref);
/* mounts.c */
int show_mounts(struct seq *s, const struct proc_ref *ref);
int show_mountinfo(struct seq *s, const struct proc_ref *ref);
int show_filesystems(struct seq *s, const struct proc_ref *ref);

/* The task that ref is about: the thread, or the process's leader; a reference. NULL: gone. */
struct task *proc_task(const struct proc_ref *ref);

/* sys_vm.c */
int show_writeback(struct seq *s, const struct proc_ref *ref);
int store_writeback(const struct proc_ref *ref, char *text, size_t n);

#endif
