// SPDX-License-Identifier: MIT
/*
 * PL011 UART (Arm DDI 0183). The firmware has set the speed, and knows the clock better than the
 * device tree does, so the divisors stay as they are. The receive interrupt comes at half a FIFO or
 * after 32 bit times of silence, the transmit interrupt once the FIFO has drained to half.
 */
#include "drivers/serial/port.h"

enum pl011_register {
	UARTDR = 0x00,    /* data; reading, bits 8..11 are errors */
	UARTFR = 0x18,    /* flags */
	UARTLCR_H = 0x2c, /* line control */
	UARTCR = 0x30,    /* control */
	UARTIFLS = 0x34,  /* FIFO levels for interrupts */
	UARTIMSC = 0x38,  /* interrupt mask: 1 lets through */
	UARTMIS = 0x40,   /* masked interrupt status */
	UARTICR = 0x44,   /* interrupt clear */
};

#define FR_BUSY    (1u << 3)
#define FR_RXFE    (1u << 4)
#define FR_TXFF    (1u << 5)
#define FR_TXFE    (1u << 7)
#define LCR_FEN    (1u << 4)
#define LCR_8BIT   (3u << 5)
#define CR_UARTEN  (1u << 0)
#define CR_TXE     (1u << 8)
#define CR_RXE     (1u << 9)
#define IFLS_HALF  ((2u << 0) | (2u << 3))
#define INT_RX     (1u << 4)
#define INT_TX     (1u << 5)
#define INT_RT     (1u << 6) /* receive time-out */
#define INT_ALL    0x7ffu
#define DR_FRAMING (1u << 8)
#define DR_PARITY  (1u << 9)
#define DR_BREAK   (1u << 10)
#define DR_OVERRUN (1u << 11)

static void pl011_enable(volatile void *base, unsigned events)
{
	mmio_write32(base, UARTIMSC,
		     (events & PORT_RX ? INT_RX | INT_RT : 0) | (events & PORT_TX ? INT_TX : 0));
}

static void pl011_start(volatile void *base)
{
	pl011_enable(base, 0);
	mmio_write32(base, UARTICR, INT_ALL);
	mmio_write32(base, UARTIFLS, IFLS_HALF);
	mmio_write32(base, UARTLCR_H, LCR_8BIT | LCR_FEN);
	mmio_write32(base, UARTCR, CR_UARTEN | CR_TXE | CR_RXE);
}

static unsigned pl011_events(volatile void *base)
{
	uint32_t status = mmio_read32(base, UARTMIS);

	/* Those of the receiver fall when the FIFO is read. */
	mmio_write32(base, UARTICR, status & ~(INT_RX | INT_RT));
	return (status & (INT_RX | INT_RT) ? PORT_RX : 0) | (status & INT_TX ? PORT_TX : 0);
}

static bool pl011_put(volatile void *base, uint8_t c)
{
	if (mmio_read32(base, UARTFR) & FR_TXFF)
		return false;
	mmio_write32(base, UARTDR, c);
	return true;
}

static bool pl011_get(volatile void *base, uint8_t *c, unsigned *flags)
{
	uint32_t dr;

	if (mmio_read32(base, UARTFR) & FR_RXFE) {
		mmio_write32(base, UARTICR, INT_RT); /* it may have come for bytes that are gone */
		return false;
	}
	dr = mmio_read32(base, UARTDR);
	*c = (uint8_t)dr;
	*flags = (dr & DR_FRAMING ? UART_FRAMING : 0) | (dr & DR_PARITY ? UART_PARITY : 0) |
		 (dr & DR_BREAK ? UART_BREAK : 0) | (dr & DR_OVERRUN ? UART_OVERRUN : 0);
	return true;
}

static bool pl011_idle(volatile void *base)
{
	return (mmio_read32(base, UARTFR) & (FR_TXFE | FR_BUSY)) == FR_TXFE;
}

static const struct port_hw pl011_hw = {
	.kind = "PL011",
	.prefix = "ttyAMA",
	.start = pl011_start,
	.enable = pl011_enable,
	.events = pl011_events,
	.put = pl011_put,
	.get = pl011_get,
	.idle = pl011_idle,
};

static int pl011_probe(struct device *dev)
{
	static unsigned instances;
	int err = port_probe(dev, &pl011_hw, instances);

	instances += err == 0;
	return err;
}

EARLY_CONSOLE(pl011_early, "arm,pl011", pl011_put);

static const char *const pl011_compatible[] = { "arm,pl011", NULL };

DRIVER(pl011) = {
	.name = "pl011",
	.compatible = pl011_compatible,
	.stage = DRIVER_EARLY,
	.probe = pl011_probe,
};
