// SPDX-License-Identifier: MIT
/*
 * Signal frames, laid out as AArch64 Linux lays them out, since C libraries and unwinders read them (uapi asm/sigcontext.h):
 *
 *    higher   frame record: x29, x30 of the interrupted code
 *             struct sigcontext.__reserved: fpsimd_context, then an empty record
 *             struct ucontext: flags, signal stack, mask, registers
 *    sp ->    siginfo_t, 128 bytes
 *
 * The handler returns to x30: the program's own restorer, or the vDSO page's __kernel_rt_sigreturn.
 */
#include <linux/signal.h>

#include <asm/sigcontext.h>
#include <asm/ucontext.h>

#include "arch/arm64/sysreg.h"
#include "arch/arm64/thread.h"
#include "arch/arm64/vdso.h"
#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "kernel/signal.h"
#include "mm/aspace.h"
#include "mm/usercopy.h"

struct rt_sigframe {
	uint8_t info[128];
	struct ucontext uc;
};

struct frame_record {
	uint64_t fp, lr;
};

/* struct ucontext up to the reserved space, which holds the records. */
struct context_head {
	uint64_t flags, link;
	stack_t stack;
	uint64_t mask;
	uint8_t unused[120];
	_Alignas(16) uint64_t fault_address;
	uint64_t regs[31], sp, pc, pstate;
	uint64_t pad;
};

#define RESERVED_OFFSET offsetof(struct rt_sigframe, uc.uc_mcontext.__reserved)
#define RESERVED_SIZE   sizeof(((struct sigcontext *)0)->__reserved)
#define HEAD_MATCHES(field, theirs)                                                                \
	_Static_assert(offsetof(struct context_head, field) == offsetof(struct ucontext, theirs),  \
		       #field)

HEAD_MATCHES(stack, uc_stack);
HEAD_MATCHES(mask, uc_sigmask);
HEAD_MATCHES(fault_address, uc_mcontext.fault_address);
HEAD_MATCHES(pstate, uc_mcontext.pstate);
_Static_assert(sizeof(struct context_head) == offsetof(struct ucontext, uc_mcontext.__reserved),
	       "head");
_Static_assert(sizeof(struct fpsimd_context) == 528, "the layout of Linux");

static bool on_signal_stack(const struct task *t, virt_addr_t sp)
{
	return !(t->sigalt_flags & SS_AUTODISARM) && sp > t->sigalt_base &&
	       sp - t->sigalt_base <= t->sigalt_size;
}

/* Where the frame goes, 0: it does not fit on the signal stack that is in use. */
static virt_addr_t frame_place(const struct task *t, const struct user_regs *regs, uint64_t flags)
{
	virt_addr_t sp = regs->sp;
	bool on_stack = on_signal_stack(t, sp);

	if ((flags & SA_ONSTACK) && !on_stack && t->sigalt_size && !(t->sigalt_flags & SS_DISABLE))
		sp = t->sigalt_base + t->sigalt_size;
	if (sp < sizeof(struct rt_sigframe) + 2 * sizeof(struct frame_record))
		return 0;
	sp = ALIGN_DOWN(sp - sizeof(struct frame_record), (virt_addr_t)16);
	sp = ALIGN_DOWN(sp - sizeof(struct rt_sigframe), (virt_addr_t)16);
	return on_stack && !on_signal_stack(t, sp) ? 0 : sp;
}

static bool has_fault_address(const struct ksiginfo *info)
{
	return info->code > 0 &&
	       (info->signo == SIGSEGV || info->signo == SIGBUS || info->signo == SIGILL ||
		info->signo == SIGFPE || info->signo == SIGTRAP);
}

static int write_context(virt_addr_t frame, const struct user_regs *regs,
			 const struct ksiginfo *info, uint64_t blocked)
{
	const struct task *t = current();
	struct context_head head;
	uint32_t flags = t->sigalt_flags & SS_AUTODISARM;

	if (t->sigalt_size == 0)
		flags |= SS_DISABLE;
	else if (on_signal_stack(t, regs->sp))
		flags |= SS_ONSTACK;
	memset(&head, 0, sizeof(head));
	head.stack.ss_sp = (void *)t->sigalt_base;
	head.stack.ss_size = t->sigalt_size;
	head.stack.ss_flags = (int)flags;
	head.mask = blocked;
	head.fault_address = has_fault_address(info) ? info->u.fault.addr : 0;
	memcpy(head.regs, regs->x, sizeof(regs->x));
	head.sp = regs->sp;
	head.pc = regs->pc;
	head.pstate = regs->pstate;
	return copy_to_user(frame + offsetof(struct rt_sigframe, uc), &head, sizeof(head));
}

/* FP registers and the empty record that ends the list. */
static int write_fp(virt_addr_t reserved)
{
	const struct fp_state *fp = arch_fp_current();
	uint32_t head[4] = { FPSIMD_MAGIC, sizeof(struct fpsimd_context), fp->fpsr, fp->fpcr };
	int err = copy_to_user(reserved, head, sizeof(head));

	if (err == 0)
		err = copy_to_user(reserved + sizeof(head), fp->v, sizeof(fp->v));
	return err ? err : user_store64(reserved + sizeof(struct fpsimd_context), 0);
}

int arch_signal_deliver(int signo, const struct ksiginfo *info, const struct ksigaction *act,
			uint64_t blocked)
{
	struct task *t = current();
	struct user_regs *regs = task_user_regs(t);
	virt_addr_t frame = frame_place(t, regs, act->flags);
	struct frame_record record = { regs->x[29], regs->x[30] };
	virt_addr_t record_at = frame + sizeof(struct rt_sigframe);

	if (frame == 0 || copy_to_user(record_at, &record, sizeof(record)) != 0 ||
	    write_context(frame, regs, info, blocked) != 0 ||
	    write_fp(frame + RESERVED_OFFSET) != 0)
		return -EFAULT;
	if (siginfo_to_user(frame, info) != 0)
		return -EFAULT;
	if (t->sigalt_flags & SS_AUTODISARM) {
		t->sigalt_base = 0;
		t->sigalt_size = 0;
		t->sigalt_flags = SS_DISABLE;
	}
	regs->x[0] = (uint64_t)signo;
	regs->x[1] = frame;
	regs->x[2] = frame + offsetof(struct rt_sigframe, uc);
	regs->x[29] = record_at;
	regs->x[30] = (act->flags & SA_RESTORER) ? act->restorer : t->aspace->vdso + VDSO_SIGRETURN;
	regs->sp = frame;
	regs->pc = act->handler;
	regs->pstate &= PSTATE_USER;
	return 0;
}

/* Finds the FP record in a list that the program may have written: records of known kinds, ended by an empty one. 0: *at is its address. */
static int find_fp(virt_addr_t reserved, virt_addr_t *at)
{
	size_t offset = 0;
	uint32_t head[2];

	*at = 0;
	for (;;) {
		if (offset > RESERVED_SIZE - sizeof(head) ||
		    copy_from_user(head, reserved + offset, sizeof(head)) != 0)
			return -EFAULT;
		if (head[0] == 0)
			return head[1] == 0 && *at ? 0 : -EFAULT;
		if (head[1] < sizeof(head) || head[1] > RESERVED_SIZE - offset || head[1] % 16)
			return -EFAULT;
		if (head[0] == FPSIMD_MAGIC && head[1] == sizeof(struct fpsimd_context) && *at == 0)
			*at = reserved + offset;
		else if (head[0] != ESR_MAGIC)
			return -EFAULT;
		offset += head[1];
	}
}

static int read_fp(virt_addr_t at, struct fp_state *fp)
{
	uint32_t head[4];

	if (copy_from_user(head, at, sizeof(head)) != 0 ||
	    copy_from_user(fp->v, at + sizeof(head), sizeof(fp->v)) != 0)
		return -EFAULT;
	fp->fpsr = head[2];
	fp->fpcr = head[3];
	return 0;
}

/* As sigaltstack(2) would set it, except that a bad one is left alone, as on Linux. */
static void restore_signal_stack(const stack_t *stack)
{
	struct task *t = current();
	uint32_t flags = (uint32_t)stack->ss_flags;

	if (on_signal_stack(t, task_user_regs(t)->sp))
		return;
	if (flags & SS_DISABLE) {
		t->sigalt_base = 0;
		t->sigalt_size = 0;
		t->sigalt_flags = SS_DISABLE;
	} else if (stack->ss_size >= MINSIGSTKSZ) {
		t->sigalt_base = (virt_addr_t)stack->ss_sp;
		t->sigalt_size = stack->ss_size;
		t->sigalt_flags = flags & SS_AUTODISARM;
	}
}

static int restore_fp(virt_addr_t frame)
{
	struct fp_state fp;
	virt_addr_t at;

	if (find_fp(frame + RESERVED_OFFSET, &at) != 0 || read_fp(at, &fp) != 0)
		return -EFAULT;
	arch_fp_replace(&fp);
	return 0;
}

int arch_signal_return(uint64_t *blocked)
{
	struct user_regs *regs = task_user_regs(current());
	virt_addr_t frame = regs->sp;
	struct context_head head;

	if (!IS_ALIGNED(frame, (virt_addr_t)16) ||
	    !user_range_ok(frame, sizeof(struct rt_sigframe)) ||
	    copy_from_user(&head, frame + offsetof(struct rt_sigframe, uc), sizeof(head)) != 0)
		return -EFAULT;
	/* User mode, 64-bit, nothing masked: anything else would be a way into the kernel. */
	if ((head.pstate & (PSTATE_MODE | PSTATE_DAIF)) != 0 || restore_fp(frame) != 0)
		return -EFAULT;
	*blocked = head.mask;
	restore_signal_stack(&head.stack);
	memcpy(regs->x, head.regs, sizeof(regs->x));
	regs->sp = head.sp;
	regs->pc = head.pc;
	regs->pstate = head.pstate & PSTATE_USER;
	return 0;
}
