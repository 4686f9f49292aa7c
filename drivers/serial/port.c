// SPDX-License-Identifier: MIT
/*
 * Serial ports between the tty layer and their registers. Receiving: an interrupt takes what is in
 * the FIFO, sixteen bytes at a time. Sending: bytes go into the FIFO as they come; when it is full
 * the transmit interrupt is let through and comes once there is room. The lock is held for that
 * many bytes at most.
 */
#include "drivers/serial/port.h"

#include "kernel/dt.h"
#include "kernel/errno.h"
#include "kernel/irq.h"
#include "kernel/lib/atomic.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "mm/slab.h"

#define BURST       16      /* bytes per lock hold */
#define PANIC_SPINS 1000000 /* tries for the lock before a panic writes without it */

static size_t fill(struct port *p, const uint8_t *buf, size_t n)
{
	size_t done = 0;

	while (done < n && p->hw->put(p->base, buf[done]))
		done++;
	return done;
}

static void enable_locked(struct port *p, unsigned events)
{
	if (events != p->enabled) {
		p->enabled = events;
		p->hw->enable(p->base, events);
	}
}

static size_t port_write(struct uart *u, const uint8_t *buf, size_t n)
{
	struct port *p = u->driver;
	size_t done = 0;

	while (done < n) {
		size_t burst = MIN(n - done, (size_t)BURST), took;
		uint64_t irq = spin_lock_irq(&p->lock);

		took = fill(p, buf + done, burst);
		if (took < burst)
			enable_locked(p, p->enabled | PORT_TX);
		spin_unlock_irq(&p->lock, irq);
		done += took;
		if (took < burst)
			break;
	}
	return done;
}

static void port_write_polled(struct uart *u, const uint8_t *buf, size_t n)
{
	struct port *p = u->driver;

	while (n) {
		uint64_t irq = hw_irq_save();
		unsigned spins = 0;
		bool locked;
		size_t took;

		/* A stopped CPU may hold the lock for ever: in a panic the text matters more. */
		while (!(locked = spin_trylock(&p->lock)) && ++spins < PANIC_SPINS)
			hw_relax();
		took = fill(p, buf, MIN(n, (size_t)BURST));
		if (locked)
			spin_unlock(&p->lock);
		hw_irq_restore(irq);
		buf += took;
		n -= took;
		if (!took)
			hw_relax();
	}
}

static bool port_tx_empty(struct uart *u)
{
	struct port *p = u->driver;

	return p->hw->idle(p->base);
}

static void port_rx_enable(struct uart *u, bool on)
{
	struct port *p = u->driver;
	uint64_t irq = spin_lock_irq(&p->lock);

	enable_locked(p, on ? p->enabled | PORT_RX : p->enabled & ~PORT_RX);
	spin_unlock_irq(&p->lock, irq);
}

static const struct uart_ops port_ops = {
	.write = port_write,
	.write_polled = port_write_polled,
	.tx_empty = port_tx_empty,
	.rx_enable = port_rx_enable,
};

/* Takes bytes until the FIFO is empty, one has an error, or the buffer is full. */
static size_t drain(struct port *p, uint8_t *buf, size_t size, unsigned *flags)
{
	size_t n = 0;

	*flags = 0;
	while (n < size && !*flags && p->hw->get(p->base, &buf[n], flags))
		n++;
	return n;
}

static void port_interrupt(unsigned irq, void *arg)
{
	struct port *p = arg;
	const struct uart_client *client = atomic_load_acquire(&p->uart.client);
	uint8_t buf[BURST];
	unsigned flags, events;
	size_t n;

	(void)irq;
	spin_lock(&p->lock);
	events = p->hw->events(p->base);
	n = events & PORT_RX ? drain(p, buf, sizeof(buf), &flags) : 0;
	if (events & PORT_TX)
		enable_locked(p, p->enabled & ~PORT_TX);
	spin_unlock(&p->lock);
	/* What is still in the FIFO raises the interrupt again. */
	if (n && client)
		client->rx(&p->uart, buf, n, flags);
	if ((events & PORT_TX) && client)
		client->tx_ready(&p->uart);
}

int port_probe(struct device *dev, const struct port_hw *hw, unsigned number)
{
	struct port *p;
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
	p->base = mmio_map(base, size);
	if (!p->base) {
		err = -ENOMEM;
		goto map_failed;
	}
	spin_init(&p->lock);
	p->hw = hw;
	format(p->name, sizeof(p->name), "%s%u", hw->prefix, number);
	p->uart = (struct uart){ .name = p->name, .ops = &port_ops, .driver = p };
	hw->start(p->base);
	err = irq_register(irq, edge, port_interrupt, p, p->name);
	if (err)
		goto irq_failed;
	err = uart_register(&p->uart, dt_stdout() == dev->node);
	if (err)
		goto register_failed;
	log_info("%s: %s at %#lx, interrupt %u", p->name, hw->kind, (unsigned long)base, irq);
	return 0;

register_failed:
	irq_unregister(irq);
irq_failed: /* the window stays: kmap_device is for good */
map_failed:
	kfree(p);
	return err;
}
