// SPDX-License-Identifier: MIT
#ifndef KERNEL_SWAP_BOOT_H
#define KERNEL_SWAP_BOOT_H

/* Takes swap's settings from the command line and switches on what there is. Once, after the
 * devices have been found; may sleep. */
void swap_boot(void);

#endif
