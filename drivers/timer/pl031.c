// SPDX-License-Identifier: MIT
// Arm PrimeCell real time clock (PL031, DDI 0224): a counter of seconds since 1970 that sets the
// wall clock once at boot.
#include "kernel/driver.h"
#include "kernel/errno.h"
#include "kernel/log.h"
#include "kernel/time.h"

#define RTCDR      0x000 /* seconds, read only (DDI 0224, 3.3.1) */
#define RTCCR      0x00c /* bit 0: the counter runs (3.3.4) */
#define PERIPH_ID0 0xfe0
#define PERIPH_ID1 0xfe4
#define WINDOW     0x1000

static int pl031_probe(struct device *dev)
{
	phys_addr_t base;
	uint64_t size;
	volatile void *regs;
	uint32_t seconds;
	int err = device_reg(dev, 0, &base, &size);

	if (err)
		return err;
	if (size < WINDOW)
		return -EINVAL;
	regs = mmio_map(base, WINDOW);
	if (!regs)
		return -ENOMEM;
	/* The part number, 0x031, is spread over two registers (3.3.9). */
	if ((mmio_read32(regs, PERIPH_ID0) & 0xff) != 0x31 ||
	    (mmio_read32(regs, PERIPH_ID1) & 0xf) != 0)
		return -ENODEV;
	if (!(mmio_read32(regs, RTCCR) & 1))
		mmio_write32(regs, RTCCR, 1);
	seconds = mmio_read32(regs, RTCDR);
	time_set_wall((uint64_t)seconds * NSEC_PER_SEC);
	log_info("%s: wall clock %u s", dev->name, seconds);
	return 0;
}

static const char *const pl031_ids[] = { "arm,pl031", NULL };

DRIVER(pl031) = {
	.name = "pl031",
	.compatible = pl031_ids,
	.stage = DRIVER_DEVICE,
	.probe = pl031_probe,
};
