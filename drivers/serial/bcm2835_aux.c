// SPDX-License-Identifier: MIT
/*
 * The mini-UART of Broadcom's BCM2835 to BCM2711 ("BCM2711 ARM Peripherals", chapter 2; its errata
 * for the interrupt enables, whose two lowest bits are described the wrong way round there, and for
 * the data size, which takes two bits). Eight bytes of FIFO each way, no parity, no breaks. Its
 * speed comes from the VideoCore's core clock, which the firmware keeps still when its
 * enable_uart=1, and has set: the divisor stays as it is.
 */
#include "drivers/serial/port.h"

enum aux_register { /* from the mini-UART's own; the enables of the auxiliary block lie below */
		    MU_IO = 0x00,
		    MU_IER = 0x04,
		    MU_IIR = 0x08, /* written: clears FIFOs */
		    MU_LCR = 0x0c,
		    MU_LSR = 0x14,
		    MU_CNTL = 0x20,
};
#define AUX_ENABLES (-0x3c)

#define ENABLE_UART 1u
/* bits 2 and 3: "must be set to receive" */
#define IER_RX      (1u << 0 | 1u << 2 | 1u << 3)
#define IER_TX      (1u << 1)
#define IIR_CAUSE   (3u << 1) /* with bit 0 clear: 1 room to send, 2 bytes received */
#define IIR_TX      (1u << 1)
#define IIR_NONE    (1u << 0)
#define LCR_8BIT    3u
#define LSR_READY   (1u << 0)
#define LSR_OVERRUN (1u << 1) /* cleared by reading */
#define LSR_ROOM    (1u << 5)
#define LSR_IDLE    (1u << 6)
#define CNTL_RX_TX  3u

static void aux_enable(volatile void *base, unsigned events)
{
	mmio_write32(base, MU_IER,
		     (events & PORT_RX ? IER_RX : 0) | (events & PORT_TX ? IER_TX : 0));
}

/* The FIFOs stay as they are: the early console's last bytes may still be in one. */
static void aux_start(volatile void *base)
{
	volatile char *block = (volatile char *)base + AUX_ENABLES;

	mmio_write32(block, 0, mmio_read32(block, 0) | ENABLE_UART);
	aux_enable(base, 0);
	mmio_write32(base, MU_LCR, LCR_8BIT);
	mmio_write32(base, MU_CNTL, CNTL_RX_TX);
}

static unsigned aux_events(volatile void *base)
{
	uint32_t cause = mmio_read32(base, MU_IIR);

	if (cause & IIR_NONE)
		return 0;
	/* One cause at a time is told, bytes before room: the other comes again. */
	return (cause & IIR_CAUSE) == IIR_TX ? PORT_TX : PORT_RX;
}

static bool aux_put(volatile void *base, uint8_t c)
{
	if (!(mmio_read32(base, MU_LSR) & LSR_ROOM))
		return false;
	mmio_write32(base, MU_IO, c);
	return true;
}

static bool aux_get(volatile void *base, uint8_t *c, unsigned *flags)
{
	uint32_t status = mmio_read32(base, MU_LSR);

	if (!(status & LSR_READY))
		return false;
	*c = (uint8_t)mmio_read32(base, MU_IO);
	*flags = status & LSR_OVERRUN ? UART_OVERRUN : 0;
	return true;
}

static bool aux_idle(volatile void *base)
{
	return mmio_read32(base, MU_LSR) & LSR_IDLE;
}

static const struct port_hw aux_hw = {
	.kind = "mini-UART",
	.prefix = "ttyS",
	.start = aux_start,
	.enable = aux_enable,
	.events = aux_events,
	.put = aux_put,
	.get = aux_get,
	.idle = aux_idle,
};

static int aux_probe(struct device *dev)
{
	return port_probe(dev, &aux_hw, 0); /* there is one */
}

EARLY_CONSOLE(aux_early, "brcm,bcm2835-aux-uart", aux_put);

static const char *const aux_compatible[] = { "brcm,bcm2835-aux-uart", NULL };

DRIVER(bcm2835_aux) = {
	.name = "bcm2835-aux-uart",
	.compatible = aux_compatible,
	.stage = DRIVER_EARLY,
	.probe = aux_probe,
};
