// SPDX-License-Identifier: MIT
// Offsets in the vDSO page (vdso.S). Usable from assembly.
#ifndef ARCH_ARM64_VDSO_H
#define ARCH_ARM64_VDSO_H

#define VDSO_SIGRETURN 0x400
#define VDSO_CLOCK     0x540 /* struct vdso_clock (vdso.c), in a cache line of its own */

#endif
