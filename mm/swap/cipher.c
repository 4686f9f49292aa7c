// SPDX-License-Identifier: MIT
/*
 * The stream cipher of the swap store. The library's source is compiled as part of this file, as LZ4's is of codec.c, with the few names of its common header that
 * it uses, so that nothing of a C library comes along. It needs no tables, so its time tells nothing of what it works on; and no floating-point registers, which belong to the
 * user task: that rules out the CPU's AES instructions, which the Raspberry Pi 4 has not anyway.
 */
#include "mm/swap/cipher.h"

#define INNER_H__ /* of the common header nothing is read */
#define memcpy    __builtin_memcpy

static inline uint32_t br_dec32le(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline void br_enc32le(void *p, uint32_t v)
{
	memcpy(p, &v, sizeof(v));
}

static uint32_t br_chacha20_ct_run(const void *key, const void *iv, uint32_t cc, void *data,
				   size_t len);
// NOLINTNEXTLINE(bugprone-suspicious-include): see above
#include <symcipher/chacha20_ct.c>

void cipher_apply(const uint8_t key[CIPHER_KEY], uint32_t life, uint32_t place, void *data,
		  size_t n)
{
	const uint32_t nonce[3] = { life, place, 0 };

	(void)br_chacha20_ct_run(key, nonce, 0, data, n);
}
