// SPDX-License-Identifier: MIT
// The files of the memory controller (cgroup_mem.c), for the table in cgroup.c, and what the two
// share.
#ifndef KERNEL_FS_PROC_CGROUP_H
#define KERNEL_FS_PROC_CGROUP_H

#include "kernel/cgroup.h"
#include "kernel/fs/proc/proc.h"

#define CGROUP_PAGES 0x8000u /* in a node's data: a number of pages, shown in bytes */

/* ---- For proc.c: of files and directories of groups ---- */

/* Who has it, if chown(2) and chmod(2) can change that; NULL: whoever has the directory. */
struct cgroup_owner *cgroup_file_owner(const struct proc_ref *ref);
bool cgroup_file_shown(const struct proc_node *n, const struct cgroup *g);
/* Who is woken when what it tells of changes; NULL: it does not tell. The version changes with
 * that. */
struct waitq *cgroup_file_queue(const struct proc_ref *ref);
uint32_t cgroup_file_version(const struct proc_ref *ref);

/* ---- Between the two ---- */

/* The number of struct cgroup's that ref's node is about. */
uint32_t *cgroup_number(const struct proc_ref *ref);
/* A line for each name, which ends with a zero as the last does with two, and the number after
 * number that goes with it. */
void cgroup_show_lines(struct seq *s, const char *names, const uint32_t *numbers, unsigned unit);

int store_memory_limit(const struct proc_ref *ref, char *text, size_t n);
uint32_t memory_version(const struct memcg *m);
int store_memory_reclaim(const struct proc_ref *ref, char *text, size_t n);
int show_memory_stat(struct seq *s, const struct proc_ref *ref);

#endif
