// SPDX-License-Identifier: MIT
/*
 * Random numbers: ChaCha20 (RFC 8439) under a key that is replaced by its own output after every
 * request, so that what was given out cannot be computed back. Seeded from /chosen's rng-seed and
 * stirred with the counter.
 */
#ifndef KERNEL_RANDOM_H
#define KERNEL_RANDOM_H

#include "kernel/lib/types.h"

/* Fills buf. Any context without sleeping; long requests are cut in bounded steps. */
void random_bytes(void *buf, size_t n);
uint64_t random_u64(void);
/* Mixes n bytes into the key. `good`: they hold at least 128 bits that nobody can guess (rng-seed);
 * then random_ready() is true. */
void random_stir(const void *bytes, size_t n, bool good);
bool random_ready(void);
#endif
