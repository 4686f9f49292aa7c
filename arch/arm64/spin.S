// SPDX-License-Identifier: MIT
// The way to the wait for a spin lock, from functions that do not know that they call (hw_spin_wait()).
	.section .text
/* hw_spin_wait(): waits for the word at x16 to be x17. x15: the link register of who waits. Keeps all registers but x15 to x17. */
	.global cpu_spin_wait
cpu_spin_wait:
	stp	x29, x30, [sp, #-160]!
	mov	x29, sp
	stp	x0, x1, [sp, #16]
	stp	x2, x3, [sp, #32]
	stp	x4, x5, [sp, #48]
	stp	x6, x7, [sp, #64]
	stp	x8, x9, [sp, #80]
	stp	x10, x11, [sp, #96]
	stp	x12, x13, [sp, #112]
	stp	x14, x15, [sp, #128]
	str	x18, [sp, #144]
	mov	x0, x16
	mov	x1, x17
	mov	x2, x30
	mov	x3, x15
	bl	spin_wait
	ldp	x0, x1, [sp, #16]
	ldp	x2, x3, [sp, #32]
	ldp	x4, x5, [sp, #48]
	ldp	x6, x7, [sp, #64]
	ldp	x8, x9, [sp, #80]
	ldp	x10, x11, [sp, #96]
	ldp	x12, x13, [sp, #112]
	ldp	x14, x15, [sp, #128]
	ldr	x18, [sp, #144]
	ldp	x29, x30, [sp], #160
	ret
