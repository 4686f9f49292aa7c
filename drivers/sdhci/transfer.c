// SPDX-License-Identifier: MIT
/*
 * One command with its data (SD Host Controller Simplified Specification 3.00, 3.7). Data moves by
 * ADMA2, of which one interrupt tells, or through the data port a block at a time: the port says
 * when a block is there or wanted, and the task goes on without sleeping as long as it does.
 * Everything runs in that task, preemptible.
 *
 *    ADMA2   lines ready -> table, block, argument, command -> sleep -> transfer complete
 *    PIO     lines ready ->        block, argument, command -> sleep -> command complete
 *              -> (sleep -> copy a block)* -> sleep -> transfer complete
 *
 * Where the controller does not reach the memory, a bounce buffer is what it sees.
 */
#include "drivers/sdhci/registers.h"
#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "kernel/time.h"

#define LINES_LIMIT (100 * NSEC_PER_MSEC)
/* an answer takes 64 clocks: the controller counts them */
#define COMMAND_LIMIT NSEC_PER_SEC
/* of a request; the controller's own is per pause */
#define DATA_LIMIT (5 * NSEC_PER_SEC)
#define BUSY_LIMIT (10 * NSEC_PER_SEC) /* an erase of max_discard */

/* A line of the ADMA2 descriptor table (1.13.4). */
struct descriptor {
	uint16_t attributes, length;
	uint32_t address;
};
#define LINE_TRANSFER 0x21u /* valid */
#define LINE_END      0x02u
#define LINE_MAX      ((size_t)32 << 10)
#define LINES         (PAGE_SIZE / sizeof(struct descriptor))

static bool by_dma(const struct sdhci *h, const struct sd_command *c)
{
	return h->table && c->block_bytes == SECTOR_SIZE;
}

/* The card may be busy after its answer, and the controller tells when it is no longer. */
static bool busy_after(const struct sd_command *c)
{
	return !c->block_bytes && (c->code & SD_R1B) == SD_R1B;
}

/* ---- Events ---- */

/* Signals these interrupts until one has come. */
static void sleep_for(struct sdhci *h, uint32_t wanted, uint64_t deadline)
{
	atomic_store(&h->interrupted, false);
	sdhci_put(h, SIGNAL_ENABLE, sdhci_noted(h) & (wanted | GOT_ERRORS | GOT_REMOVAL));
	if (wait_event(&h->wake, atomic_load_acquire(&h->interrupted), WAIT_UNINTERRUPTIBLE,
		       deadline))
		sdhci_put(h, SIGNAL_ENABLE, 0);
}

static void take(struct sdhci *h)
{
	uint32_t status = sdhci_get(h, STATUS);

	if (status)
		sdhci_put(h, STATUS, status);
	h->seen |= status;
}

/* The errors that count: who has all data has it in time (2.2.18, data timeout error). */
static int error_of(uint32_t seen)
{
	if (seen & GOT_TRANSFER)
		seen &= ~GOT_DAT_TIMEOUT;
	if (seen & GOT_REMOVAL)
		return -ENOMEDIUM;
	if (!(seen & GOT_ERRORS))
		return 0;
	return (seen & GOT_ERRORS) == GOT_CMD_TIMEOUT ? -ETIMEDOUT : -EIO;
}

/* Uses up one interrupt of this kind; sleeps until it comes. 0 or as sdhci_execute(). */
static int event(struct sdhci *h, uint32_t wanted, uint64_t limit)
{
	uint64_t deadline = 0;
	int err;

	for (;;) {
		if (!(h->seen & wanted))
			take(h);
		err = error_of(h->seen);
		if (err || h->seen & wanted)
			break;
		if (!deadline)
			deadline = time_now() + limit;
		else if (time_now() >= deadline)
			return -EIO;
		sleep_for(h, wanted, deadline);
	}
	h->seen &= ~wanted;
	return err;
}

/* ---- Data by DMA ---- */

static uint64_t bytes_of(const struct sd_command *c)
{
	return (uint64_t)c->blocks * c->block_bytes;
}

static bool within_reach(const struct sdhci *h, const struct sd_command *c)
{
	for (unsigned i = 0; i < c->nsegments; i++)
		if (!dma_reaches(&h->reach, c->segments[i].kva, c->segments[i].bytes))
			return false;
	return true;
}

/* Between the segments and the bounce buffer. */
static void bounce_copy(struct sdhci *h, const struct sd_command *c)
{
	char *bounce = page_to_virt(h->bounce);

	for (unsigned i = 0; i < c->nsegments; bounce += c->segments[i++].bytes) {
		const struct block_segment *s = &c->segments[i];

		if (c->write) {
			memcpy(bounce, s->kva, s->bytes);
			continue;
		}
		memcpy(s->kva, bounce, s->bytes);
		if (!h->coherent)
			hw_dma_clean(s->kva, s->bytes); /* who asked drops its lines */
	}
}

static unsigned lines_add(struct sdhci *h, unsigned n, const char *kva, size_t bytes)
{
	struct descriptor *table = page_to_virt(h->table);

	while (bytes) {
		size_t piece = MIN(bytes, LINE_MAX);

		ASSERT(n < LINES);
		table[n++] = (struct descriptor){ LINE_TRANSFER, (uint16_t)piece,
						  (uint32_t)dma_address(&h->reach, kva) };
		kva += piece;
		bytes -= piece;
	}
	return n;
}

static void dma_start(struct sdhci *h, const struct sd_command *c)
{
	struct descriptor *table = page_to_virt(h->table);
	unsigned n = 0;

	if (within_reach(h, c)) {
		for (unsigned i = 0; i < c->nsegments; i++)
			n = lines_add(h, n, c->segments[i].kva, c->segments[i].bytes);
	} else {
		void *bounce = page_to_virt(h->bounce);

		if (c->write)
			bounce_copy(h, c);
		if (!h->coherent && c->write)
			hw_dma_clean(bounce, bytes_of(c));
		else if (!h->coherent)
			hw_dma_invalidate(bounce, bytes_of(c));
		n = lines_add(h, 0, bounce, bytes_of(c));
	}
	table[n - 1].attributes |= LINE_END;
	if (h->coherent)
		hw_dma_wmb();
	else
		hw_dma_clean(table, n * sizeof(*table));
	sdhci_put(h, ADMA_ADDRESS, (uint32_t)dma_address(&h->reach, table));
}

static void dma_end(struct sdhci *h, const struct sd_command *c)
{
	if (h->coherent)
		hw_dma_rmb(); /* its interrupt before its data */
	if (c->write || within_reach(h, c))
		return;
	if (!h->coherent)
		hw_dma_invalidate(page_to_virt(h->bounce), bytes_of(c));
	bounce_copy(h, c);
}

/* ---- Data through the port ---- */

static int port_transfer(struct sdhci *h, const struct sd_command *c)
{
	uint32_t ready = c->write ? GOT_WRITE_READY : GOT_READ_READY, *words;
	size_t n = c->block_bytes / sizeof(*words);

	for (unsigned i = 0; i < c->nsegments; i++)
		for (uint32_t at = 0; at < c->segments[i].bytes; at += c->block_bytes) {
			int err = event(h, ready, DATA_LIMIT);

			if (err)
				return err;
			words = (uint32_t *)((char *)c->segments[i].kva + at);
			if (c->write)
				h->bus->write_all(h->bus, DATA, words, n);
			else
				h->bus->read_all(h->bus, DATA, words, n);
		}
	return 0;
}

/* ---- Commands ---- */

static uint32_t data_start(struct sdhci *h, const struct sd_command *c)
{
	uint32_t mode = c->write ? 0 : MODE_READ;

	if (by_dma(h, c)) {
		dma_start(h, c);
		mode |= MODE_DMA;
	}
	if (c->blocks > 1) {
		mode |= MODE_MULTIPLE | MODE_COUNT;
		mode |= c->stop == SD_STOP_CMD23 ? MODE_AUTO_CMD23 : MODE_AUTO_CMD12;
		if (c->stop == SD_STOP_CMD23)
			sdhci_put(h, ARGUMENT2, c->blocks);
	}
	sdhci_put(h, BLOCK, c->block_bytes | c->blocks << 16);
	return mode | COMMAND_DATA;
}

/* The lines that c needs are free; a command that ends a transfer waits for none. */
static int lines_await(struct sdhci *h, const struct sd_command *c)
{
	uint32_t lines = PRESENT_CMD;

	if (c->block_bytes || (busy_after(c) && (c->code & SD_ABORT) != SD_ABORT))
		lines |= PRESENT_DAT;
	return sdhci_await(h, PRESENT, lines, 0, LINES_LIMIT);
}

static void start(struct sdhci *h, const struct sd_command *c)
{
	uint32_t mode = 0;

	h->seen = 0;
	sdhci_put(h, STATUS, UINT32_MAX);
	if (c->block_bytes)
		mode = data_start(h, c);
	sdhci_put(h, ARGUMENT, c->argument);
	sdhci_put(h, COMMAND, c->code << 16 | mode);
}

static int finish(struct sdhci *h, struct sd_command *c)
{
	bool dma = by_dma(h, c), busy = busy_after(c);
	int err = 0;

	if (!dma)
		err = event(h, GOT_COMMAND, COMMAND_LIMIT);
	if (!err && c->block_bytes && !dma)
		err = port_transfer(h, c);
	if (!err && (c->block_bytes || busy))
		err = event(h, GOT_TRANSFER, busy ? BUSY_LIMIT : DATA_LIMIT);
	for (unsigned i = 0; !(h->seen & GOT_CMD_ERRORS) && i < ARRAY_SIZE(c->answer); i++)
		c->answer[i] = sdhci_get(h, (enum sdhci_register)(ANSWER + 4 * i));
	if (!err && dma)
		dma_end(h, c);
	return err;
}

int sdhci_execute(struct sdhci *h, struct sd_command *c)
{
	bool busy = busy_after(c);
	int err = lines_await(h, c);

	/* How long a card may be busy by itself is not what the data timeout was made for. */
	if (busy)
		sdhci_put(h, STATUS_ENABLE, sdhci_noted(h) & ~GOT_DAT_TIMEOUT);
	if (!err) {
		start(h, c);
		err = finish(h, c);
	}
	if (busy)
		sdhci_put(h, STATUS_ENABLE, sdhci_noted(h));
	/* 3.10: whatever went wrong, the lines are reset, and DMA with them. */
	if (!err || sdhci_reset(h, RESET_CMD | RESET_DAT) == 0)
		return err;
	return sdhci_reset(h, RESET_ALL) ? -EBUSY : -ENOMEDIUM;
}
