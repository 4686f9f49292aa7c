// SPDX-License-Identifier: MIT
/*
 * Exceptions: the vectors and the ways in and out.
 *
 *    from EL0:  save struct user_regs at the top of the kernel stack, SP_EL0 := the running task,
 *               system call -> syscall_dispatch, interrupt -> irq_dispatch, the rest -> user_fault;
 *               then, interrupts off, look at task->hot.pending and either work it off or go back.
 *    from EL1:  save the same frame below what is in use; interrupt -> irq_dispatch and a switch if it asked for
 *               one, the rest -> kernel_fault.
 *
 * Both ways go by the clock: a task's time in user mode is counted here (arch.user_time), eight instructions for way in and out. The counter is read
 * without an ISB of its own: exception entry and return are context synchronisation events (Arm ARM DDI 0487, D1.3), so the two reads stay in order.
 *
 * The hardware masks D, A, I and F and stays masked until a handler opens I (and A) again. x20 holds the running task on
 * the way out. Exception entry: Arm ARM DDI 0487, D1.3; vectors: D1.3.1.
 */
#include "arch/arm64/offsets.h"
#include "arch/arm64/sysreg.h"

	.macro	save_general
	stp	x0, x1, [sp, #REGS_X(0)]
	stp	x2, x3, [sp, #REGS_X(2)]
	stp	x4, x5, [sp, #REGS_X(4)]
	stp	x6, x7, [sp, #REGS_X(6)]
	stp	x8, x9, [sp, #REGS_X(8)]
	stp	x10, x11, [sp, #REGS_X(10)]
	stp	x12, x13, [sp, #REGS_X(12)]
	stp	x14, x15, [sp, #REGS_X(14)]
	stp	x16, x17, [sp, #REGS_X(16)]
	stp	x18, x19, [sp, #REGS_X(18)]
	stp	x20, x21, [sp, #REGS_X(20)]
	stp	x22, x23, [sp, #REGS_X(22)]
	stp	x24, x25, [sp, #REGS_X(24)]
	stp	x26, x27, [sp, #REGS_X(26)]
	stp	x28, x29, [sp, #REGS_X(28)]
	.endm

	.macro	load_general		// all but x30
	ldp	x0, x1, [sp, #REGS_X(0)]
	ldp	x2, x3, [sp, #REGS_X(2)]
	ldp	x4, x5, [sp, #REGS_X(4)]
	ldp	x6, x7, [sp, #REGS_X(6)]
	ldp	x8, x9, [sp, #REGS_X(8)]
	ldp	x10, x11, [sp, #REGS_X(10)]
	ldp	x12, x13, [sp, #REGS_X(12)]
	ldp	x14, x15, [sp, #REGS_X(14)]
	ldp	x16, x17, [sp, #REGS_X(16)]
	ldp	x18, x19, [sp, #REGS_X(18)]
	ldp	x20, x21, [sp, #REGS_X(20)]
	ldp	x22, x23, [sp, #REGS_X(22)]
	ldp	x24, x25, [sp, #REGS_X(24)]
	ldp	x26, x27, [sp, #REGS_X(26)]
	ldp	x28, x29, [sp, #REGS_X(28)]
	.endm

	/* From EL0: x20 = the running task, frame pointer chain ended. */
	.macro	enter_user
	sub	sp, sp, #REGS_SIZE
	save_general
	mrs	x20, tpidr_el1
	mrs	x21, sp_el0
	mrs	x22, elr_el1
	mrs	x23, spsr_el1
	ldr	x20, [x20, #CPU_CURRENT]
	mrs	x24, cntvct_el0
	ldr	x25, [x20, #TASK_USER_TIME]
	stp	x30, x21, [sp, #REGS_X30_SP]
	stp	x22, x23, [sp, #REGS_PC_PSTATE]
	add	x25, x25, x24
	str	x25, [x20, #TASK_USER_TIME]
	msr	sp_el0, x20
	mov	x29, xzr
	.endm

	/* From EL1. A stack pointer without KSTACK_BIT is in the guard below the stack: nothing may be stored there. The test needs a
	 * register and there is none free, so x0 and sp are carried through sums of each other. */
	.macro	enter_kernel
	sub	sp, sp, #REGS_SIZE
	add	sp, sp, x0
	sub	x0, sp, x0		// the stack pointer
	tbz	x0, #KSTACK_BIT, stack_overflow
	sub	x0, sp, x0
	sub	sp, sp, x0
	save_general
	add	x21, sp, #REGS_SIZE
	mrs	x22, elr_el1
	mrs	x23, spsr_el1
	.endm

	.macro	finish_enter_kernel
	stp	x30, x21, [sp, #REGS_X30_SP]
	stp	x22, x23, [sp, #REGS_PC_PSTATE]
	stp	x29, x22, [sp, #REGS_SYSCALL_X0]	// frame record
	add	x29, sp, #REGS_SYSCALL_X0
	.endm

	.macro	vector n
	.org	vectors + \n * 128	// fails when what is before does not fit
	.endm

/* What a vector has room for is in it, 32 instructions; the vectors that are not used have the rest of others behind their one branch. */
	.section .text
	.balign	2048
	.global vectors
vectors:
/* EL1 with SP_EL0: never used. It would mean that SP_EL0, the task, is a stack: take the emergency stack. */
el1t_any:
	msr	spsel, #1
	b	to_emergency
/* x0 and sp are still mixed as in enter_kernel. */
stack_overflow:
	sub	x0, sp, x0
	sub	sp, sp, x0
to_emergency:				// TPIDRRO_EL0 and PAR_EL1 are free: there is no way back from here
	msr	tpidrro_el0, x0
	mov	x0, sp
	msr	par_el1, x0
	mrs	x0, tpidr_el1
	ldr	x0, [x0, #CPU_EMERGENCY]
	mov	sp, x0
	mrs	x0, tpidrro_el0
	sub	sp, sp, #REGS_SIZE
	b	on_emergency

	vector	1
	b	el1t_any
on_emergency:
	save_general
	mrs	x21, par_el1
	add	x21, x21, #REGS_SIZE
	mrs	x22, elr_el1
	mrs	x23, spsr_el1
	finish_enter_kernel
	mov	x0, sp
	mrs	x1, esr_el1
	mrs	x2, far_el1
	bl	kernel_stack_overflow

	vector	2
	b	el1t_any
el1_irq_done:
	mrs	x20, sp_el0
	ldr	x1, [x20]		// preempt_count below, pending above
	tbz	x1, #32, el1_exit	// TASK_NEED_RESCHED
	cbnz	w1, 1f
	bl	preempt_schedule_irq
	b	el1_exit
1:	bl	latency_switch_waits
	b	el1_exit

	vector	3
	b	el1t_any
el1_sync_more:
	bl	kernel_fault
el1_exit:
	msr	daifset, #2		// ELR and SPSR must survive from here to ERET
	ldp	x22, x23, [sp, #REGS_PC_PSTATE]
	ldr	x30, [sp, #REGS_X30_SP]
	msr	elr_el1, x22
	msr	spsr_el1, x23
	load_general
	add	sp, sp, #REGS_SIZE
	eret

/* ---- From the kernel ------------------------------------------------------------------------------------------------- */

	vector	4			// synchronous
	enter_kernel
	finish_enter_kernel
	mov	x0, sp
	mrs	x1, esr_el1
	mrs	x2, far_el1
	b	el1_sync_more

	vector	5			// IRQ
	enter_kernel
	finish_enter_kernel
	bl	irq_dispatch
	b	el1_irq_done

	vector	6			// FIQ
	enter_kernel
	finish_enter_kernel
	mov	x0, sp
	mrs	x1, esr_el1
	bl	unexpected_exception

	vector	7			// SError
	enter_kernel
	finish_enter_kernel
	mov	x0, sp
	mrs	x1, esr_el1
	bl	kernel_serror

/* ---- From user mode -------------------------------------------------------------------------------------------------- */

	vector	8			// synchronous
	enter_user
	mrs	x1, esr_el1
	b	el0_sync_more

	vector	9			// IRQ
	enter_user
	bl	irq_dispatch
	b	user_exit

	vector	10			// FIQ
el0_fiq:
	enter_user
	mov	x0, sp
	mrs	x1, esr_el1
	bl	unexpected_exception

	vector	11			// SError
	enter_user
	mov	x0, sp
	mrs	x1, esr_el1
	b	el0_serror_more

	vector	12			// AArch32: no task has such a PSTATE
	b	el0_fiq
user_work_off:
	mov	x0, sp
	bl	user_pending		// comes back with nothing pending and interrupts off
	b	user_leave

	vector	13
	b	el0_fiq
el0_serror_more:
	msr	daifclr, #6
	bl	user_serror
	b	user_exit

	vector	14
	b	el0_fiq

	vector	15
	b	el0_fiq
el0_sync_more:
	lsr	x24, x1, #EC_SHIFT
	cmp	x24, #EC_SVC64
	b.ne	1f
	str	x0, [sp, #REGS_SYSCALL_X0]
	msr	daifclr, #6		// A and I
	mov	x0, sp
	bl	syscall_dispatch
	b	user_exit
1:	mrs	x2, far_el1		// before anything else can fault
	msr	daifclr, #6
	mov	x0, sp
	bl	user_fault
	b	user_exit

	.balign	16
user_exit:				// x20: the running task
	msr	daifset, #2
	ldr	w1, [x20, #TASK_PENDING]
	cbnz	w1, user_work_off
user_leave:
	mrs	x24, cntvct_el0
	ldr	x25, [x20, #TASK_USER_TIME]
	ldp	x22, x23, [sp, #REGS_PC_PSTATE]
	ldp	x30, x21, [sp, #REGS_X30_SP]
	sub	x25, x25, x24
	str	x25, [x20, #TASK_USER_TIME]
	msr	elr_el1, x22
	msr	spsr_el1, x23
	msr	sp_el0, x21
	load_general
	add	sp, sp, #REGS_SIZE
	eret

/* ---- Beginnings ------------------------------------------------------------------------------------------------------ */

/* First steps of a task (switch_stacks in thread.c leads here): x0 the task that ran before; a function and its argument on the stack. */
	.global kernel_thread_start
kernel_thread_start:
	ldp	x19, x20, [sp], #16
	bl	sched_finish_switch
	msr	daifclr, #6
	mov	x0, x20
	blr	x19
	bl	sched_exit

	.global user_thread_start
user_thread_start:
	add	sp, sp, #16		// what kernel threads have there
	bl	sched_finish_switch
	.global arch_user_exit
arch_user_exit:				// sp: the user's registers
	mrs	x20, sp_el0
	b	user_exit

/* arch_return_to_user: forget this stack's frames and leave by the registers at its top (x0). */
	.global leave_to_user
leave_to_user:
	msr	daifset, #2
	mov	sp, x0
	mov	x29, xzr
	b	arch_user_exit
