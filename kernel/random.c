// SPDX-License-Identifier: MIT
/*
 * A random generator: ChaCha20 blocks (RFC 8439, section 2.3) under a key that changes with every request ("fast key erasure": the first 32 bytes of
 * each request's key stream become the next key, so what was handed out cannot be computed from a later state). Everything that is
 * stirred in is absorbed by keying the cipher with it, block by block, and taking its output as the new key.
 */
#include "kernel/random.h"

#include "kernel/lib/chacha20.h"
#include "kernel/lib/string.h"
#include "kernel/lock.h"

#define KEY_WORDS (CHACHA20_KEY / 4)

static struct spinlock random_lock; /* interrupts off */
static uint32_t key[KEY_WORDS];
static uint64_t stirs;
static bool seeded;

/* One block of the key stream. */
static void block_make(const uint32_t *k, uint32_t counter, const uint32_t nonce[3],
		       uint32_t out[16])
{
	memset(out, 0, CHACHA20_BLOCK);
	chacha20_apply(k, nonce, counter, out, CHACHA20_BLOCK);
}

/* The nonce of the next step. */
static void nonce_next_locked(uint32_t nonce[3])
{
	uint64_t now = hw_counter();

	nonce[0] = (uint32_t)now;
	nonce[1] = (uint32_t)(now >> 32);
	nonce[2] = (uint32_t)stirs++;
}

/* Replaces the key; what is left of the block (32 bytes) goes to rest. */
static void key_step_locked(uint32_t rest[8])
{
	uint32_t nonce[3], block[16];

	nonce_next_locked(nonce);
	block_make(key, 0, nonce, block);
	memcpy(key, block, sizeof(key));
	memcpy(rest, &block[8], 32);
}

/* Bytes of the last step that nobody has got yet; what was handed out is zeroed. random_lock. */
static uint32_t stock[24];
static size_t stocked;

/* A step of the key whose stream is a block longer: three quarters of it are for others, not half. */
static void stock_fill_locked(void)
{
	uint32_t nonce[3], block[16];

	nonce_next_locked(nonce);
	block_make(key, 1, nonce, &stock[8]);
	block_make(key, 0, nonce, block);
	memcpy(key, block, sizeof(key));
	memcpy(stock, &block[8], 32);
	stocked = sizeof(stock);
}

void random_stir(const void *bytes, size_t n, bool good)
{
	const uint8_t *p = bytes;
	uint32_t rest[8];

	while (n > 0) {
		size_t step = MIN(n, sizeof(key));
		uint64_t old = spin_lock_irq(&random_lock);

		for (size_t i = 0; i < step; i++)
			((uint8_t *)key)[i] ^= p[i];
		stocked = 0; /* made without these bytes */
		key_step_locked(rest);
		if (good)
			seeded = true;
		spin_unlock_irq(&random_lock, old);
		p += step;
		n -= step;
	}
}

bool random_ready(void)
{
	return READ_ONCE(seeded);
}

/* What a program start or a hash key wants: several of these from one block. */
static void random_few(uint8_t *out, size_t n)
{
	uint64_t old = spin_lock_irq(&random_lock);

	if (stocked < n)
		stock_fill_locked();
	stocked -= n;
	memcpy(out, (uint8_t *)stock + stocked, n);
	memset((uint8_t *)stock + stocked, 0, n);
	spin_unlock_irq(&random_lock, old);
}

/* One block under a key of its own per 4 KB; the lock is held for one step of the key only. */
static void random_many(uint8_t *out, size_t n)
{
	uint32_t own[8], block[16];
	static const uint32_t nonce[3];

	while (n > 0) {
		uint64_t old = spin_lock_irq(&random_lock);

		key_step_locked(own);
		spin_unlock_irq(&random_lock, old);
		for (uint32_t i = 0; i < 4096 / CHACHA20_BLOCK && n > 0; i++) {
			size_t step = MIN(n, (size_t)CHACHA20_BLOCK);

			block_make(own, i, nonce, block);
			memcpy(out, block, step);
			out += step;
			n -= step;
		}
	}
	memset(own, 0, sizeof(own));
	memset(block, 0, sizeof(block));
	barrier();
}

void random_bytes(void *buf, size_t n)
{
	if (n <= sizeof(stock))
		random_few(buf, n);
	else
		random_many(buf, n);
}

uint64_t random_u64(void)
{
	uint64_t v;

	random_bytes(&v, sizeof(v));
	return v;
}
