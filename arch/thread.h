// SPDX-License-Identifier: MIT
/*
 * What kernel/ asks of the architecture for tasks: registers of user mode, new stacks, signal
 * frames. Fulfilled by arch/arm64/thread.c and signal.c. struct user_regs is what the exception
 * entry saves, at the top of the task's kernel stack.
 */
#ifndef ARCH_THREAD_H
#define ARCH_THREAD_H

#include "kernel/task.h"

struct user_regs {
	uint64_t x[31];
	uint64_t sp, pc, pstate;
	uint64_t syscall_x0; /* x0 at the call, for restarting it */
	uint64_t pad;
};

struct ksiginfo; /* kernel/signal.h */
struct ksigaction;

/* The registers with which t will return to user mode. */
struct user_regs *task_user_regs(struct task *t);
/* Counter ticks that t has spent in user mode, up to now. Any context; t stays. */
uint64_t arch_user_ticks(const struct task *t);
/* Prepares a task that never ran: on its first switch it calls fn(arg) on its kernel stack (after
 * sched_finish_switch). */
void arch_task_init_kernel(struct task *t, void (*fn)(void *), void *arg);
/* As fork(2)'s child: on its first switch it returns to user mode with parent's registers, x0 = 0,
 * sp (0: unchanged) and tls (when set_tls). FP state is copied. */
void arch_task_init_fork(struct task *child, struct task *parent, virt_addr_t sp, bool set_tls,
			 virt_addr_t tls);
/* Fresh registers for exec: everything zero but pc and sp; FP and TLS cleared. current() only. */
void arch_exec_start(virt_addr_t pc, virt_addr_t sp);
/* Leaves the kernel for user mode with task_user_regs(current()): for the first task after exec. */
NORETURN void arch_return_to_user(void);
/* Builds the AArch64 Linux signal frame (rt_sigframe: siginfo, ucontext, fpsimd context) on the
 * user's (or alternate) stack and points the registers at the handler. blocked: the mask to restore
 * afterwards. 0, or -EFAULT: the stack is bad (kill with SIGSEGV). */
int arch_signal_deliver(int signo, const struct ksiginfo *info, const struct ksigaction *act,
			uint64_t blocked);
/* rt_sigreturn(2): restores registers from the frame; *blocked gets the mask. 0 or -EFAULT. Checks
 * pstate: user mode only. */
int arch_signal_return(uint64_t *blocked);
/* For exec: maps the vDSO page, which holds the return trampoline of signal handlers, and notes its
 * address in as->vdso (AT_SYSINFO_EHDR). 0 or negative errno (then as->vdso is unchanged). May
 * sleep. */
int arch_map_vdso(struct aspace *as, virt_addr_t hint) MUST_CHECK;
/* Bits for AT_HWCAP and AT_HWCAP2, and AT_PLATFORM's string. */
uint64_t arch_hwcap(void);
uint64_t arch_hwcap2(void);
/* MIDR_EL1 of a CPU that has started (DDI 0487, D17.2 "MIDR_EL1, Main ID Register"): implementer
 * 31:24, variant 23:20, part 15:4, revision 3:0. */
uint32_t arch_cpu_midr(unsigned cpu);
/* In an interrupt's handler: the kernel's instruction that it came before, or 0 when that was in
 * user mode; *from: the link register, most often the caller of a function that has no frame of its
 * own. */
virt_addr_t arch_interrupted(virt_addr_t *from);
/* Ends the machine: status goes to the emulator when there is one (semihosting), else power off;
 * reset starts again. */
NORETURN void machine_off(int status);
NORETURN void machine_reset(void);

/* Called by the exception entry. */
void syscall_dispatch(struct user_regs *regs); /* kernel/syscall.c: number in x8, arguments x0..x5,
						  result to x0 */
void user_work(struct user_regs *regs); /* kernel/signal.c: TASK_SIGNAL and other pending work
					   before user mode; interrupts on */
/* A fault of user code that is not resolved by mm: kernel/signal.c. si_code and address as siginfo
 * wants them. */
void signal_fault(int signo, int si_code, virt_addr_t address);

/* kernel/main.c, on the boot CPU with MMU, linear map of RAM, early console and frame array not
 * yet; dtb is its physical address (0: none). */
NORETURN void kernel_main(phys_addr_t dtb);
/* kernel/main.c, on each other CPU with its idle task as current. */
NORETURN void kernel_secondary(unsigned cpu);
/* Starts every CPU the device tree names (PSCI or spin table); called by kernel_main once tasks
 * work. */
void smp_start_all(void);

#endif
