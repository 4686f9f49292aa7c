// SPDX-License-Identifier: MIT
// ChaCha20 (RFC 8439), with a library's function: the swap store enciphers with it, and the random
// generator draws from it.
#ifndef KERNEL_LIB_CHACHA20_H
#define KERNEL_LIB_CHACHA20_H

#include "kernel/lib/types.h"

#define CHACHA20_KEY   32u /* bytes */
#define CHACHA20_BLOCK 64u

/* Adds (exclusive or) the key stream from block `counter` on to n bytes in place: enciphers,
 * deciphers, or makes the stream of zeroes. Under one key no two contents may meet the same nonce
 * and block: who had both would have their difference. Blocks' numbers stay below 2^32.
 * Preemptible; any task, no interrupt; about 1,650 instructions for each four blocks begun, 60 for
 * the call. */
void chacha20_apply(const void *key, const uint32_t nonce[3], uint32_t counter, void *data,
		    size_t n);

#endif
