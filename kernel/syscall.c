// SPDX-License-Identifier: MIT
/*
 * System call dispatch: a table indexed by Linux's number. A call that is not there is answered -ENOSYS and counted.
 */
#include <asm/unistd.h>

#include "arch/thread.h"
#include "kernel/log.h"
#include "kernel/syscall.h"
#include "kernel/task.h"

typedef int64_t (*syscall_fn)(const uint64_t *args);

#define X(name) SYSCALL(name);
#include "kernel/syscall_list.h"
#include "kernel/fs/syscall_list.h"
#undef X

static const syscall_fn table[SYSCALL_COUNT] = {
#define X(name) [__NR_##name] = sys_##name,
#include "kernel/syscall_list.h"
#include "kernel/fs/syscall_list.h"
#undef X
};

static uint32_t missing[SYSCALL_COUNT]; /* atomic */
static uint32_t beyond;                 /* numbers past the table */

uint64_t syscall_unimplemented(unsigned nr)
{
	return nr < SYSCALL_COUNT ? atomic_load(&missing[nr]) : atomic_load(&beyond);
}

static __attribute__((noinline)) int64_t not_there(uint64_t nr)
{
	uint32_t *count = nr < SYSCALL_COUNT ? &missing[nr] : &beyond;

	if (atomic_inc(count) == 1)
		log_debug("%s[%d]: system call %lu is not implemented", current()->name,
			  current()->tid, (unsigned long)nr);
	return -ENOSYS;
}

/* The result is one of the internal ones: the signal code will decide. rt_sigreturn's is the interrupted code's x0, whatever it is. */
static __attribute__((noinline)) void note_restart(int64_t result, uint64_t nr)
{
	struct task *t = current();

	if (nr == __NR_rt_sigreturn)
		return;
	t->restart_code = (int)-result;
	atomic_fetch_or(&t->hot.pending, TASK_SIGNAL);
}

void syscall_dispatch(struct user_regs *regs)
{
	uint64_t nr = regs->x[8];
	int64_t result;

	current()->syscall_nr = nr;
	if (likely(nr < SYSCALL_COUNT && table[nr]))
		result = table[nr](regs->x);
	else
		result = not_there(nr);
	regs->x[0] = (uint64_t)result;
	if (unlikely((uint64_t)(result + ERESTART_BLOCK) <= ERESTART_BLOCK - ERESTART))
		note_restart(result, nr);
}
