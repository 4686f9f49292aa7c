// SPDX-License-Identifier: MIT
/*
 * The controller without its transfers: what it can do, power, clock, resets, interrupts.
 * References are to the SD Host Controller Simplified Specification 3.00.
 *
 * Interrupts are signalled only while somebody sleeps for one (transfer.c). The handler silences
 * the controller and wakes that task, which finds out what came: so nothing is shared between the
 * two but a flag, and a line that several controllers have costs no lock.
 *
 * The cores of Broadcom's chips carry a write over to the SD clock, and lose one that comes while
 * another is on its way: up to four clocks, 10 us at 400 kHz. sdhci_put() keeps that distance. The
 * data port is not concerned.
 */
#include "drivers/sdhci/registers.h"
#include "kernel/errno.h"
#include "kernel/time.h"

#define RESET_LIMIT  (100 * NSEC_PER_MSEC)
#define STABLE_LIMIT (150 * NSEC_PER_MSEC) /* 3.2.1 */
#define DETECT_LIMIT (1000 * NSEC_PER_MSEC)
#define LOOK_STEP    (50 * NSEC_PER_USEC)
/* until a card can be clocked: supply up and 1 ms (Physical Layer, 6.4.1) */
#define POWER_TIME    (10 * NSEC_PER_MSEC)
#define FIRST_CLOCKS  NSEC_PER_MSEC /* 74 clocks at 100 kHz or more, same place */
#define SETTLE_CLOCKS 4
#define SETTLE_FIRST  (10 * NSEC_PER_USEC)
#define BOUNCE_ORDER  5
#define DMA_END       ((uint64_t)1 << 32) /* of the addresses of a 32-bit descriptor */
_Static_assert(PAGE_SIZE << BOUNCE_ORDER == BLOCK_REQUEST_MAX, "a request fits the bounce buffer");

/* ---- Registers ---- */

uint32_t sdhci_get(const struct sdhci *h, enum sdhci_register reg)
{
	return h->bus->read(h->bus, reg);
}

void sdhci_put(struct sdhci *h, enum sdhci_register reg, uint32_t value)
{
	uint64_t now, clocks = SETTLE_CLOCKS * NSEC_PER_SEC;

	if (h->slow_writes) {
		while ((now = time_now()) < atomic_load(&h->settled))
			hw_relax();
		atomic_store(&h->settled, now + (h->hz ? clocks / h->hz + 1 : SETTLE_FIRST));
	}
	h->bus->write(h->bus, reg, value);
}

int sdhci_await(struct sdhci *h, enum sdhci_register reg, uint32_t mask, uint32_t wanted,
		uint64_t limit)
{
	uint64_t deadline = time_now() + limit;

	while ((sdhci_get(h, reg) & mask) != wanted) {
		if (time_now() >= deadline)
			return -EIO;
		(void)time_sleep_until(time_now() + LOOK_STEP, WAIT_UNINTERRUPTIBLE);
	}
	return 0;
}

int sdhci_reset(struct sdhci *h, uint32_t what)
{
	sdhci_put(h, CLOCK, h->clock | what);
	return sdhci_await(h, CLOCK, what, 0, RESET_LIMIT);
}

uint32_t sdhci_noted(const struct sdhci *h)
{
	return GOT_COMMAND | GOT_TRANSFER | GOT_WRITE_READY | GOT_READ_READY | GOT_ERRORS |
	       (h->card_detect ? GOT_REMOVAL : 0);
}

bool sdhci_interrupt(struct sdhci *h)
{
	if (!(sdhci_get(h, STATUS) & sdhci_get(h, SIGNAL_ENABLE)))
		return false;
	sdhci_put(h, SIGNAL_ENABLE, 0);
	(void)sdhci_get(h, SIGNAL_ENABLE); /* it is there before the interrupt ends */
	atomic_store_release(&h->interrupted, true);
	waitq_wake_one(&h->wake);
	return true;
}

/* ---- What it is ---- */

/* The data timeout counter (2.2.15): 2^13 to 2^27 clocks of its own, here at least a second of
 * them. A transfer's software limit is longer. */
static uint32_t timeout_code(const struct sdhci *h)
{
	uint64_t hz = (h->capabilities & 0x3f) * (h->capabilities & 0x80 ? 1000000ull : 1000ull);
	uint32_t code = 0;

	while (code < 14 && (hz == 0 || (uint64_t)8192 << code < hz))
		code++;
	return code;
}

/* Without memory for it there is no DMA. */
static void dma_init(struct sdhci *h)
{
	if (!(h->capabilities & CAN_ADMA2) || h->reach.bus >= DMA_END)
		return;
	h->reach.size = MIN(h->reach.size, DMA_END - h->reach.bus);
	h->table = dma_alloc(&h->reach, 0);
	if (!h->table || dma_reaches_all(&h->reach))
		return;
	h->bounce = dma_alloc(&h->reach, BOUNCE_ORDER);
	if (!h->bounce) {
		page_free(h->table, 0);
		h->table = NULL;
	}
}

static void dma_free(struct sdhci *h)
{
	if (h->table)
		page_free(h->table, 0);
	if (h->bounce)
		page_free(h->bounce, BOUNCE_ORDER);
	h->table = h->bounce = NULL;
}

int sdhci_init(struct sdhci *h)
{
	waitq_init(&h->wake);
	h->version = sdhci_get(h, VERSION) >> 16 & 0xff;
	h->capabilities = sdhci_get(h, CAPABILITIES);
	if (!h->base_hz)
		h->base_hz =
			(h->capabilities >> 8 & (h->version >= VERSION_3 ? 0xff : 0x3f)) * 1000000;
	if (!h->base_hz || sdhci_reset(h, RESET_ALL))
		return -ENODEV;
	dma_init(h);
	return 0;
}

void sdhci_stop(struct sdhci *h)
{
	h->clock = 0;
	if (sdhci_reset(h, RESET_ALL) == 0)
		dma_free(h); /* else it stays with the controller */
}

bool sdhci_can_high_speed(const struct sdhci *h)
{
	return h->capabilities & CAN_HIGH_SPEED;
}

/* With PIO it is told to few controllers, and QEMU's, which has no DMA, does not know it. */
bool sdhci_can_cmd23(const struct sdhci *h)
{
	return h->version >= VERSION_3 && h->table;
}

bool sdhci_card_present(struct sdhci *h)
{
	if (!h->card_detect)
		return true;
	return sdhci_await(h, PRESENT, PRESENT_STABLE, PRESENT_STABLE, DETECT_LIMIT) == 0 &&
	       sdhci_get(h, PRESENT) & PRESENT_CARD;
}

bool sdhci_write_protected(struct sdhci *h)
{
	return !h->no_switch && !(sdhci_get(h, PRESENT) & PRESENT_WRITABLE);
}

/* ---- Power and clock ---- */

int sdhci_begin(struct sdhci *h)
{
	int err;

	h->clock = h->hz = 0;
	err = sdhci_reset(h, RESET_ALL);
	if (err)
		return err;
	sdhci_put(h, STATUS_ENABLE, sdhci_noted(h));
	h->control = CONTROL_POWER | CONTROL_3V3 | (h->table ? CONTROL_ADMA2 : 0);
	sdhci_put(h, CONTROL, h->control);
	(void)time_sleep_until(time_now() + POWER_TIME, WAIT_UNINTERRUPTIBLE);
	err = sdhci_set_clock(h, 400000);
	(void)time_sleep_until(time_now() + FIRST_CLOCKS, WAIT_UNINTERRUPTIBLE);
	return err;
}

/* The base clock is divided by 2 * n, or by nothing for n = 0; before version 3.00 n is a power of
 * two (2.2.14). */
static uint32_t divisor(const struct sdhci *h, uint32_t hz)
{
	uint32_t most = h->version >= VERSION_3 ? 1023 : 128, n, power = 1;

	if (h->base_hz <= hz)
		return 0;
	n = MIN((h->base_hz + 2 * hz - 1) / (2 * hz), most);
	if (h->version >= VERSION_3)
		return n;
	while (power < n)
		power *= 2;
	return power;
}

int sdhci_set_clock(struct sdhci *h, uint32_t hz)
{
	uint32_t n = divisor(h, hz), code = timeout_code(h) << CLOCK_TIMEOUT;

	h->hz = 0;
	sdhci_put(h, CLOCK, h->clock & ~CLOCK_CARD); /* it stops before it changes (3.2.3) */
	h->clock = code | (n & 0xff) << 8 | n >> 8 << 6 | CLOCK_INTERNAL;
	sdhci_put(h, CLOCK, h->clock);
	if (sdhci_await(h, CLOCK, CLOCK_STABLE, CLOCK_STABLE, STABLE_LIMIT))
		return -EIO;
	h->clock |= CLOCK_CARD;
	h->hz = n ? h->base_hz / (2 * n) : h->base_hz;
	sdhci_put(h, CLOCK, h->clock);
	return 0;
}

static void control_set(struct sdhci *h, uint32_t bit)
{
	h->control |= bit;
	sdhci_put(h, CONTROL, h->control);
}

void sdhci_set_four_lines(struct sdhci *h)
{
	control_set(h, CONTROL_FOUR_LINES);
}

void sdhci_set_high_speed(struct sdhci *h)
{
	control_set(h, CONTROL_HIGH_SPEED);
}
