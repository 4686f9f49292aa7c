// SPDX-License-Identifier: MIT
/*
 * A stream cipher. The library's function (Crypto++, of Debian's package libcrypto++-dev; linked as
 * it is) makes four blocks at a time in vector registers, which belong to the user's task:
 * hw_with_vectors() lends them. It needs no tables, so its time tells nothing of what it works on.
 */
#include "kernel/lib/chacha20.h"

#include "arch/hw.h"
#include "kernel/lib/string.h"

#define STEP (4 * CHACHA20_BLOCK)

/* CryptoPP::ChaCha_OperateKeystream_NEON: adds the key stream of state's block counter and the
 * three after it to STEP bytes; from and to may be the same. */
void chacha20_four(const uint32_t state[16], const uint8_t *from, uint8_t *to,
		   unsigned rounds) __asm__("_ZN8CryptoPP28ChaCha_OperateKeystream_NEONEPKjPKhPhj");

struct work {
	uint32_t state[16]; /* RFC 8439, 2.3: constants, key, counter, nonce */
	uint8_t *at;
	size_t n;
};

static void work_do(void *arg)
{
	struct work *w = arg;
	uint8_t rest[STEP];

	for (; w->n >= STEP; w->n -= STEP, w->at += STEP, w->state[12] += 4)
		chacha20_four(w->state, w->at, w->at, 20);
	if (w->n > 0) {
		memcpy(rest, w->at, w->n);
		chacha20_four(w->state, rest, rest, 20);
		memcpy(w->at, rest, w->n);
	}
}

void chacha20_apply(const void *key, const uint32_t nonce[3], uint32_t counter, void *data,
		    size_t n)
{
	struct work w = {
		.state = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, [12] = counter, nonce[0],
			   nonce[1], nonce[2] },
		.at = data,
		.n = n,
	};

	memcpy(&w.state[4], key, CHACHA20_KEY);
	hw_with_vectors(work_do, &w);
	memset(&w, 0, sizeof(w));
	barrier(); /* the key stays nowhere */
}
