// SPDX-License-Identifier: MIT
/*
 * The spin locks of all that is compiled for size. The functions stand in lock.h, for what is
 * compiled for speed has them inline; here they are functions for once. GCC compiles this file
 * itself for speed (boards/common/kernel.cmake).
 */
#define SPIN_INLINE

#include "kernel/lock.h"
