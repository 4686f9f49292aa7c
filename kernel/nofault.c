// SPDX-License-Identifier: MIT
/*
 * The no-fault class: a real-time task whose process has called mlockall(MCL_CURRENT | MCL_FUTURE)
 * has everything in RAM, room for its stack included, and so has what it maps later. A fault after
 * that is a mistake of somebody's (a stack deeper than was made ready, a mapping that cannot be
 * populated), and costs it more than its deadline may allow. Faults are counted per task
 * (/proc/PID/status), told in the log with their address, the 1st, 2nd, 4th, 8th ... of each task,
 * and on request the process is killed rather than late.
 */
#include "kernel/nofault.h"

#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "kernel/process.h"

static const char *const actions[] = { "count", "log", "kill" };
enum { COUNT, LOG, KILL };

static unsigned action = LOG;

void nofault_broken(virt_addr_t va)
{
	struct task *t = current();
	uint64_t n = ++t->nofault_faults;
	unsigned what = READ_ONCE(action);

	if (what == KILL || (what == LOG && (n & (n - 1)) == 0))
		log_warn("%s[%d]: fault %ju at %#lx, though all its memory is locked%s", t->name,
			 t->tid, n, (unsigned long)va, what == KILL ? ": killed" : "");
	if (what == KILL)
		signal_kill(t->process);
}

const char *nofault_action(unsigned i, bool *in_force)
{
	if (i >= ARRAY_SIZE(actions))
		return NULL;
	*in_force = READ_ONCE(action) == i;
	return actions[i];
}

int nofault_choose(const char *name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(actions); i++)
		if (strcmp(actions[i], name) == 0) {
			WRITE_ONCE(action, i);
			return 0;
		}
	return -EINVAL;
}
