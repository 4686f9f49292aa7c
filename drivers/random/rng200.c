// SPDX-License-Identifier: MIT
/*
 * Broadcom's RNG200 random number generator as the BCM2711 has it (register names and values:
 * Linux's binding brcm,iproc-rng200). Once enabled it makes a bit a microsecond; the first 0x40000
 * are discarded. Where the boot loader gave a seed, nothing of that happens; else boot waits a
 * quarter of a second for it: swap's key, for one, is drawn soon.
 */
#include "kernel/driver.h"
#include "kernel/errno.h"
#include "kernel/log.h"
#include "kernel/random.h"
#include "kernel/time.h"
#include "kernel/waitq.h"

enum rng_register {
	RNG_CTRL = 0x00,
	RNG_BITS = 0x0c,      /* made so far */
	RNG_THRESHOLD = 0x10, /* so many are discarded */
	RNG_FIFO_DATA = 0x20,
	RNG_FIFO_COUNT = 0x24, /* words in the FIFO */
};

#define CTRL_ON    0x1fffu         /* any of these: it is running */
#define CTRL_START (3u << 13 | 1u) /* 1 MHz, on */
#define DISCARD    0x40000u
#define BITS_READY 16u
#define COUNT      0xffu
#define SEED_WORDS 16
#define TRIES      100
#define TRY_EVERY  (20 * NSEC_PER_MSEC)

static int gather(volatile void *base)
{
	uint32_t seed[SEED_WORDS];
	unsigned n = 0;

	for (unsigned tries = 0; n < SEED_WORDS && tries < TRIES; tries++) {
		(void)time_sleep_until(time_now() + TRY_EVERY, WAIT_UNINTERRUPTIBLE);
		if (mmio_read32(base, RNG_BITS) <= BITS_READY)
			continue;
		while (n < SEED_WORDS && (mmio_read32(base, RNG_FIFO_COUNT) & COUNT) != 0)
			seed[n++] = mmio_read32(base, RNG_FIFO_DATA);
	}
	if (n < SEED_WORDS) {
		log_error("rng200: no random numbers within %u s",
			  (unsigned)(TRIES * TRY_EVERY / NSEC_PER_SEC));
		return -ETIMEDOUT;
	}
	random_stir(seed, sizeof(seed), true);
	log_info("rng200: the random generator is seeded");
	return 0;
}

static int rng200_probe(struct device *dev)
{
	phys_addr_t base;
	uint64_t size;
	volatile void *regs;
	int err = random_ready() ? -ENODEV : device_reg(dev, 0, &base, &size);

	if (err)
		return err;
	regs = mmio_map(base, RNG_FIFO_COUNT + 4);
	if (!regs)
		return -ENOMEM;
	if (!(mmio_read32(regs, RNG_CTRL) & CTRL_ON)) {
		mmio_write32(regs, RNG_THRESHOLD, DISCARD);
		mmio_write32(regs, RNG_CTRL, CTRL_START);
	}
	return gather(regs);
}

static const char *const rng200_compatible[] = { "brcm,bcm2711-rng200", NULL };

DRIVER(rng200) = {
	.name = "rng200",
	.compatible = rng200_compatible,
	.stage = DRIVER_DEVICE,
	.probe = rng200_probe,
};
