// SPDX-License-Identifier: MIT
// Names that are unique for good, as text.
#ifndef KERNEL_LIB_UUID_H
#define KERNEL_LIB_UUID_H

#include "kernel/lib/types.h"

#define UUID_TEXT 37 /* bytes, the end included */

/* 16 bytes as their usual 36 characters (RFC 9562, 4), terminated. */
void format_uuid(char text[UUID_TEXT], const uint8_t uuid[16]);

#endif
