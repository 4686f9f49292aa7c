// SPDX-License-Identifier: MIT
/*
 * An SD memory card behind the controller of tests/mock/sdhci.h, written from the SD Physical Layer
 * Simplified Specification 6.00 alone: states (4.2, 4.3), registers (5), card status (4.10.1). A
 * command that its state does not know gets no answer, and the next answer tells of it. Its address
 * is another one each time.
 */
#ifndef TESTS_MOCK_SDCARD_H
#define TESTS_MOCK_SDCARD_H

#include "kernel/lib/types.h"

enum mock_sd_state {
	SD_IDLE,
	SD_READY,
	SD_IDENT,
	SD_STANDBY,
	SD_TRANSFER,
	SD_DATA,
	SD_RECEIVE,
	SD_PROGRAM
};

/* What CMD13 shows for ever. */
enum mock_sd_busy {
	SD_BUSY_NOT,
	SD_BUSY_PROGRAM, /* programming */
	SD_BUSY_EARLY,   /* programming, and ready for more data */
	SD_BUSY_LATE,    /* done, and not ready for data */
	SD_BUSIES
};

enum mock_sd_bits {
	SD_OUT_OF_RANGE = 31,
	SD_ADDRESS_ERROR = 30,
	SD_BLOCK_LEN_ERROR = 29,
	SD_ERASE_SEQUENCE = 28,
	SD_ERASE_PARAM = 27,
	SD_WP_VIOLATION = 26,
	SD_CARD_LOCKED = 25,
	SD_LOCK_FAILED = 24,
	SD_COM_CRC = 23,
	SD_ILLEGAL = 22,
	SD_ECC_FAILED = 21,
	SD_CC_ERROR = 20,
	SD_ERROR = 19,
	SD_CSD_OVERWRITE = 16,
	SD_WP_ERASE_SKIP = 15,
	SD_ERASE_RESET = 13,
	SD_AUTHENTICATION = 3,
};

struct mock_sdcard {
	/* What it is. */
	bool present;
	bool version1;                      /* does not know CMD8, and its addresses count bytes */
	bool blocks;                        /* its addresses count blocks */
	bool four_lines, high_speed, cmd23; /* what it can */
	bool no_erase, large_erase, no_class10;
	bool protected_, locked, other_voltage, wrong_echo, csd_version3;
	unsigned start_polls;      /* ACMD41 says busy so often */
	uint64_t sectors, claimed; /* claimed: what the CSD says, 0: the truth */
	uint8_t *cells;
	uint8_t cid[16];

	/* How it fails. */
	uint64_t bad_sector;     /* reads of it find ECC errors, writes of it fail while programmed;
				    UINT64_MAX: none */
	uint64_t guarded_sector; /* write-protected; UINT64_MAX: none */
	unsigned bad_times;      /* so often */
	uint64_t busy_ns;        /* of each write and erase */
	enum mock_sd_busy stays_busy;

	/* State. */
	enum mock_sd_state state;
	uint32_t status; /* bits to be told of in the next answer */
	uint32_t found;  /* by an erase at work: in the one after */
	uint16_t rca;
	bool app, known, lines4, fast, interface_seen;
	unsigned polls;
	uint32_t block_length; /* of cards whose addresses count bytes */
	uint64_t at, left;     /* next sector; of a CMD23, 0: without end */
	uint32_t count23;
	bool counted;
	uint32_t erase_from, erase_to;
	unsigned erase_step;
	uint8_t special[64]; /* of CMD6, ACMD51 */
	unsigned nspecial;
	/* What has happened. */
	unsigned reads, writes, erases, commands[64];
};

enum mock_sd_kind {
	SD_SILENT,
	SD_GIVES_R1,
	SD_GIVES_R1B,
	SD_GIVES_R2,
	SD_GIVES_R3,
	SD_GIVES_R6,
	SD_GIVES_R7
};

struct mock_sd_answer {
	enum mock_sd_kind kind;
	uint32_t words[4];
	unsigned block; /* bytes of each block of data that follow, 0: none */
	bool write, many;
};

/* An SDHC card of so many sectors, without failures. */
void mock_sdcard_init(struct mock_sdcard *c, uint64_t sectors);
void mock_sdcard_free(struct mock_sdcard *c);
void mock_sdcard_power(struct mock_sdcard *c, bool on);
void mock_sdcard_command(struct mock_sdcard *c, unsigned index, uint32_t argument,
			 struct mock_sd_answer *a);
/* The next block of a transfer. False: the card does not give or take it. */
bool mock_sdcard_read(struct mock_sdcard *c, void *buf, unsigned n);
bool mock_sdcard_write(struct mock_sdcard *c, const void *buf, unsigned n);
/* The kind of answer to a command (index, | 64: of an ACMD), SD_SILENT: none, as the specification
 * says. */
enum mock_sd_kind mock_sdcard_kind(unsigned index);

#endif
