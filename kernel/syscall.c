// SPDX-License-Identifier: MIT
/*
 * System call dispatch: Linux's number is looked up in a table of bytes, which leads to a table of
 * those calls that are there: half of the numbers have none. A call that is not there is answered
 * -ENOSYS and counted.
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

static int64_t not_there(const uint64_t *args);

enum place {
	NOT_THERE,
#define X(name) PLACE_##name,
#include "kernel/syscall_list.h"
#include "kernel/fs/syscall_list.h"
#undef X
	PLACES
};
_Static_assert(PLACES <= UINT8_MAX + 1, "a place is a byte");

static const uint8_t places[SYSCALL_COUNT] = {
#define X(name) [__NR_##name] = PLACE_##name,
#include "kernel/syscall_list.h"
#include "kernel/fs/syscall_list.h"
#undef X
};

static const syscall_fn calls[PLACES] = {
	not_there,
#define X(name) sys_##name,
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

static COLD int64_t not_there(const uint64_t *args)
{
	uint64_t nr = current()->syscall_nr;
	uint32_t *count = nr < SYSCALL_COUNT ? &missing[nr] : &beyond;

	(void)args;
	if (atomic_inc(count) == 1)
		log_debug("%s[%d]: system call %lu is not implemented", current()->name,
			  current()->tid, (unsigned long)nr);
	return -ENOSYS;
}

/* The result is one of the internal ones: the signal code will decide. rt_sigreturn's is the
 * interrupted code's x0, whatever it is. */
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
	result = calls[likely(nr < SYSCALL_COUNT) ? places[nr] : NOT_THERE](regs->x);
	regs->x[0] = (uint64_t)result;
	if (unlikely((uint64_t)(result + ERESTART_BLOCK) <= ERESTART_BLOCK - ERESTART))
		note_restart(result, nr);
}
