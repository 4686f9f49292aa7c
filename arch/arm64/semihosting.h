// SPDX-License-Identifier: MIT
// Leaving the emulator; its console is in arch/boot.h.
#ifndef ARCH_ARM64_SEMIHOSTING_H
#define ARCH_ARM64_SEMIHOSTING_H

/* Ends the emulator with this exit status; comes back when there is none. Any context. */
void emulator_exit(int status);

#endif
