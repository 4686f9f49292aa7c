// SPDX-License-Identifier: MIT
// The virtual timer's registers (DDI 0487, D12.2: CNTV_CTL_EL0, CNTV_CVAL_EL0).
#include "arch/timer.h"

#include "arch/arm64/features.h"

#define CTL_ENABLE 1

void arch_timer_off(void)
{
	write_sysreg(cntv_ctl_el0, 0);
	/* The line falls before interrupts are opened again (D12.1.2: the change is visible after a
	 * context synchronisation). */
	__asm__ volatile("isb" : : : "memory");
}

void arch_timer_program(uint64_t counter)
{
	if (counter == UINT64_MAX) {
		arch_timer_off();
		return;
	}
	write_sysreg(cntv_cval_el0, counter);
	write_sysreg(cntv_ctl_el0, CTL_ENABLE);
	__asm__ volatile("isb" : : : "memory");
}
