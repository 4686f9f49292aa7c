// SPDX-License-Identifier: MIT
// What a panic shows of the CPU.
#ifndef ARCH_ARM64_PANIC_H
#define ARCH_ARM64_PANIC_H

#include "arch/thread.h"

/* Remembers the registers of the exception that leads to this CPU's panic(), for
 * arch_panic_dump(). */
void panic_registers(const struct user_regs *regs, uint64_t esr, virt_addr_t far);

#endif
