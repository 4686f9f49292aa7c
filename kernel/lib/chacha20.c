// SPDX-License-Identifier: MIT
/*
 * A stream cipher. The library's source is compiled as part of this file, as LZ4's is of mm/swap/codec.c, with the few names of its common header that
 * it uses, so that nothing of a C library comes along. It needs no tables, so its time tells nothing of what it works on; and no floating-point registers, which belong to the
 * user task: that rules out the CPU's AES instructions, which the Raspberry Pi 4 has not anyway.
 */
#include "kernel/lib/chacha20.h"

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

void chacha20_apply(const void *key, const uint32_t nonce[3], uint32_t counter, void *data,
		    size_t n)
{
	(void)br_chacha20_ct_run(key, nonce, counter, data, n);
}
