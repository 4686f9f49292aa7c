// SPDX-License-Identifier: MIT
/*
 * A serial port with a FIFO each way, whatever its registers: what its driver says of the hardware
 * is five small functions, the rest is here.
 */
#ifndef DRIVERS_SERIAL_PORT_H
#define DRIVERS_SERIAL_PORT_H

#include "kernel/driver.h"
#include "kernel/lock.h"
#include "kernel/serial.h"

enum port_event {
	PORT_RX = 1, /* there are bytes to take */
	PORT_TX = 2, /* there is room for bytes */
};

/* Each a few register accesses; base: the port's registers. Called with the port's lock held (a
 * panic may call put without). */
struct port_hw {
	const char *kind, *prefix; /* for the log; of its name: "ttyAMA" */
	/* Everything off but the FIFOs and the line; then only what `enable` says comes as an
	 * interrupt. */
	void (*start)(volatile void *base);
	void (*enable)(volatile void *base, unsigned events);
	/* The enabled events that are there. Whatever would not fall by itself is cleared. */
	unsigned (*events)(volatile void *base);
	/* One byte to the FIFO; false: it is full. */
	bool (*put)(volatile void *base, uint8_t c);
	/* One byte from the FIFO and its enum uart_flag; false: it is empty. */
	bool (*get)(volatile void *base, uint8_t *c, unsigned *flags);
	/* Nothing left to send, on the wire neither. */
	bool (*idle)(volatile void *base);
};

struct port {
	struct uart uart;
	char name[16];
	volatile void *base;
	const struct port_hw *hw;
	struct spinlock lock; /* all registers; interrupts off */
	unsigned enabled;     /* events that come as interrupts; lock */
};

/* Makes the node's port, at its first reg range and interrupt. Its name has `number` at the end. 0
 * or negative errno (nothing kept). */
int port_probe(struct device *dev, const struct port_hw *hw, unsigned number) MUST_CHECK;

#endif
