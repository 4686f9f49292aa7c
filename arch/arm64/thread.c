// SPDX-License-Identifier: MIT
/*
 * Tasks as the hardware sees them: their user registers, their first stack, the switch between
 * them.
 *
 *    kstack + KSTACK_SIZE  +----------------------+
 *                          | struct user_regs     |  as the last entry from user mode left them
 *                          +----------------------+  <- sp in the kernel begins here
 *                          | x29, where to go on  |  of a task that is switched out (switch_stacks)
 *                          +----------------------+  <- arch.sp
 *
 * A switch of stacks saves no other registers: it stands in a C function, in the middle of which
 * every task is switched out, and whose compiler is told that all of them change. So what the
 * function saves anyway when it begins is saved once.
 *
 * A task may be preempted between a TLBI, DC or IC instruction and the DSB that waits for it, and
 * go on on another CPU. A DSB completes the maintenance of the CPU that executes it and of no other
 * (Arm ARM DDI 0487, "Data Synchronization Barrier" and "Ordering and completion of TLB maintenance
 * instructions"), so the one that the task executes there would wait for nothing. Hence one in the
 * switch, before the task can be taken over. With no maintenance under way it waits for the store
 * buffer alone: on a Cortex-A72 about as long as the context synchronisation that a change of
 * address space needs in any case; that much each switch pays.
 *
 * FP registers belong to the user task that ran last on the CPU (cpu_local.fp_owner). They are
 * written to the task's memory whenever it is switched out, so that it can go on anywhere, and read
 * back only when they were used for somebody else since, or elsewhere. The kernel is compiled
 * without them; a function of a library that wants them is called by hw_with_vectors().
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
unsigned cpus_started = 1;

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

/* The registers that are taken for next's are. */
static void fp_check(const struct task *next)
{
#ifdef CONFIG_DEBUG
	struct fp_state fp = { 0 };

	fp_save(&fp);
	DEBUG_ASSERT(memcmp(&fp, &next->arch.fp, sizeof(fp)) == 0);
#else
	(void)next;
#endif
}

static void fp_switch_in(struct cpu_local *cpu, struct task *next)
{
	if (cpu->fp_owner == next && next->arch.fp_cpu == cpu->index) {
		fp_check(next);
		return;
	}
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
	struct cpu_local *cpu;
	uint64_t irq = hw_irq_save();

	cpu = cpu_local();
	fp_load(fp); /* memory follows when the task is switched out */
	cpu->fp_owner = current();
	current()->arch.fp_cpu = cpu->index;
	hw_irq_restore(irq);
}

/* Between save and load the registers are the task's as they are between two system calls: a switch
 * takes them along, to its struct fp_state and back, so fn may be preempted. A kernel thread has
 * nothing to keep, but is given registers for the time, which makes switches do the same for it.
 * Whoever had those that lie in the CPU has them in memory, too, as it does not run. */
void hw_with_vectors(void (*fn)(void *), void *arg)
{
	struct task *t = current();
	struct cpu_local *cpu;
	struct fp_state user;
	uint64_t irq;

	if (t->arch.user) {
		fp_save(&user);
		fn(arg);
		fp_load(&user);
		return;
	}
	irq = hw_irq_save();
	cpu = cpu_local();
	cpu->fp_owner = t;
	/* A CPU of an earlier call, which may still name t its owner, has not what fn works
	 * with. */
	t->arch.fp_cpu = cpu->index;
	t->arch.user = true;
	hw_irq_restore(irq);
	fn(arg);
	t->arch.user = false;
}

/* ---- New tasks ---- */

/* What switch_stacks() pops, and kernel_thread_start after it. */
struct first_frame {
	uint64_t x29, pc, fn, arg;
};

static struct first_frame *first_frame(struct task *t, void (*start)(void))
{
	struct first_frame *f = (struct first_frame *)task_user_regs(t) - 1;

	*f = (struct first_frame){ .pc = (uint64_t)start };
	t->arch.sp = (uint64_t)f;
	t->arch.fp_cpu = FP_CPU_NONE;
	return f;
}

void arch_task_init_kernel(struct task *t, void (*fn)(void *), void *arg)
{
	struct first_frame *f = first_frame(t, kernel_thread_start);

	f->fn = (uint64_t)fn;
	f->arg = (uint64_t)arg;
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
	static struct fp_state zero; /* never written; no constant: so it is in bss */
	struct task *t = current();
	struct user_regs *regs = task_user_regs(t);

	memset(regs, 0, sizeof(*regs));
	regs->pc = pc;
	regs->sp = sp;
	t->arch.user = true;
	barrier(); /* before the registers change: from now on they are saved and loaded when a
		      kernel thread that becomes a program is switched */
	arch_fp_replace(&zero);
	write_sysreg(tpidr_el0, 0);
}

void arch_return_to_user(void)
{
	leave_to_user(task_user_regs(current()));
}

/* ---- The switch ---- */

/* Interrupts off. Comes back, on the stack of next, with the task that ran before it. */
static inline struct task *switch_stacks(struct task *prev, struct task *next)
{
	register struct task *from __asm__("x0") = prev;
	register struct task *to __asm__("x1") = next;

	__asm__ volatile("adr	x9, 1f\n\t"
			 "stp	x29, x9, [sp, #-16]!\n\t"
			 "mov	x10, sp\n\t"
			 "str	x10, [x0, %[at]]\n\t"
			 "dsb	ish\n\t" /* the old task's maintenance is complete: see above */
			 "ldr	x10, [x1, %[at]]\n\t"
			 "msr	sp_el0, x1\n\t"
			 "mov	sp, x10\n\t"
			 "ldp	x29, x30, [sp], #16\n\t"
			 "ret\n"
			 "1:"
			 : "+r"(from), "+r"(to)
			 : [at] "i"(offsetof(struct task, arch.sp))
			 : "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12",
			   "x13", "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21", "x22",
			   "x23", "x24", "x25", "x26", "x27", "x28", "x30", "cc", "memory");
	return from;
}

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
	return switch_stacks(prev, next);
}
