// SPDX-License-Identifier: MIT
/*
 * A random generator: ChaCha20 blocks (RFC 8439, section 2.3) under a key that changes with every
 * request ("fast key erasure": the first 32 bytes of each request's key stream become the next key,
 * so what was handed out cannot be computed from a later state). Everything that is stirred in is
 * absorbed by keying the cipher with it, block by block, and taking its output as the new key.
 */
#include "kernel/random.h"

#include "kernel/lib/chacha20.h"
#include "kernel/lib/string.h"
#include "kernel/lock.h"

#define KEY_WORDS  (CHACHA20_KEY / 4)
#define STEP_WORDS 24 /* two blocks but for a key */

static struct spinlock random_lock; /* interrupts off */
static uint32_t key[KEY_WORDS];
static uint32_t steps; /* and stirs: what changed the key */
static bool seeded;

/* Bytes of the last step that nobody has got yet; what was handed out is zeroed. random_lock. */
static uint32_t stock[STEP_WORDS];
static size_t stocked;

/* A step: 96 fresh bytes, and the key is replaced by others of the same stream. A block takes more
 * than a thousand instructions, so the lock is not held meanwhile. When bytes were stirred in or
 * somebody else made a step in that time, the key that came of it and this step's are added up:
 * what either holds stays in it. Returns the step's number. */
static uint32_t key_step(uint32_t out[STEP_WORDS])
{
	uint32_t own[KEY_WORDS], nonce[3], stream[KEY_WORDS + STEP_WORDS] = { 0 };
	uint64_t old = spin_lock_irq(&random_lock), now = hw_counter();
	uint32_t step = ++steps;

	memcpy(own, key, sizeof(own));
	spin_unlock_irq(&random_lock, old);
	nonce[0] = (uint32_t)now;
	nonce[1] = (uint32_t)(now >> 32);
	nonce[2] = step;
	chacha20_apply(own, nonce, 0, stream, sizeof(stream));
	memcpy(out, &stream[KEY_WORDS], STEP_WORDS * sizeof(*out));

	old = spin_lock_irq(&random_lock);
	for (unsigned i = 0; i < KEY_WORDS; i++)
		key[i] = steps == step ? stream[i] : key[i] ^ stream[i];
	spin_unlock_irq(&random_lock, old);
	memset(own, 0, sizeof(own));
	memset(stream, 0, sizeof(stream));
	barrier();
	return step;
}

void random_stir(const void *bytes, size_t n, bool good)
{
	const uint8_t *p = bytes;
	uint32_t rest[STEP_WORDS];

	while (n > 0) {
		size_t part = MIN(n, sizeof(key));
		uint64_t old = spin_lock_irq(&random_lock);

		for (size_t i = 0; i < part; i++)
			((uint8_t *)key)[i] ^= p[i];
		steps++;
		stocked = 0; /* made without these bytes */
		spin_unlock_irq(&random_lock, old);
		key_step(rest);
		p += part;
		n -= part;
	}
	if (good)
		WRITE_ONCE(seeded, true);
}

bool random_ready(void)
{
	return READ_ONCE(seeded);
}

/* n bytes of the stock, if there are so many. */
static bool stock_take(uint8_t *out, size_t n)
{
	uint64_t old = spin_lock_irq(&random_lock);
	bool enough = stocked >= n;

	if (enough) {
		stocked -= n;
		memcpy(out, (uint8_t *)stock + stocked, n);
		memset((uint8_t *)stock + stocked, 0, n);
	}
	spin_unlock_irq(&random_lock, old);
	return enough;
}

/* What a program start or a hash key wants: several of these from one step. */
static void random_few(uint8_t *out, size_t n)
{
	uint32_t fresh[STEP_WORDS];
	size_t rest = sizeof(fresh) - n;
	uint32_t step;
	uint64_t old;

	if (stock_take(out, n))
		return;
	step = key_step(fresh);
	memcpy(out, (uint8_t *)fresh + rest, n);
	old = spin_lock_irq(&random_lock);
	if (steps == step && stocked < rest) {
		memcpy(stock, fresh, rest);
		stocked = rest;
	}
	spin_unlock_irq(&random_lock, old);
	memset(fresh, 0, sizeof(fresh));
	barrier();
}

/* A key of its own per 4 KB. */
static void random_many(uint8_t *out, size_t n)
{
	uint32_t own[STEP_WORDS];
	static const uint32_t nonce[3];

	while (n > 0) {
		size_t part = MIN(n, (size_t)4096);

		key_step(own); /* the first eight words are a key */
		memset(out, 0, part);
		chacha20_apply(own, nonce, 0, out, part);
		out += part;
		n -= part;
	}
	memset(own, 0, sizeof(own));
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
