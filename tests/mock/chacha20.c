// SPDX-License-Identifier: MIT
/*
 * Four blocks of ChaCha20 as RFC 8439 writes them down, in place of the library's for AArch64 that
 * kernel/lib/chacha20.c calls. Like it, it is called only where the vector registers are free, and
 * leaves the state as it is.
 */
#include <string.h>

#include "kernel/lib/chacha20.h"
#include "tests/mock/mock.h"

void _ZN8CryptoPP28ChaCha_OperateKeystream_NEONEPKjPKhPhj(const uint32_t state[16],
							  const uint8_t *from, uint8_t *to,
							  unsigned rounds);

/* Most of the store's tests' time would go into checks of this arithmetic. */
#define UNCHECKED __attribute__((no_sanitize("address", "undefined")))

UNCHECKED static inline uint32_t rotate(uint32_t v, unsigned n)
{
	return v << n | v >> (32 - n);
}

UNCHECKED static inline void quarter(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
	*d = rotate(*d ^ (*a += *b), 16);
	*b = rotate(*b ^ (*c += *d), 12);
	*d = rotate(*d ^ (*a += *b), 8);
	*b = rotate(*b ^ (*c += *d), 7);
}

UNCHECKED static void block(const uint32_t state[16], uint32_t out[16], unsigned rounds)
{
	memcpy(out, state, CHACHA20_BLOCK);
	for (unsigned r = 0; r < rounds; r++) /* columns, then diagonals */
		for (unsigned i = 0; i < 4; i++)
			quarter(&out[i], &out[4 + (i + r % 2) % 4], &out[8 + (i + r % 2 * 2) % 4],
				&out[12 + (i + r % 2 * 3) % 4]);
	for (unsigned i = 0; i < 16; i++)
		out[i] += state[i];
}

UNCHECKED void _ZN8CryptoPP28ChaCha_OperateKeystream_NEONEPKjPKhPhj(const uint32_t state[16],
								    const uint8_t *from,
								    uint8_t *to, unsigned rounds)
{
	uint32_t s[16], stream[16], data[4][16];

	assert_true(mock_vectors);
	memcpy(s, state, sizeof(s));
	memcpy(data, from, sizeof(data)); /* checked, as the other is */
	for (unsigned i = 0; i < 4; i++, s[12]++) {
		block(s, stream, rounds);
		for (unsigned k = 0; k < 16; k++)
			data[i][k] ^= stream[k];
	}
	memcpy(to, data, sizeof(data));
}
