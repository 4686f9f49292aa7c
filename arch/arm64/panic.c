// SPDX-License-Identifier: MIT
/*
 * What a panic shows of its CPU: the registers of the exception that led there, if one did, and the
 * return addresses on the stack, found through frame records (AAPCS64, 6.4.6: x29 points at the
 * caller's x29 and the return address). Memory that may be damaged is looked up in the kernel's map
 * before it is read.
 */
#include "arch/arm64/panic.h"

#include "arch/arm64/kernel_map.h"
#include "arch/boot.h"
#include "kernel/log.h"
#include "mm/pmap.h"

#define TRACE_MAX 32

/* One panic at a time shows anything; see kernel/panic.c. */
static struct {
	const struct user_regs *regs;
	uint64_t esr;
	virt_addr_t far;
} trap;

void panic_registers(const struct user_regs *regs, uint64_t esr, virt_addr_t far)
{
	trap.regs = regs;
	trap.esr = esr;
	trap.far = far;
}

static void show_registers(const struct user_regs *r)
{
	log_error("pc %016lx  sp %016lx  pstate %08lx  esr %08lx  far %016lx", (unsigned long)r->pc,
		  (unsigned long)r->sp, (unsigned long)r->pstate, (unsigned long)trap.esr,
		  (unsigned long)trap.far);
	for (unsigned i = 0; i < 31; i += 4) {
		if (i + 3 < 31)
			log_error("x%-2u %016lx %016lx %016lx %016lx", i, (unsigned long)r->x[i],
				  (unsigned long)r->x[i + 1], (unsigned long)r->x[i + 2],
				  (unsigned long)r->x[i + 3]);
		else
			log_error("x%-2u %016lx %016lx %016lx", i, (unsigned long)r->x[i],
				  (unsigned long)r->x[i + 1], (unsigned long)r->x[i + 2]);
	}
}

static bool readable(virt_addr_t va)
{
	phys_addr_t pa;

	return va >= LINEAR_BASE && IS_ALIGNED(va, (virt_addr_t)8) && pmap_kernel_lookup(va, &pa) &&
	       pmap_kernel_lookup(va + 8, &pa);
}

static void show_trace(virt_addr_t pc, virt_addr_t fp)
{
	if (pc)
		log_error("  at %016lx", (unsigned long)pc);
	for (unsigned n = 0; n < TRACE_MAX && readable(fp); n++) {
		const virt_addr_t *record = (const virt_addr_t *)fp;

		if (record[1])
			log_error("  from %016lx", (unsigned long)record[1]);
		if (record[0] && record[0] <= fp && fp - record[0] < PAGE_SIZE)
			break; /* a chain that turns back is damaged; another stack is far away */
		fp = record[0];
	}
}

void arch_panic_dump(void)
{
	const struct user_regs *regs = trap.regs;

	if (regs)
		show_registers(regs);
	log_error("Back trace (image at %016lx):", (unsigned long)image_start);
	if (regs)
		show_trace(regs->pc, regs->x[29]);
	else
		show_trace(0, (virt_addr_t)__builtin_frame_address(0));
}
