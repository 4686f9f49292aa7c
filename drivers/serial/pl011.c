// SPDX-License-Identifier: MIT
/*
 * PL011 UART (Arm DDI 0183). The firmware has set the speed, and knows the clock better than the device tree does, so the divisors stay as they are.
 *
 * Receiving: the interrupt comes at half a FIFO or after 32 bit times of silence. Sending: bytes go into the FIFO as they come; when it
 * is full the transmit interrupt is opened and comes once the FIFO has drained to its level.
 * The lock is held for a FIFO's length of bytes at most.
 */
#include "kernel/driver.h"
#include "kernel/dt.h"
#include "kernel/errno.h"
#include "kernel/irq.h"
#include "kernel/lib/string.h"
#include "kernel/lock.h"
#include "kernel/log.h"
#include "kernel/serial.h"
#include "mm/slab.h"

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
#define DR_ERRORS  (DR_FRAMING | DR_PARITY | DR_BREAK | DR_OVERRUN)

#define FIFO_BURST  16      /* bytes per lock hold */
#define PANIC_SPINS 1000000 /* tries for the lock before a panic writes without it */

struct pl011 {
	struct uart uart;
	char name[16];
	volatile void *base;
	struct spinlock lock; /* all registers; interrupts off */
	uint32_t mask;        /* UARTIMSC as written; lock */
};

/* Puts up to n bytes into the FIFO. */
static size_t fifo_fill(volatile void *base, const uint8_t *buf, size_t n)
{
	size_t done = 0;

	while (done < n && !(mmio_read32(base, UARTFR) & FR_TXFF))
		mmio_write32(base, UARTDR, buf[done++]);
	return done;
}

static void mask_set_locked(struct pl011 *p, uint32_t mask)
{
	if (mask != p->mask) {
		p->mask = mask;
		mmio_write32(p->base, UARTIMSC, mask);
	}
}

static size_t pl011_write(struct uart *u, const uint8_t *buf, size_t n)
{
	struct pl011 *p = u->driver;
	size_t done = 0;

	while (done < n) {
		size_t burst = MIN(n - done, (size_t)FIFO_BURST), took;
		uint64_t irq = spin_lock_irq(&p->lock);

		took = fifo_fill(p->base, buf + done, burst);
		if (took < burst)
			mask_set_locked(p, p->mask | INT_TX);
		spin_unlock_irq(&p->lock, irq);
		done += took;
		if (took < burst)
			break;
	}
	return done;
}

static void pl011_write_polled(struct uart *u, const uint8_t *buf, size_t n)
{
	struct pl011 *p = u->driver;

	while (n) {
		uint64_t irq = hw_irq_save();
		unsigned spins = 0;
		bool locked;
		size_t took;

		/* A stopped CPU may hold the lock for ever: in a panic the text matters more. */
		while (!(locked = spin_trylock(&p->lock)) && ++spins < PANIC_SPINS)
			hw_relax();
		took = fifo_fill(p->base, buf, MIN(n, (size_t)FIFO_BURST));
		if (locked)
			spin_unlock(&p->lock);
		hw_irq_restore(irq);
		buf += took;
		n -= took;
		if (!took)
			hw_relax();
	}
}

static bool pl011_tx_empty(struct uart *u)
{
	struct pl011 *p = u->driver;

	return (mmio_read32(p->base, UARTFR) & (FR_TXFE | FR_BUSY)) == FR_TXFE;
}

static void pl011_rx_enable(struct uart *u, bool on)
{
	struct pl011 *p = u->driver;
	uint64_t irq = spin_lock_irq(&p->lock);

	mask_set_locked(p, on ? p->mask | INT_RX | INT_RT : p->mask & ~(INT_RX | INT_RT));
	spin_unlock_irq(&p->lock, irq);
}

static const struct uart_ops pl011_ops = {
	.write = pl011_write,
	.write_polled = pl011_write_polled,
	.tx_empty = pl011_tx_empty,
	.rx_enable = pl011_rx_enable,
};

static unsigned error_flags(uint32_t dr)
{
	return (dr & DR_FRAMING ? UART_FRAMING : 0) | (dr & DR_PARITY ? UART_PARITY : 0) |
	       (dr & DR_BREAK ? UART_BREAK : 0) | (dr & DR_OVERRUN ? UART_OVERRUN : 0);
}

/* Takes bytes until the FIFO is empty, one has an error, or the buffer is full. */
static size_t fifo_drain(struct pl011 *p, uint8_t *buf, size_t size, unsigned *flags)
{
	size_t n = 0;

	*flags = 0;
	while (n < size && !*flags && !(mmio_read32(p->base, UARTFR) & FR_RXFE)) {
		uint32_t dr = mmio_read32(p->base, UARTDR);

		buf[n++] = (uint8_t)dr;
		if (dr & DR_ERRORS)
			*flags = error_flags(dr);
	}
	return n;
}

static void pl011_interrupt(unsigned irq, void *arg)
{
	struct pl011 *p = arg;
	const struct uart_client *client = atomic_load_acquire(&p->uart.client);
	uint8_t buf[FIFO_BURST];
	unsigned flags;
	uint32_t status;
	size_t n;

	(void)irq;
	spin_lock(&p->lock);
	status = mmio_read32(p->base, UARTMIS);
	mmio_write32(p->base, UARTICR,
		     status & ~(INT_RX | INT_RT)); /* those fall when the FIFO is read */
	n = status & (INT_RX | INT_RT) ? fifo_drain(p, buf, sizeof(buf), &flags) : 0;
	if (n == 0)
		mmio_write32(p->base, UARTICR, status & INT_RT);
	if (status & INT_TX)
		mask_set_locked(p, p->mask & ~INT_TX);
	spin_unlock(&p->lock);
	/* What is still in the FIFO raises the interrupt again. */
	if (n && client)
		client->rx(&p->uart, buf, n, flags);
	if ((status & INT_TX) && client)
		client->tx_ready(&p->uart);
}

static void pl011_start(struct pl011 *p)
{
	p->mask = 0;
	mmio_write32(p->base, UARTIMSC, 0);
	mmio_write32(p->base, UARTICR, INT_ALL);
	mmio_write32(p->base, UARTIFLS, IFLS_HALF);
	mmio_write32(p->base, UARTLCR_H, LCR_8BIT | LCR_FEN);
	mmio_write32(p->base, UARTCR, CR_UARTEN | CR_TXE | CR_RXE);
}

static int pl011_probe(struct device *dev)
{
	static unsigned instances;
	struct pl011 *p;
	phys_addr_t base;
	uint64_t size;
	unsigned irq;
	bool edge;
	int err = device_reg(dev, 0, &base, &size);

	if (!err)
		err = device_irq(dev, 0, &irq, &edge);
	if (err)
		return err;
	p = kmalloc(sizeof(*p), ALLOC_ZERO);
	if (!p)
		return -ENOMEM;
	p->base = mmio_map(base, PAGE_SIZE);
	if (!p->base) {
		err = -ENOMEM;
		goto map_failed;
	}
	spin_init(&p->lock);
	format(p->name, sizeof(p->name), "ttyAMA%u", instances);
	p->uart = (struct uart){ .name = p->name, .ops = &pl011_ops, .driver = p };
	pl011_start(p);
	err = irq_register(irq, edge, pl011_interrupt, p, p->name);
	if (err)
		goto irq_failed;
	err = uart_register(&p->uart, dt_stdout() == dev->node);
	if (err)
		goto register_failed;
	instances++;
	log_info("%s: PL011 at %#lx, interrupt %u", p->name, (unsigned long)base, irq);
	return 0;

register_failed:
	irq_unregister(irq);
irq_failed: /* the window stays: kmap_device is for good */
map_failed:
	kfree(p);
	return err;
}

static void pl011_putc(volatile void *base, char c)
{
	while (mmio_read32(base, UARTFR) & FR_TXFF)
		hw_relax();
	mmio_write32(base, UARTDR, (uint8_t)c);
}

EARLY_CONSOLE(pl011_early, "arm,pl011", pl011_putc);

static const char *const pl011_compatible[] = { "arm,pl011", NULL };

DRIVER(pl011) = {
	.name = "pl011",
	.compatible = pl011_compatible,
	.stage = DRIVER_EARLY,
	.probe = pl011_probe,
};
