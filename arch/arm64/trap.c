// SPDX-License-Identifier: MIT
/*
 * What to do about exceptions that are neither a system call nor an interrupt. The syndrome
 * (ESR_EL1; DDI 0487, D17.2.37) becomes either a question to mm (aspace_fault) or a signal; in the
 * kernel it becomes a fix-up of a user copy or a panic. entry.S has opened interrupts for the
 * user's exceptions; for the kernel's own they are opened here when the interrupted code had them
 * open.
 */
#include "arch/arm64/features.h"
#include "arch/arm64/panic.h"
#include "arch/arm64/sysreg.h"
#include "arch/arm64/usercopy.h"
#include "arch/thread.h"
#include "kernel/log.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "mm/aspace.h"
#include "mm/memcg.h"
#include "mm/usercopy.h"

/* Entered from entry.S. */
void user_fault(struct user_regs *regs, uint64_t esr, virt_addr_t far);
void user_pending(struct user_regs *regs);
/* ELR and SPSR are the interrupt's own until its handler opens interrupts (DDI 0487, D1.3); entry.S
 * has made a frame record of the registers that it saved, so they stand in this function's
 * chain. */
virt_addr_t arch_interrupted(virt_addr_t *from)
{
	const virt_addr_t *record = __builtin_frame_address(0);
	virt_addr_t pc = read_sysreg(elr_el1);

	*from = 0;
	if ((read_sysreg(spsr_el1) & PSTATE_MODE) == 0)
		return 0;
	while (record && record[1] != pc)
		record = (const virt_addr_t *)record[0];
	if (record)
		*from = container_of((const uint64_t *)record, const struct user_regs, syscall_x0)
				->x[30];
	return pc;
}

void user_serror(struct user_regs *regs, uint64_t esr);
void kernel_fault(struct user_regs *regs, uint64_t esr, virt_addr_t far);
NORETURN void kernel_serror(struct user_regs *regs, uint64_t esr);
NORETURN void unexpected_exception(struct user_regs *regs, uint64_t esr);
NORETURN void kernel_stack_overflow(struct user_regs *regs, uint64_t esr, virt_addr_t far);

static unsigned exception_class(uint64_t esr)
{
	return (esr >> EC_SHIFT) & 0x3f;
}

static bool is_instruction_abort(uint64_t esr)
{
	return (exception_class(esr) | 1) == (EC_IABT_LOWER | 1);
}

/* Cache maintenance reports itself as a write (WnR), though reading rights are enough for it. */
static unsigned abort_access(uint64_t esr)
{
	unsigned access = FAULT_READ;

	if (is_instruction_abort(esr))
		access = FAULT_EXEC;
	else if ((esr & ISS_WNR) && !(esr & ISS_CM))
		access = FAULT_WRITE;
	if ((esr & 0x3c) == FSC_ACCESS_FLAG)
		access |= FAULT_ACCESS_FLAG;
	return access;
}

/* Faults of the translation that mm can look at: translation, access flag, permission. */
static bool is_mm_fault(uint64_t esr)
{
	unsigned kind = esr & 0x3c;

	return kind == FSC_TRANSLATION || kind == FSC_ACCESS_FLAG || kind == FSC_PERMISSION;
}

static void signal_outcome(enum fault_outcome outcome, virt_addr_t va)
{
	switch (outcome) {
	case FAULT_RESOLVED: return;
	case FAULT_NOT_MAPPED: return signal_fault(SIGSEGV, SEGV_MAPERR, va);
	case FAULT_PROTECTION: return signal_fault(SIGSEGV, SEGV_ACCERR, va);
	case FAULT_BEYOND_FILE: return signal_fault(SIGBUS, BUS_ADRERR, va);
	case FAULT_IO_ERROR: return signal_fault(SIGBUS, BUS_MCEERR_AR, va);
	case FAULT_NO_MEMORY:
		if (!memcg_refused() && !task_killed(current()))
			signal_fault(SIGBUS, BUS_ADRERR, va);
		return;
	}
}

static void user_abort(uint64_t esr, virt_addr_t far)
{
	virt_addr_t va = user_untag(far), used = va & far; /* without the tag, but as the program
							      had it in the kernel's half */

	if (is_mm_fault(esr)) {
		if (va >= USER_TOP)
			signal_fault(SIGSEGV, SEGV_MAPERR, used);
		else
			signal_outcome(aspace_fault(current()->aspace, va, abort_access(esr)), va);
	} else if ((esr & ISS_FSC) == FSC_ALIGNMENT) {
		signal_fault(SIGBUS, BUS_ADRALN, used);
	} else if ((esr & ISS_FSC) < FSC_TRANSLATION) {
		signal_fault(SIGSEGV, SEGV_MAPERR,
			     used); /* address size: no such physical address */
	} else {
		log_error("%s[%d]: external abort at %#lx, syndrome %#lx", current()->name,
			  current()->tid, (unsigned long)va, (unsigned long)esr);
		signal_fault(SIGBUS, BUS_OBJERR, (esr & ISS_FNV) ? 0 : used);
	}
}

/* Trapped FP exceptions (ISS bits 0..4, valid with bit 23), most specific first. */
static int fp_code(uint64_t esr)
{
	static const struct {
		uint8_t bit;
		int code;
	} codes[] = { { 0, FPE_FLTINV },
		      { 1, FPE_FLTDIV },
		      { 2, FPE_FLTOVF },
		      { 3, FPE_FLTUND },
		      { 4, FPE_FLTRES } };

	for (unsigned i = 0; (esr & BIT(23)) && i < ARRAY_SIZE(codes); i++)
		if (esr & BIT(codes[i].bit))
			return codes[i].code;
	return FPE_FLTUNK;
}

void user_fault(struct user_regs *regs, uint64_t esr, virt_addr_t far)
{
	unsigned class = exception_class(esr);

	if (likely(class == EC_DABT_LOWER || class == EC_IABT_LOWER))
		return user_abort(esr, far);
	switch (class) {
	case EC_WFX: regs->pc += 4; return; /* a hint: waits for nothing */
	case EC_PC_ALIGN: return signal_fault(SIGBUS, BUS_ADRALN, far);
	case EC_SP_ALIGN: return signal_fault(SIGBUS, BUS_ADRALN, regs->sp);
	case EC_FP_EXCEPTION: return signal_fault(SIGFPE, fp_code(esr), regs->pc);
	case EC_BRK: return signal_fault(SIGTRAP, TRAP_BRKPT, regs->pc);
	case EC_BREAKPOINT_LOWER:
	case EC_WATCHPOINT_LOWER: return signal_fault(SIGTRAP, TRAP_HWBKPT, regs->pc);
	case EC_STEP_LOWER: return signal_fault(SIGTRAP, TRAP_TRACE, regs->pc);
	default: /* undefined, privileged or not offered here */
		return signal_fault(SIGILL, ILL_ILLOPC, regs->pc);
	}
}

/* On the way to user mode with interrupts off: works off what is pending and comes back, interrupts
 * off, when nothing is. */
void user_pending(struct user_regs *regs)
{
	struct task_hot *hot = &current()->hot;
	uint32_t pending;

	DEBUG_ASSERT(hot->preempt_count == 0);
	while ((pending = READ_ONCE(hot->pending)) != 0) {
		hw_irq_enable();
		if (pending & TASK_NEED_RESCHED)
			preempt_schedule();
		if (pending & ~(uint32_t)TASK_NEED_RESCHED) {
			atomic_fetch_and(&hot->pending, ~(uint32_t)TASK_WORK);
			user_work(regs);
		}
		hw_irq_disable();
	}
}

void user_serror(struct user_regs *regs, uint64_t esr)
{
	/* Asynchronous: it cannot be said which access it was, only that this task is not to be
	 * trusted with what it got. */
	log_error("%s[%d]: system error, syndrome %#lx", current()->name, current()->tid,
		  (unsigned long)esr);
	signal_fault(SIGBUS, BUS_OBJERR, regs->pc);
}

/* A fault of usercopy.S at a user address: resolved, or the copy ends early. */
static void usercopy_fault(struct user_regs *regs, uint64_t esr, virt_addr_t far)
{
	enum fault_outcome outcome = FAULT_NOT_MAPPED;

	if (is_mm_fault(esr) && current()->aspace) {
		ASSERT(!(regs->pstate & PSTATE_I) && current()->hot.preempt_count == 0);
		hw_irq_enable();
		outcome = aspace_fault(current()->aspace, far, abort_access(esr));
		hw_irq_disable();
	}
	if (outcome != FAULT_RESOLVED)
		regs->pc = fixup_find(regs->pc);
}

/* The page below the stack in use was touched: bit KSTACK_BIT tells guard from stack. */
static bool is_stack_guard(virt_addr_t va)
{
	return va - (current()->kstack - KSTACK_SIZE) < KSTACK_SIZE;
}

void kernel_fault(struct user_regs *regs, uint64_t esr, virt_addr_t far)
{
	unsigned class = exception_class(esr);

	if (class == EC_DABT_SAME && user_untag(far) < USER_TOP && pc_in_usercopy(regs->pc)) {
		usercopy_fault(regs, esr, user_untag(far));
		return;
	}
	if (class == EC_UNKNOWN && fixup_find(regs->pc)) {
		regs->pc = fixup_find(regs->pc); /* a probe for an instruction that is not there */
		return;
	}
	panic_registers(regs, esr, far);
	if (class == EC_DABT_SAME && is_stack_guard(far))
		panic("kernel stack overflow at %#lx", (unsigned long)far);
	if (class == EC_DABT_SAME || class == EC_IABT_SAME)
		panic("kernel %s at %#lx",
		      is_instruction_abort(esr) ? "jumped to a bad address"
		      : (esr & ISS_WNR)         ? "wrote to a bad address"
						: "read from a bad address",
		      (unsigned long)far);
	panic("kernel exception, syndrome %#lx", (unsigned long)esr);
}

void kernel_serror(struct user_regs *regs, uint64_t esr)
{
	panic_registers(regs, esr, 0);
	panic("system error in the kernel, syndrome %#lx", (unsigned long)esr);
}

void unexpected_exception(struct user_regs *regs, uint64_t esr)
{
	panic_registers(regs, esr, 0);
	panic("unexpected kind of exception, syndrome %#lx", (unsigned long)esr);
}

void kernel_stack_overflow(struct user_regs *regs, uint64_t esr, virt_addr_t far)
{
	panic_registers(regs, esr, far);
	panic("kernel stack overflow, stack pointer %#lx", (unsigned long)regs->sp);
}
