// SPDX-License-Identifier: MIT
/*
 * Tasks as the hardware sees them: their user registers, their first stack, the switch between them.
 *
 *    kstack + KSTACK_SIZE  +----------------------+
 *                          | struct user_regs     |  as the last entry from user mode left them
 *                          +----------------------+  <- sp in the kernel begins here
 *                          | x19..x30             |  of a task that is switched out (cpu_switch)
 *                          +----------------------+  <- arch.sp
 *
 * FP registers belong to the user task that ran last on the CPU (cpu_local.fp_owner). They are written to the task's memory whenever it
 * is switched out, so that it can go on anywhere, and read back only when they were used for somebody else since, or elsewhere.
 */
#include "arch/arm64/thread.h"

#include "arch/arm64/features.h"
#include "arch/arm64/offsets.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "kernel/sched.h"
#include "mm/aspace.h"

_Static_assert(offsetof(struct cpu_local, current) == CPU_CURRENT, "offsets.h");
_Static_assert(offsetof(struct cpu_local, emergency) == CPU_EMERGENCY, "offsets.h");
_Static_assert(offsetof(struct cpu_local, mpidr) == CPU_MPIDR, "offsets.h");
_Static_assert(sizeof(struct cpu_local) == CPU_LOCAL_SIZE, "offsets.h");
_Static_assert(offsetof(struct task, hot.preempt_count) == 0, "entry.S loads both words at once");
_Static_assert(offsetof(struct task, hot.pending) == TASK_PENDING, "offsets.h");
_Static_assert(TASK_NEED_RESCHED == 1, "entry.S tests bit 32");
_Static_assert(offsetof(struct task, arch.sp) == TASK_ARCH_SP, "offsets.h");
_Static_assert(offsetof(struct task, arch.user_time) == TASK_USER_TIME, "offsets.h");
_Static_assert(offsetof(struct user_regs, sp) == REGS_X30_SP + 8, "offsets.h");
_Static_assert(offsetof(struct user_regs, pc) == REGS_PC_PSTATE, "offsets.h");
_Static_assert(offsetof(struct user_regs, syscall_x0) == REGS_SYSCALL_X0, "offsets.h");
_Static_assert(sizeof(struct user_regs) == REGS_SIZE && REGS_SIZE % 16 == 0, "offsets.h");
_Static_assert(offsetof(struct fp_state, fpsr) == FP_STATE_FPSR, "offsets.h");
_Static_assert(KSTACK_SIZE == 1 << KSTACK_BIT, "offsets.h");

struct cpu_local cpu_locals[NR_CPUS_MAX];

struct task *cpu_switch(struct task *prev, struct task *next);
void fp_save(struct fp_state *fp);
void fp_load(const struct fp_state *fp);
void kernel_thread_start(void);
void user_thread_start(void);
NORETURN void leave_to_user(struct user_regs *regs);

struct user_regs *task_user_regs(struct task *t)
{
	return (struct user_regs *)(t->kstack + KSTACK_SIZE) - 1;
}

uint64_t arch_user_ticks(const struct task *t)
{
	int64_t time = READ_ONCE(t->arch.user_time);

	return (uint64_t)(time < 0 ? time + (int64_t)hw_counter() : time);
}

/* ---- FP state ---- */

static void fp_switch_in(struct cpu_local *cpu, struct task *next)
{
	if (cpu->fp_owner == next && next->arch.fp_cpu == cpu->index)
		return;
	fp_load(&next->arch.fp);
	cpu->fp_owner = next;
	next->arch.fp_cpu = cpu->index;
}

struct fp_state *arch_fp_current(void)
{
	fp_save(&current()->arch.fp);
	return &current()->arch.fp;
}

void arch_fp_replace(const struct fp_state *fp)
{
	struct task *t = current();
	uint64_t irq = hw_irq_save(); /* a switch in between would save the old registers over it */

	t->arch.fp = *fp;
	cpu_local()->fp_owner = NULL;
	fp_switch_in(cpu_local(), t);
	hw_irq_restore(irq);
}

/* ---- New tasks ---- */

/* What cpu_switch pops, lowest address first. */
struct switch_frame {
	uint64_t x19, x20, x21_x28[8], x29, x30;
};
_Static_assert(sizeof(struct switch_frame) == SWITCH_SIZE, "offsets.h");

static struct switch_frame *first_frame(struct task *t, void (*start)(void))
{
	struct switch_frame *f = (struct switch_frame *)task_user_regs(t) - 1;

	memset(f, 0, sizeof(*f));
	f->x30 = (uint64_t)start;
	t->arch.sp = (uint64_t)f;
	t->arch.fp_cpu = FP_CPU_NONE;
	return f;
}

void arch_task_init_kernel(struct task *t, void (*fn)(void *), void *arg)
{
	struct switch_frame *f = first_frame(t, kernel_thread_start);

	f->x19 = (uint64_t)fn;
	f->x20 = (uint64_t)arg;
	t->arch.user = false;
}

void arch_task_init_fork(struct task *child, struct task *parent, virt_addr_t sp, bool set_tls,
			 virt_addr_t tls)
{
	struct user_regs *regs = task_user_regs(child);

	ASSERT(parent == current());
	first_frame(child, user_thread_start);
	*regs = *task_user_regs(parent);
	regs->x[0] = 0;
	if (sp)
		regs->sp = sp;
	child->arch.fp = *arch_fp_current();
	child->arch.tpidr = set_tls ? tls : read_sysreg(tpidr_el0);
	child->arch.user = true;
}

void arch_exec_start(virt_addr_t pc, virt_addr_t sp)
{
	static const struct fp_state zero;
	struct task *t = current();
	struct user_regs *regs = task_user_regs(t);

	memset(regs, 0, sizeof(*regs));
	regs->pc = pc;
	regs->sp = sp;
	arch_fp_replace(&zero);
	write_sysreg(tpidr_el0, 0);
	t->arch.tpidr = 0;
	barrier(); /* a kernel thread that was switched out before this line has zeroes in memory, as it has in the registers */
	t->arch.user = true;
}

void arch_return_to_user(void)
{
	leave_to_user(task_user_regs(current()));
}

/* ---- The switch ---- */

struct task *arch_switch(struct task *prev, struct task *next)
{
	struct cpu_local *cpu = cpu_local();

	if (prev->arch.user) {
		fp_save(&prev->arch.fp);
		prev->arch.tpidr = read_sysreg(tpidr_el0);
	}
	cpu->current = next;
	if (next->arch.user) {
		fp_switch_in(cpu, next);
		write_sysreg(tpidr_el0, next->arch.tpidr);
	}
	if (next->aspace != prev->aspace)
		pmap_activate(next->aspace ? &next->aspace->pmap : NULL);
	return cpu_switch(prev, next);
}
