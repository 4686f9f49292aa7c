// SPDX-License-Identifier: MIT
/*
 * Signal frames, laid out as AArch64 Linux lays them out, since C libraries and unwinders read them
 * (uapi asm/sigcontext.h):
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
#include "arch/arm64/usercopy.h"
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

/* The frame up to the registers, which are those of struct user_regs from x[] to pstate. */
struct frame_head {
	struct ksiginfo info;
	uint8_t info_rest[128 - sizeof(struct ksiginfo)];
	uint64_t flags, link;
	stack_t stack;
	uint64_t mask;
	uint8_t unused[120];
	uint64_t pad, fault_address;
};

#define REGS_IN_FRAME   offsetof(struct rt_sigframe, uc.uc_mcontext.regs)
#define REGS_BYTES      (offsetof(struct user_regs, pstate) + sizeof(uint64_t))
#define RESERVED_OFFSET offsetof(struct rt_sigframe, uc.uc_mcontext.__reserved)
#define RESERVED_SIZE   sizeof(((struct sigcontext *)0)->__reserved)
#define HEAD_MATCHES(field, theirs)                                                                \
	_Static_assert(offsetof(struct frame_head, field) == offsetof(struct rt_sigframe, theirs), \
		       #field)

HEAD_MATCHES(stack, uc.uc_stack);
HEAD_MATCHES(mask, uc.uc_sigmask);
HEAD_MATCHES(fault_address, uc.uc_mcontext.fault_address);
_Static_assert(sizeof(struct frame_head) == REGS_IN_FRAME, "head");
_Static_assert(REGS_IN_FRAME + offsetof(struct user_regs, pstate) ==
		       offsetof(struct rt_sigframe, uc.uc_mcontext.pstate),
	       "registers in one piece");
_Static_assert(sizeof(struct fpsimd_context) + 8 == FP_RECORD_SIZE, "the layout of Linux");

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

static int write_head(virt_addr_t frame, const struct user_regs *regs, const struct ksiginfo *info,
		      uint64_t blocked)
{
	const struct task *t = current();
	struct frame_head head;
	uint32_t flags = t->sigalt_flags & SS_AUTODISARM;

	if (t->sigalt_size == 0)
		flags |= SS_DISABLE;
	else if (on_signal_stack(t, regs->sp))
		flags |= SS_ONSTACK;
	memset(&head, 0, sizeof(head));
	head.info = *info;
	head.mask = blocked;
	head.stack.ss_sp = (void *)t->sigalt_base;
	head.stack.ss_size = t->sigalt_size;
	head.stack.ss_flags = (int)flags;
	if (has_fault_address(info))
		head.fault_address = info->u.fault.addr;
	return copy_to_user(frame, &head, sizeof(head));
}

int arch_signal_deliver(int signo, const struct ksiginfo *info, const struct ksigaction *act,
			uint64_t blocked)
{
	struct task *t = current();
	struct user_regs *regs = task_user_regs(t);
	virt_addr_t frame = frame_place(t, regs, act->flags);
	virt_addr_t record_at = frame + sizeof(struct rt_sigframe);

	if (frame == 0 || user_store64(record_at, regs->x[29]) != 0 ||
	    user_store64(record_at + offsetof(struct frame_record, lr), regs->x[30]) != 0 ||
	    write_head(frame, regs, info, blocked) != 0 ||
	    copy_to_user(frame + REGS_IN_FRAME, regs, REGS_BYTES) != 0 ||
	    user_fp_record(frame + RESERVED_OFFSET) != 0)
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

/* Finds the FP record in a list that the program may have written: records of known kinds, ended by
 * an empty one. 0: *at is its address. */
static int find_fp(virt_addr_t reserved, virt_addr_t *at)
{
	size_t offset = 0;
	uint64_t head;

	*at = 0;
	for (;;) {
		uint32_t magic, size;

		if (offset > RESERVED_SIZE - sizeof(head) ||
		    user_load64(&head, reserved + offset) != 0)
			return -EFAULT;
		magic = (uint32_t)head;
		size = (uint32_t)(head >> 32);
		if (magic == 0)
			return size == 0 && *at ? 0 : -EFAULT;
		if (size < sizeof(head) || size > RESERVED_SIZE - offset || size % 16)
			return -EFAULT;
		if (magic == FPSIMD_MAGIC && size == sizeof(struct fpsimd_context) && *at == 0)
			*at = reserved + offset;
		else if (magic != ESR_MAGIC)
			return -EFAULT;
		offset += size;
	}
}

static int read_fp(virt_addr_t at, struct fp_state *fp)
{
	uint64_t words; /* FPSR below, FPCR above */

	if (user_load64(&words, at + offsetof(struct fpsimd_context, fpsr)) != 0 ||
	    copy_from_user(fp->v, at + offsetof(struct fpsimd_context, vregs), sizeof(fp->v)) != 0)
		return -EFAULT;
	fp->fpsr = (uint32_t)words;
	fp->fpcr = (uint32_t)(words >> 32);
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

/* The general registers come last: a frame that is bad in any other way has not touched them. One
 * whose PSTATE is not user mode, 64-bit, nothing masked, would be a way into the kernel. */
static int restore_regs(struct user_regs *regs, virt_addr_t frame)
{
	uint64_t good = regs->pstate;
	int err = copy_from_user(regs, frame + REGS_IN_FRAME, REGS_BYTES);

	if (err == 0 && (regs->pstate & (PSTATE_MODE | PSTATE_DAIF)) == 0) {
		regs->pstate &= PSTATE_USER;
		return 0;
	}
	regs->pstate = good;
	return -EFAULT;
}

int arch_signal_return(uint64_t *blocked)
{
	struct user_regs *regs = task_user_regs(current());
	virt_addr_t frame = regs->sp;
	struct {
		stack_t stack;
		uint64_t mask;
	} head;

	_Static_assert(offsetof(struct frame_head, mask) ==
			       offsetof(struct frame_head, stack) + sizeof(stack_t),
		       "in one piece");
	if (!IS_ALIGNED(frame, (virt_addr_t)16) ||
	    !user_range_ok(frame, sizeof(struct rt_sigframe)) ||
	    copy_from_user(&head, frame + offsetof(struct frame_head, stack), sizeof(head)) != 0 ||
	    restore_fp(frame) != 0)
		return -EFAULT;
	restore_signal_stack(&head.stack);
	*blocked = head.mask;
	return restore_regs(regs, frame);
}
