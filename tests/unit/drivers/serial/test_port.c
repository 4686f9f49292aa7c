// SPDX-License-Identifier: MIT
// SOURCES: drivers/serial/port.c kernel/lib/format.c tests/mock/machine.c tests/mock/kernel.c
// A port over made-up registers: what does not fit waits for the transmit interrupt, what comes is
// taken in bounded bites and flow stops when told, and a probe that fails leaves nothing behind.
#include <stdlib.h>
#include <string.h>

#include "drivers/serial/port.h"
#include "kernel/dt.h"
#include "kernel/errno.h"
#include "kernel/irq.h"
#include "kernel/log.h"
#include "mm/slab.h"
#include "tests/mock/mock.h"

/* ---- The hardware: FIFOs of eight ---- */

#define FIFO 8

static struct {
	uint8_t tx[FIFO], rx[256];
	unsigned tx_used, rx_head, rx_tail, enabled, starts;
	int error_at; /* the received byte with an error; -1: none */
} hw;

static void hw_start(volatile void *base)
{
	assert_ptr_equal((const volatile char *)base, (const char *)&hw + 4);
	hw.starts++;
	hw.enabled = 0;
}

static void hw_enable(volatile void *base, unsigned events)
{
	(void)base;
	hw.enabled = events;
}

static unsigned hw_events(volatile void *base)
{
	(void)base;
	return hw.enabled &
	       ((hw.rx_head != hw.rx_tail ? PORT_RX : 0) | (hw.tx_used < FIFO ? PORT_TX : 0));
}

static bool hw_put(volatile void *base, uint8_t c)
{
	(void)base;
	if (hw.tx_used == FIFO)
		return false;
	hw.tx[hw.tx_used++] = c;
	return true;
}

static bool hw_get(volatile void *base, uint8_t *c, unsigned *flags)
{
	(void)base;
	if (hw.rx_head == hw.rx_tail)
		return false;
	*flags = (int)hw.rx_tail == hw.error_at ? UART_OVERRUN : 0;
	*c = hw.rx[hw.rx_tail++];
	return true;
}

static bool hw_idle(volatile void *base)
{
	(void)base;
	return hw.tx_used == 0;
}

static const struct port_hw port_hw = {
	"model", "ttyM", hw_start, hw_enable, hw_events, hw_put, hw_get, hw_idle,
};

/* ---- The kernel around it ---- */

static struct uart *registered;
static irq_handler handler;
static void *handler_arg;
static int fail_at; /* the call that fails: 1 memory, 2 window, 3 interrupt, 4 registration */
static unsigned allocated;

void *kmalloc(size_t size, unsigned flags)
{
	assert_true(flags & ALLOC_ZERO);
	if (fail_at == 1)
		return NULL;
	allocated++;
	return calloc(1, size);
}

void kfree(void *p)
{
	allocated--;
	free(p);
}

int device_reg(const struct device *dev, unsigned i, phys_addr_t *base, uint64_t *size)
{
	(void)dev, (void)i;
	*base = 0x1004, *size = 0x40;
	return 0;
}

int device_irq(const struct device *dev, unsigned i, unsigned *irq, bool *edge)
{
	(void)dev, (void)i;
	*irq = 40, *edge = false;
	return 0;
}

volatile void *mmio_map(phys_addr_t base, size_t size)
{
	(void)size;
	return fail_at == 2 ? NULL : (char *)&hw + (base & 0xfff);
}

int irq_register(unsigned irq, bool edge, irq_handler fn, void *arg, const char *name)
{
	assert_true(irq == 40 && !edge && hw.starts > 0);
	assert_string_equal(name, "ttyM3");
	if (fail_at == 3)
		return -EBUSY;
	handler = fn, handler_arg = arg;
	return 0;
}

void irq_unregister(unsigned irq)
{
	assert_int_equal(irq, 40);
	handler = NULL;
}

int uart_register(struct uart *u, bool is_console)
{
	assert_true(is_console);
	if (fail_at == 4)
		return -ENOSPC;
	registered = u;
	return 0;
}

int dt_stdout(void)
{
	return 7;
}

/* ---- The tty layer ---- */

static uint8_t got[256];
static unsigned got_count, bites, last_flags, rooms;

static void client_rx(struct uart *u, const uint8_t *buf, size_t n, unsigned flags)
{
	assert_ptr_equal(u, registered);
	assert_true(n <= 16);
	memcpy(got + got_count, buf, n);
	got_count += (unsigned)n;
	bites++;
	last_flags = flags;
}

static void client_tx_ready(struct uart *u)
{
	assert_ptr_equal(u, registered);
	rooms++;
}

static const struct uart_client client = { client_rx, client_tx_ready };

static int setup(void **state)
{
	struct device dev = { .node = 7, .name = "serial" };

	mock_setup(state);
	memset(&hw, 0, sizeof(hw));
	hw.error_at = -1;
	got_count = bites = last_flags = rooms = 0;
	fail_at = 0;
	assert_int_equal(port_probe(&dev, &port_hw, 3), 0);
	registered->client = &client;
	registered->ops->rx_enable(registered, true);
	return 0;
}

static int teardown(void **state)
{
	kfree(registered->driver);
	assert_int_equal(allocated, 0);
	return mock_teardown(state);
}

/* As long as the line is up. */
static void interrupt(void)
{
	for (unsigned n = 0; hw_events(NULL); n++) {
		assert_true(n < 100); /* it must fall some day */
		handler(40, handler_arg);
	}
}

static void test_send(void **state)
{
	static const uint8_t text[] = "twenty bytes of text";

	(void)state;
	assert_string_equal(registered->name, "ttyM3");
	assert_int_equal(registered->ops->write(registered, text, 5), 5);
	interrupt();
	assert_int_equal(rooms, 0); /* there was room all the time */
	assert_int_equal(registered->ops->write(registered, text + 5, 15), 3);
	assert_memory_equal(hw.tx, text, FIFO);
	assert_false(registered->ops->tx_empty(registered));
	interrupt();
	assert_int_equal(rooms, 0);
	hw.tx_used = 0;
	interrupt();
	assert_int_equal(rooms, 1);
	assert_true(registered->ops->tx_empty(registered));
	assert_int_equal(registered->ops->write(registered, text + 8, 4), 4);
	assert_memory_equal(hw.tx, text + 8, 4);
}

static void receive(unsigned n)
{
	for (unsigned i = 0; i < n; i++, hw.rx_head++)
		hw.rx[hw.rx_head] = (uint8_t)(hw.rx_head * 7);
	interrupt();
}

static void test_receive(void **state)
{
	(void)state;
	receive(100);
	assert_int_equal(got_count, 100);
	assert_memory_equal(got, hw.rx, 100);
	assert_int_equal(bites, 7);
	hw.error_at = 104;
	receive(10);
	assert_int_equal(got_count, 110);
	assert_int_equal(bites, 9); /* the byte with the error ends a bite */
	assert_int_equal(last_flags, 0);
	registered->ops->rx_enable(registered, false);
	receive(5);
	assert_int_equal(got_count, 110);
	registered->ops->rx_enable(registered, true);
	interrupt();
	assert_int_equal(got_count, 115);
}

static void test_probe_fails(void **state)
{
	struct device dev = { .node = 7, .name = "serial" };
	static const int errors[] = { -ENOMEM, -ENOMEM, -EBUSY, -ENOSPC };

	(void)state;
	for (fail_at = 1; fail_at <= 4; fail_at++) {
		handler = NULL;
		assert_int_equal(port_probe(&dev, &port_hw, 3), errors[fail_at - 1]);
		assert_int_equal(allocated, 1); /* the one of setup() */
		assert_null(handler);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_send, setup, teardown),
		cmocka_unit_test_setup_teardown(test_receive, setup, teardown),
		cmocka_unit_test_setup_teardown(test_probe_fails, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
