// SPDX-License-Identifier: MIT
/*
 * Serial ports between their drivers (drivers/serial/) and the tty layer (kernel/fs/tty.c). A
 * driver registers a struct uart at probe; the tty layer attaches to it with two call-backs.
 * Neither side ever waits for the other: a port takes as many bytes as its transmit FIFO holds and
 * says later when there is room again.
 */
#ifndef KERNEL_SERIAL_H
#define KERNEL_SERIAL_H

#include "kernel/lib/types.h"

struct uart;

struct uart_ops {
	/* Bytes taken for sending, 0..n; when fewer than n, tx_ready is called once there is room
	 * again. Any context, never waits. */
	size_t (*write)(struct uart *u, const uint8_t *buf, size_t n);
	/* Sends all of buf by polling: panic and early messages. Any context. */
	void (*write_polled)(struct uart *u, const uint8_t *buf, size_t n);
	/* Everything accepted has left the wire. Any context, never waits. */
	bool (*tx_empty)(struct uart *u);
	/* Lets received bytes flow (true) or leaves them in the FIFO (false, flow control). Any
	 * context. */
	void (*rx_enable)(struct uart *u, bool on);
};

struct uart_client {
	/* Interrupt context, interrupts off: bounded work. flags: UART_BREAK and errors of that
	 * byte, for the last of buf. */
	void (*rx)(struct uart *u, const uint8_t *buf, size_t n, unsigned flags);
	void (*tx_ready)(struct uart *u);
};

enum uart_flag { UART_BREAK = 1, UART_OVERRUN = 2, UART_FRAMING = 4, UART_PARITY = 8 };

struct uart {
	const char *name; /* device name: "ttyAMA0" */
	const struct uart_ops *ops;
	void *driver; /* the driver's own */
	const struct uart_client
		*client; /* set once by uart_attach; read with acquire by interrupts */
	void *client_data;
};

/* By a driver's probe: the port exists from now on, for good. is_console: the device tree's
 * stdout-path names it. 0 or -ENOSPC. */
int uart_register(struct uart *u, bool is_console) MUST_CHECK;
/* The i-th port, NULL past the last. */
struct uart *uart_get(unsigned i);
/* The port that `console=` or the device tree chose, else the first; NULL: none. */
struct uart *uart_console(void);
/* The tty layer takes the port: from now on its call-backs run. 0 or -EBUSY. Task context. */
int uart_attach(struct uart *u, const struct uart_client *client, void *data) MUST_CHECK;

/* A serial driver's way to send one byte before it is probed; base: its mapped registers. False:
 * try again. */
struct early_console {
	const char *compatible;
	bool (*put)(volatile void *base, uint8_t c);
};
#define EARLY_CONSOLE(ident, compat, fn)                                                           \
	static const struct early_console ident                                                    \
		__attribute__((used, section("early_consoles"))) = { compat, fn }

/* Directs the log as `log=` says: first to the early console, then, once the drivers are there, to
 * the console port. Boot. */
void log_early_init(void);
void log_uart_init(void);

#endif
