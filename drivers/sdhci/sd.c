// SPDX-License-Identifier: MIT
/*
 * SD memory cards: commands, states and registers of the SD Physical Layer Simplified Specification
 * 6.00.
 *
 *    idle --CMD8, ACMD41--> ready --CMD2--> ident --CMD3--> stand-by
 *      --CMD7--> transfer (reads, writes, erases, and back)
 *
 * What a card says of a command in its answer (card status, 4.10.1) comes before the work: of a
 * write's outcome the answer to the next command tells. So every write and erase is followed by
 * CMD13, and has ended when that shows a card that is ready and has nothing to complain of.
 */
#include "drivers/sdhci/sd.h"

#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "kernel/time.h"

/* Commands (4.7.4); those of ACMD are preceded by APP_CMD. */
enum sd_code {
	GO_IDLE = SD_COMMAND(0, SD_NONE),
	ALL_SEND_CID = SD_COMMAND(2, SD_R2),
	SEND_ADDRESS = SD_COMMAND(3, SD_R1),
	SWITCH_FUNCTION = SD_COMMAND(6, SD_R1),
	SELECT = SD_COMMAND(7, SD_R1B),
	SEND_IF_COND = SD_COMMAND(8, SD_R1),
	SEND_CSD = SD_COMMAND(9, SD_R2),
	STOP = SD_COMMAND(12, SD_R1B | SD_ABORT),
	SEND_STATUS = SD_COMMAND(13, SD_R1),
	SET_BLOCKLEN = SD_COMMAND(16, SD_R1),
	READ_ONE = SD_COMMAND(17, SD_R1),
	READ_MANY = SD_COMMAND(18, SD_R1),
	WRITE_ONE = SD_COMMAND(24, SD_R1),
	WRITE_MANY = SD_COMMAND(25, SD_R1),
	ERASE_FROM = SD_COMMAND(32, SD_R1),
	ERASE_TO = SD_COMMAND(33, SD_R1),
	ERASE = SD_COMMAND(38, SD_R1B),
	APP_CMD = SD_COMMAND(55, SD_R1),
	ACMD_BUS_WIDTH = SD_COMMAND(6, SD_R1),
	ACMD_OP_COND = SD_COMMAND(41, SD_R3),
	ACMD_SEND_SCR = SD_COMMAND(51, SD_R1),
};

/* Card status (4.10.1). */
#define R1_RANGE ((uint32_t)1 << 31)
/* address, block length, erase range, write protection */
#define R1_REFUSED  ((uint32_t)0x6c008000)
#define R1_LOCKED   ((uint32_t)1 << 25)
#define R1_ERRORS   ((uint32_t)0xfdf9a008)
#define R1_READY    ((uint32_t)1 << 8)
#define R1_STATE    ((uint32_t)0xf << 9)
#define R1_TRANSFER ((uint32_t)4 << 9)

#define IF_COND        0x1aau /* 2.7 to 3.6 V, and a pattern that comes back (4.3.13) */
#define OCR_VOLTAGES   ((uint32_t)0x00300000) /* 3.2 to 3.4 V (5.1) */
#define OCR_CAPACITY   ((uint32_t)1 << 30)
#define OCR_DONE       ((uint32_t)1 << 31)
#define OP_LIMIT       NSEC_PER_SEC /* 4.2.3 */
#define OP_STEP        (5 * NSEC_PER_MSEC)
#define IDENTIFY_TRIES 3
#define READY_LIMIT    (2 * NSEC_PER_SEC)
#define READY_STEP     (500 * NSEC_PER_USEC)
#define CLOCK_DEFAULT  25000000
#define CLOCK_HIGH     50000000
#define CLASS_ERASE    5
#define CLASS_SWITCH   10
/* mode 1, function 1 of group 1, the others as they are (4.3.10.2) */
#define SWITCH_TO_HIGH 0x80fffff1u

/* ---- Commands ---- */

/* What an answer R1 says is wrong. */
static int status_error(uint32_t r1)
{
	if (!(r1 & R1_ERRORS))
		return 0;
	return r1 & (R1_RANGE | R1_REFUSED) ? -EPERM : -EIO;
}

static int command(struct sdhci *h, uint32_t code, uint32_t argument, struct sd_command *c)
{
	*c = (struct sd_command){ .code = code, .argument = argument };
	return sdhci_execute(h, c);
}

/* A command with an answer R1 that has nothing to complain of. */
static int simple(struct sdhci *h, uint32_t code, uint32_t argument)
{
	struct sd_command c;
	int err = command(h, code, argument, &c);

	return err ? err : status_error(c.answer[0]);
}

/* One block of `bytes` that is no sector. */
static int fetch(struct sdhci *h, uint32_t code, uint32_t argument, void *buf, uint32_t bytes)
{
	struct block_segment s = { buf, bytes };
	struct sd_command c = { .code = code,
				.argument = argument,
				.segments = &s,
				.nsegments = 1,
				.block_bytes = bytes,
				.blocks = 1 };
	int err = sdhci_execute(h, &c);

	return err ? err : status_error(c.answer[0]);
}

/* Until the card is in transfer state and ready. */
static int ready_await(const struct sd_card *card)
{
	uint64_t deadline = time_now() + READY_LIMIT;
	struct sd_command c;
	int err;

	for (;;) {
		err = command(card->host, SEND_STATUS, card->address, &c);
		if (!err)
			err = status_error(c.answer[0]);
		if (err || (c.answer[0] & (R1_STATE | R1_READY)) == (R1_TRANSFER | R1_READY))
			return err;
		if (time_now() >= deadline)
			return -EIO;
		(void)time_sleep_until(time_now() + READY_STEP, WAIT_UNINTERRUPTIBLE);
	}
}

/* ---- Identification ---- */

/* Bits [low, low + width) of an answer R2, numbered as the register that it holds. */
static uint32_t field(const uint32_t answer[4], unsigned low, unsigned width)
{
	unsigned word = (low - 8) / 32;
	uint64_t v = answer[word];

	if (word < 3)
		v |= (uint64_t)answer[word + 1] << 32;
	return (uint32_t)(v >> (low - 8) % 32 & (((uint64_t)1 << width) - 1));
}

/* Voltage, kind of addresses, and the end of its start (4.2.3). */
static int op_cond(struct sd_card *card)
{
	struct sdhci *h = card->host;
	uint64_t deadline = time_now() + OP_LIMIT;
	struct sd_command c;
	uint32_t want = OCR_VOLTAGES;
	int err;

	err = command(h, GO_IDLE, 0, &c);
	if (err)
		return err;
	/* Cards of version 1 do not know it, and do not answer. */
	err = command(h, SEND_IF_COND, IF_COND, &c);
	if (!err && (c.answer[0] & 0xfff) != IF_COND)
		return -EINVAL;
	if (err && err != -ETIMEDOUT)
		return err;
	if (!err)
		want |= OCR_CAPACITY;
	for (;;) {
		err = command(h, APP_CMD, 0, &c);
		if (!err)
			err = command(h, ACMD_OP_COND, want, &c);
		if (err)
			return err == -ETIMEDOUT ? -ENODEV : err;
		if (c.answer[0] & OCR_DONE)
			break;
		if (time_now() >= deadline)
			return -EINVAL;
		(void)time_sleep_until(time_now() + OP_STEP, WAIT_UNINTERRUPTIBLE);
	}
	card->by_blocks = c.answer[0] & want & OCR_CAPACITY;
	return c.answer[0] & OCR_VOLTAGES ? 0 : -EINVAL;
}

static int csd_decode(struct sd_card *card, const uint32_t csd[4])
{
	uint64_t size;

	switch (field(csd, 126, 2)) {
	case 0: /* 5.3.2 */
		size = ((uint64_t)field(csd, 62, 12) + 1)
		       << (field(csd, 47, 3) + 2 + field(csd, 80, 4));
		break;
	case 1: /* 5.3.3 */ size = ((uint64_t)field(csd, 48, 22) + 1) << 19; break;
	default: return -EINVAL;
	}
	card->sectors = size >> SECTOR_SHIFT;
	card->read_only = field(csd, 12, 2) != 0; /* for good, for now */
	/* An erase of single blocks, not of large sectors only. */
	card->can_erase = field(csd, 84 + CLASS_ERASE, 1) && field(csd, 46, 1);
	return card->sectors ? 0 : -EINVAL;
}

/* CID, address and CSD; then the card is in transfer state. *can_switch: it knows CMD6. */
static int registers(struct sd_card *card, bool *can_switch)
{
	struct sdhci *h = card->host;
	struct sd_command c;
	int err = command(h, ALL_SEND_CID, 0, &c);

	if (err)
		return err;
	memcpy(card->cid, c.answer, sizeof(card->cid));
	err = command(h, SEND_ADDRESS, 0, &c);
	if (err)
		return err;
	card->address = c.answer[0] & 0xffff0000;
	err = command(h, SEND_CSD, card->address, &c);
	if (!err)
		err = csd_decode(card, c.answer);
	*can_switch = field(c.answer, 84 + CLASS_SWITCH, 1);
	if (err)
		return err;
	err = command(h, SELECT, card->address, &c);
	if (err)
		return err;
	return c.answer[0] & R1_LOCKED ? -EINVAL : status_error(c.answer[0]);
}

static int app(const struct sd_card *card, uint32_t code, uint32_t argument)
{
	int err = simple(card->host, APP_CMD, card->address);

	return err ? err : simple(card->host, code, argument);
}

/* Four lines, high speed. */
static int speed_up(struct sd_card *card, bool can_switch)
{
	struct sdhci *h = card->host;
	uint32_t words[16];
	const uint8_t *bytes = (const uint8_t *)words; /* the highest bits first */
	int err = sdhci_set_clock(h, CLOCK_DEFAULT);

	if (!err)
		err = simple(h, APP_CMD, card->address);
	if (!err)
		err = fetch(h, ACMD_SEND_SCR, 0, words, 8); /* 5.6 */
	if (err)
		return err;
	card->can_cmd23 = sdhci_can_cmd23(h) && bytes[3] & 2;
	can_switch = can_switch && bytes[0] & 0xf && sdhci_can_high_speed(h);
	if (bytes[1] & 4) {
		err = app(card, ACMD_BUS_WIDTH, 2);
		if (err)
			return err;
		sdhci_set_four_lines(h);
	}
	if (!can_switch)
		return 0;
	err = fetch(h, SWITCH_FUNCTION, SWITCH_TO_HIGH, words, 64);
	if (err || (bytes[16] & 0xf) != 1)
		return err; /* the card stays as it is */
	sdhci_set_high_speed(h);
	return sdhci_set_clock(h, CLOCK_HIGH);
}

static int identify(struct sd_card *card, struct sdhci *h)
{
	bool can_switch;
	int err;

	*card = (struct sd_card){ .host = h };
	err = op_cond(card);
	if (!err)
		err = registers(card, &can_switch);
	if (!err)
		err = speed_up(card, can_switch);
	if (!err && !card->by_blocks)
		err = simple(h, SET_BLOCKLEN, SECTOR_SIZE);
	card->read_only |= !err && sdhci_write_protected(h);
	return err;
}

int sd_identify(struct sd_card *card, struct sdhci *h)
{
	int err = -ENODEV;

	for (unsigned tries = 0; tries < IDENTIFY_TRIES && sdhci_card_present(h); tries++) {
		err = sdhci_begin(h);
		if (err)
			break; /* no card's fault */
		err = identify(card, h);
		if (err != -EIO && err != -ETIMEDOUT)
			break;
	}
	return err;
}

/* ---- Work ---- */

static uint32_t address_of(const struct sd_card *card, uint64_t sector)
{
	return (uint32_t)(card->by_blocks ? sector : sector << SECTOR_SHIFT);
}

/* Of a command with data, and of the CMD12 that ended it. A read up to the last sector may seem to
 * have gone beyond it (4.3.3). */
static int answers_error(const struct sd_command *c, bool ended)
{
	int err = status_error(c->answer[0]);

	if (!err && ended && c->blocks > 1 && c->stop == SD_STOP_CMD12)
		err = status_error(c->answer[3] & ~(c->write ? 0 : R1_RANGE));
	return err;
}

int sd_transfer(struct sd_card *card, const struct block_request *r)
{
	struct sd_command c = { .argument = address_of(card, r->disk_sector),
				.segments = r->segments,
				.nsegments = r->nsegments,
				.block_bytes = SECTOR_SIZE,
				.blocks = r->sectors,
				.write = r->op == BLOCK_WRITE,
				.stop = card->can_cmd23 ? SD_STOP_CMD23 : SD_STOP_CMD12 };
	int err, said;

	if (c.write)
		c.code = c.blocks > 1 ? WRITE_MANY : WRITE_ONE;
	else
		c.code = c.blocks > 1 ? READ_MANY : READ_ONE;
	err = sdhci_execute(card->host, &c);
	if (err == -ENOMEDIUM || err == -EBUSY)
		return err;
	said = answers_error(&c, !err); /* tells more than that no data came */
	if (said || err)
		return said ? said : err;
	return c.write ? ready_await(card) : 0;
}

int sd_erase(struct sd_card *card, uint64_t sector, uint32_t sectors)
{
	int err = simple(card->host, ERASE_FROM, address_of(card, sector));

	if (!err)
		err = simple(card->host, ERASE_TO, address_of(card, sector + sectors - 1));
	if (!err)
		err = simple(card->host, ERASE, 0);
	return err ? err : ready_await(card);
}

int sd_recover(struct sd_card *card)
{
	struct sd_command c;
	int err = command(card->host, STOP, 0, &c);

	if (err == -EBUSY || err == -ENOMEDIUM)
		return err;
	/* A card that had no transfer does not answer; old complaints go with the first CMD13. */
	err = command(card->host, SEND_STATUS, card->address, &c);
	return err ? err : ready_await(card);
}
