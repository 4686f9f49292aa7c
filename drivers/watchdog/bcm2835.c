// SPDX-License-Identifier: MIT
/*
 * The watchdog in the power management block of Broadcom's BCM2835 to BCM2711. (No manual of
 * Broadcom's tells of it: register names and values are those of Linux's binding brcm,bcm2835-pm
 * and of the boot firmware's public sources.) It counts down 20 bits in units of 1/65536 s. Every
 * write carries a password. The partition number that the boot firmware finds in RSTS after a reset
 * says what to start; 63 is none: stay off.
 */
#include "kernel/driver.h"
#include "kernel/errno.h"
#include "kernel/log.h"
#include "kernel/watchdog.h"

enum pm_register { PM_RSTC = 0x1c, PM_RSTS = 0x20, PM_WDOG = 0x24 };

#define PM_PASSWORD    0x5a000000u
#define RSTC_MODE      0x30u /* what happens when it has counted down */
#define RSTC_RESET     0x20u
#define RSTC_NOTHING   0x102u
#define RSTS_PARTITION 0x555u /* its six bits are the even ones */
#define WDOG_MAX       0xfffffu
#define WDOG_HZ        65536u

static volatile void *pm;

static void pm_write(size_t reg, uint32_t v)
{
	mmio_write32(pm, reg, PM_PASSWORD | v);
}

static void bcm2835_arm(uint32_t ms)
{
	uint64_t ticks = (uint64_t)ms * WDOG_HZ / 1000;

	pm_write(PM_WDOG, ticks < WDOG_MAX ? (uint32_t)ticks : WDOG_MAX);
	pm_write(PM_RSTC, (mmio_read32(pm, PM_RSTC) & 0xffffff & ~RSTC_MODE) | RSTC_RESET);
}

static void bcm2835_disarm(void)
{
	pm_write(PM_RSTC, RSTC_NOTHING);
}

static void bcm2835_stay_off(void)
{
	pm_write(PM_RSTS, (mmio_read32(pm, PM_RSTS) & 0xffffff) | RSTS_PARTITION);
}

static const struct watchdog bcm2835_watchdog = {
	.name = "bcm2835-wdt",
	.max_ms = (uint32_t)((uint64_t)WDOG_MAX * 1000 / WDOG_HZ),
	.arm = bcm2835_arm,
	.disarm = bcm2835_disarm,
	.stay_off = bcm2835_stay_off,
};

static int bcm2835_probe(struct device *dev)
{
	phys_addr_t base;
	uint64_t size;
	int err = device_reg(dev, 0, &base, &size);

	if (err)
		return err;
	pm = mmio_map(base, PM_WDOG + 4);
	if (!pm)
		return -ENOMEM;
	return watchdog_register(&bcm2835_watchdog);
}

static const char *const bcm2835_compatible[] = { "brcm,bcm2835-pm-wdt", NULL };

DRIVER(bcm2835) = {
	.name = "bcm2835-wdt",
	.compatible = bcm2835_compatible,
	.stage = DRIVER_EARLY,
	.probe = bcm2835_probe,
};
