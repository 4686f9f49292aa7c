// SPDX-License-Identifier: MIT
/*
 * The list of serial ports, which only grows while drivers are probed, and the console before there
 * are drivers. Early consoles are records of the serial drivers in a linker section: a compatible
 * string and a routine that sends one byte by polling.
 */
#include "kernel/serial.h"

#include <libfdt.h>

#include "arch/boot.h"
#include "arch/hw.h"
#include "kernel/driver.h"
#include "kernel/dt.h"
#include "kernel/errno.h"
#include "kernel/lib/atomic.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"

#define UARTS_MAX 8
/* a byte takes a tenth of a millisecond, a look at a device a tenth of a microsecond or more */
#define EARLY_TRIES 1000000

extern const struct early_console early_consoles_start[], early_consoles_end[];

static struct uart *uarts[UARTS_MAX]; /* filled in order, count published with release */
static unsigned uart_count;
static struct uart *console;

int uart_register(struct uart *u, bool is_console)
{
	unsigned n = uart_count;

	if (n == UARTS_MAX)
		return -ENOSPC;
	uarts[n] = u;
	atomic_store_release(&uart_count, n + 1);
	if (is_console || !console)
		console = u;
	return 0;
}

struct uart *uart_get(unsigned i)
{
	return i < atomic_load_acquire(&uart_count) ? uarts[i] : NULL;
}

struct uart *uart_console(void)
{
	char name[32], *options;

	if (cmdline_get("console", name, sizeof(name))) {
		options = strchr(name, ',');
		if (options)
			*options = '\0';
		for (unsigned i = 0; i < uart_count; i++)
			if (strcmp(uarts[i]->name, name) == 0)
				return uarts[i];
	}
	return console;
}

int uart_attach(struct uart *u, const struct uart_client *client, void *data)
{
	const struct uart_client *none = NULL;

	u->client_data = data;
	if (!atomic_compare_exchange(&u->client, &none, client))
		return -EBUSY;
	u->ops->rx_enable(u, true);
	return 0;
}

/* ---- The log's way out ---- */

static const struct early_console *early;
static volatile void *early_base;

/* A port whose clock the firmware has left off never has room: boot goes on without it. */
static void early_put(char c)
{
	unsigned tries = 0;

	while (early && !early->put(early_base, (uint8_t)c)) {
		hw_relax();
		if (++tries == EARLY_TRIES)
			early = NULL;
	}
}

static void early_write(const char *s, size_t n)
{
	for (; n; n--, s++) {
		if (*s == '\n')
			early_put('\r');
		early_put(*s);
	}
}

static void uart_log_write(const char *s, size_t n)
{
	struct uart *u = uart_console();

	while (n) {
		size_t line = 0;

		while (line < n && s[line] != '\n')
			line++;
		u->ops->write_polled(u, (const uint8_t *)s, line);
		if (line < n)
			u->ops->write_polled(u, (const uint8_t *)"\r\n", 2);
		line += line < n;
		s += line;
		n -= line;
	}
}

static const struct log_sink early_sink = { early_write };
static const struct log_sink uart_sink = { uart_log_write };
static const struct log_sink emulator_sink = { emulator_write };

/* The `log=` option: semihosting, none, or uart, which is also what anything else means. */
static bool log_goes_to_uart(void)
{
	char to[16];

	if (!cmdline_get("log", to, sizeof(to)) || strcmp(to, "uart") == 0)
		return true;
	if (strcmp(to, "semihosting") == 0 && emulator_present()) {
		log_set_sink(&emulator_sink);
		return false;
	}
	return strcmp(to, "none") != 0;
}

/* stdout-path's registers, when one of the early consoles knows the device. */
static bool early_find(void)
{
	struct device dev = { .node = dt_blob() ? dt_stdout() : -1 };
	phys_addr_t base;
	uint64_t size;

	if (dev.node < 0 || device_reg(&dev, 0, &base, &size) != 0)
		return false;
	for (const struct early_console *e = early_consoles_start; e < early_consoles_end; e++) {
		if (fdt_node_check_compatible(dt_blob(), dev.node, e->compatible) != 0)
			continue;
		early_base = boot_map(base, 64, true);
		early = e;
		return early_base != NULL;
	}
	return false;
}

void log_early_init(void)
{
	if (!dt_blob()) {
		if (emulator_present()) /* no word of any device: the emulator is all that may
					   listen */
			log_set_sink(&emulator_sink);
		return;
	}
	if (log_goes_to_uart() && early_find())
		log_set_sink(&early_sink);
}

void log_uart_init(void)
{
	if (log_goes_to_uart() && uart_console())
		log_set_sink(&uart_sink);
}
