// SPDX-License-Identifier: MIT
// What lies on a medium that others can read, enciphered: ChaCha20 (RFC 8439) of Debian's source package bearssl.
#ifndef MM_SWAP_CIPHER_H
#define MM_SWAP_CIPHER_H

#include "kernel/lib/types.h"

#define CIPHER_KEY 32u /* bytes */

/* Enciphers n bytes in place, or deciphers what that made. Under one key no pair of (life, place) may be used for two different contents: who had both would have
 * their difference. Preemptible; any context; about 1,150 instructions for each 64 bytes begun. */
void cipher_apply(const uint8_t key[CIPHER_KEY], uint32_t life, uint32_t place, void *data,
		  size_t n);

#endif
