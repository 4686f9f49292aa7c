// SPDX-License-Identifier: MIT
/*
 * prctl(2). Options that are not there answer EINVAL, as a Linux does that was built without them:
 * what other architectures have (FPEMU, TSC, ENDIAN ...), what this CPU has not (SVE, SME, pointer
 * authentication, memory tags), seccomp, counting of events, and of PR_SET_MM what replaces the
 * executable file or all fields at once.
 *
 * The slack of timers is kept for whoever asks: it is what a timer may be late at most, and none is
 * late here. So it is for PR_SET_IO_FLUSHER (no allocation waits for a user's program to write) and
 * for PR_MCE_KILL (memory errors are told when memory is read, never earlier).
 */
#include <linux/capability.h>
#include <linux/prctl.h>
#include <linux/resource.h>

#include "kernel/cred.h"
#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "mm/aspace.h"
#include "mm/usercopy.h"

#define TIMER_SLACK 50000 /* ns, as prctl(2) has it for a system's first process */
#define VMA_NAME    80    /* with its terminator: PR_SET_VMA_ANON_NAME */

/* ---- Names ---- */

static int64_t set_name(virt_addr_t src)
{
	char name[TASK_NAME_LEN];
	int64_t n = copy_string_from_user(name, src, sizeof(name));

	if (n == -ENAMETOOLONG)
		name[sizeof(name) - 1] = '\0';
	else if (n < 0)
		return n;
	spin_lock(&current()->process->lock);
	string_copy(current()->name, name, sizeof(current()->name));
	spin_unlock(&current()->process->lock);
	return 0;
}

static int64_t get_name(virt_addr_t dst)
{
	char name[TASK_NAME_LEN] = { 0 };

	string_copy(name, current()->name, sizeof(name));
	return copy_to_user(dst, name, sizeof(name));
}

/* Printable, and nothing that could be taken for another part of a line of /proc/PID/maps. */
static bool area_name_ok(const char *name)
{
	for (; *name; name++)
		if (*name < ' ' || *name > '~' || strchr("\\`$[]", *name))
			return false;
	return true;
}

static int64_t set_area_name(const uint64_t *args)
{
	char name[VMA_NAME];
	int64_t n = 0;

	if (args[1] != PR_SET_VMA_ANON_NAME)
		return -EINVAL;
	if (args[4])
		n = copy_string_from_user(name, args[4], sizeof(name));
	if (n == -ENAMETOOLONG || (args[4] && n >= 0 && !area_name_ok(name)))
		return -EINVAL;
	if (n < 0)
		return n;
	return aspace_set_name(current()->aspace, args[2], args[3], args[4] ? name : NULL);
}

/* ---- What is noted about the address space ---- */

static int64_t change_mark(uint32_t mark, bool on)
{
	uint32_t *marks = &current()->aspace->marks;

	if (on)
		atomic_fetch_or(marks, mark);
	else
		atomic_fetch_and(marks, ~mark);
	return 0;
}

static bool marked(uint32_t mark)
{
	return atomic_load(&current()->aspace->marks) & mark;
}

/* ---- PR_SET_MM: where /proc says that things are ---- */

/* The field of as that option sets; *mapped: an area must be there. NULL: none. */
static virt_addr_t *mm_field(struct aspace *as, uint64_t option, bool *mapped)
{
	*mapped = option == PR_SET_MM_START_STACK ||
		  (option >= PR_SET_MM_ARG_START && option <= PR_SET_MM_ENV_END);
	switch (option) {
	case PR_SET_MM_START_CODE: return &as->code_start;
	case PR_SET_MM_END_CODE: return &as->code_end;
	case PR_SET_MM_START_DATA: return &as->data_start;
	case PR_SET_MM_END_DATA: return &as->data_end;
	case PR_SET_MM_START_STACK: return &as->stack_top;
	case PR_SET_MM_START_BRK: return &as->brk_start;
	case PR_SET_MM_BRK: return &as->brk;
	case PR_SET_MM_ARG_START: return &as->arg_start;
	case PR_SET_MM_ARG_END: return &as->arg_end;
	case PR_SET_MM_ENV_START: return &as->env_start;
	case PR_SET_MM_ENV_END: return &as->env_end;
	default: return NULL;
	}
}

static bool mm_fields_ok(const struct aspace *as)
{
	return as->code_start < as->code_end && as->data_start <= as->data_end &&
	       as->brk_start <= as->brk && as->arg_start <= as->arg_end &&
	       as->env_start <= as->env_end &&
	       as->brk - as->brk_start + as->data_end - as->data_start <= as->limit.data;
}

static int64_t set_mm_locked(struct aspace *as, uint64_t option, virt_addr_t addr)
{
	bool mapped;
	virt_addr_t *field = mm_field(as, option, &mapped), old;

	if (!field)
		return -EINVAL;
	old = *field;
	*field = addr;
	if (!mm_fields_ok(as)) {
		*field = old;
		return -EINVAL;
	}
	if (mapped && !area_find(as, addr)) {
		*field = old;
		return -EFAULT;
	}
	return 0;
}

static int64_t set_auxv(struct aspace *as, virt_addr_t from, uint64_t size)
{
	uint8_t auxv[sizeof(as->auxv)] = { 0 };

	if (size > sizeof(auxv))
		return -EINVAL;
	if (copy_from_user(auxv, from, size))
		return -EFAULT;
	memset(auxv + sizeof(auxv) - 16, 0, 16); /* the last one is AT_NULL */
	mutex_lock(&as->mutex);
	memcpy(as->auxv, auxv, sizeof(auxv));
	as->auxv_len = sizeof(auxv);
	mutex_unlock(&as->mutex);
	return 0;
}

static int64_t set_mm(const uint64_t *args)
{
	struct aspace *as = current()->aspace;
	uint64_t option = args[1];
	int64_t err;

	if (args[4] || (args[3] && option != PR_SET_MM_AUXV))
		return -EINVAL;
	if (!current_capable(CAP_SYS_RESOURCE))
		return -EPERM;
	if (option == PR_SET_MM_AUXV)
		return set_auxv(as, args[2], args[3]);
	if (args[2] < USER_MIN || args[2] >= USER_TOP)
		return -EINVAL;
	mutex_lock(&as->mutex);
	err = set_mm_locked(as, option, args[2]);
	mutex_unlock(&as->mutex);
	return err;
}

/* ---- Policies that are kept ---- */

static int64_t set_memory_errors(struct task *t, const uint64_t *args)
{
	if (args[3] || args[4])
		return -EINVAL;
	if (args[1] == PR_MCE_KILL_CLEAR && args[2] == 0)
		t->memory_errors = 0;
	else if (args[1] == PR_MCE_KILL_SET && args[2] < PR_MCE_KILL_DEFAULT)
		t->memory_errors = (uint8_t)(args[2] + 1);
	else if (args[1] == PR_MCE_KILL_SET && args[2] == PR_MCE_KILL_DEFAULT)
		t->memory_errors = 0;
	else
		return -EINVAL;
	return 0;
}

static int64_t io_flusher(struct task *t, bool set, const uint64_t *args)
{
	if (!current_capable(CAP_SYS_RESOURCE))
		return -EPERM;
	if (args[2] || args[3] || args[4] || (set ? args[1] > 1 : args[1] != 0))
		return -EINVAL;
	if (!set)
		return t->io_flusher;
	t->io_flusher = args[1];
	return 0;
}

/* Bypassing of stores: nothing turns it off here, nor could a program. Of other ways to speculate
 * the architecture has no control. */
static int64_t speculation(bool set, const uint64_t *args)
{
	if (args[3] || args[4] || (!set && args[2]))
		return -EINVAL;
	if (args[1] != PR_SPEC_STORE_BYPASS)
		return -ENODEV;
	return set ? -ENXIO : (int64_t)PR_SPEC_ENABLE;
}

/* ---- The call ---- */

static int64_t set_subreaper(struct process *p, bool on)
{
	process_tree_lock();
	p->subreaper = on;
	process_tree_unlock();
	return 0;
}

static bool any_from(const uint64_t *args, unsigned first)
{
	for (unsigned i = first; i < 5; i++)
		if (args[i])
			return true;
	return false;
}

/* Options about the thread that asks. */
static int64_t thread_prctl(struct task *t, const uint64_t *args)
{
	switch ((int)args[0]) {
	case PR_SET_NAME: return set_name(args[1]);
	case PR_GET_NAME: return get_name(args[1]);
	case PR_SET_PDEATHSIG:
		if (args[1] > SIGNAL_MAX)
			return -EINVAL;
		t->death_signal = (int)args[1];
		return 0;
	case PR_GET_PDEATHSIG: return user_store32(args[1], (uint32_t)t->death_signal);
	case PR_SET_TIMERSLACK:
		t->timer_slack = args[1] ? args[1] : t->timer_slack_default;
		return 0;
	case PR_GET_TIMERSLACK: return (int64_t)(t->timer_slack ? t->timer_slack : TIMER_SLACK);
	case PR_GET_TIMING: return PR_TIMING_STATISTICAL;
	case PR_SET_TIMING: return args[1] == PR_TIMING_STATISTICAL ? 0 : -EINVAL;
	case PR_SET_NO_NEW_PRIVS:
		if (args[1] != 1 || any_from(args, 2))
			return -EINVAL;
		t->no_new_privs = true;
		return 0;
	case PR_GET_NO_NEW_PRIVS: return any_from(args, 1) ? -EINVAL : t->no_new_privs;
	case PR_GET_TID_ADDRESS: return user_store64(args[1], t->clear_tid);
	case PR_SET_TAGGED_ADDR_CTRL:
		if (args[1] & ~(uint64_t)PR_TAGGED_ADDR_ENABLE || any_from(args, 2))
			return -EINVAL;
		t->tagged_addresses = args[1];
		return 0;
	case PR_GET_TAGGED_ADDR_CTRL: /* PR_TAGGED_ADDR_ENABLE is bit 0 */
		return any_from(args, 1) ? -EINVAL : t->tagged_addresses;
	case PR_MCE_KILL: return set_memory_errors(t, args);
	case PR_MCE_KILL_GET:
		if (any_from(args, 1))
			return -EINVAL;
		return t->memory_errors ? t->memory_errors - 1 : PR_MCE_KILL_DEFAULT;
	case PR_SET_IO_FLUSHER: return io_flusher(t, true, args);
	case PR_GET_IO_FLUSHER: return io_flusher(t, false, args);
	case PR_SET_SPECULATION_CTRL: return speculation(true, args);
	case PR_GET_SPECULATION_CTRL: return speculation(false, args);
	default: return caps_prctl(args);
	}
}

SYSCALL(prctl)
{
	struct task *t = current();

	switch ((int)args[0]) {
	case PR_SET_CHILD_SUBREAPER: return set_subreaper(t->process, args[1] != 0);
	case PR_GET_CHILD_SUBREAPER: return user_store32(args[1], t->process->subreaper);
	case PR_GET_DUMPABLE: return !marked(SPACE_NO_DUMP);
	case PR_SET_DUMPABLE:
		return args[1] > 1 ? -EINVAL : change_mark(SPACE_NO_DUMP, args[1] == 0);
	case PR_GET_THP_DISABLE: return any_from(args, 1) ? -EINVAL : marked(SPACE_NO_HUGE);
	case PR_SET_THP_DISABLE:
		return any_from(args, 2) ? -EINVAL : change_mark(SPACE_NO_HUGE, args[1] != 0);
	case PR_SET_VMA: return set_area_name(args);
	case PR_SET_MM: return set_mm(args);
	default: return thread_prctl(t, args);
	}
}
