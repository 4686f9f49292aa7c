// SPDX-License-Identifier: MIT
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/sdhci.c tests/mock/sdhci_data.c tests/mock/sdcard.c
// Each rule of the models of SD controller and card, broken on purpose by a driver of few lines.
#include <string.h>

#include "tests/mock/mock.h"
#include "tests/mock/sdhci.h"

#define R1   0x1au
#define R1B  0x1bu
#define DATA 0x20u
#define BUS  0xc0000000u

enum { READ = 1 << 4, MULTIPLE = 1 << 5, COUNT = 1 << 1, DMA = 1, CMD12 = 1 << 2, CMD23 = 2 << 2 };

static struct mock_sdhci m;

static int setup(void **state)
{
	mock_setup(state);
	mock_sdhci_init(&m, 64);
	m.tolerant = m.coherent = true;
	return 0;
}

static int teardown(void **state)
{
	mock_sdhci_free(&m);
	return mock_teardown(state);
}

static uint32_t get(size_t offset)
{
	return m.bus.read(&m.bus, offset);
}

static void put(size_t offset, uint32_t v)
{
	m.bus.write(&m.bus, offset, v);
}

static void expect(const char *what)
{
	if (!m.violations || !strstr(m.what, what))
		fail_msg("the model did not notice \"%s\" (%u, \"%s\")", what, m.violations,
			 m.what);
	m.violations = 0;
	m.what[0] = 0;
}

static void expect_none(void)
{
	if (m.violations)
		fail_msg("nothing was wrong: \"%s\"", m.what);
}

/* A command and its data's beginning; the answer's first word. */
static uint32_t command(unsigned index, unsigned flags, uint32_t argument, uint32_t mode)
{
	put(0x30, UINT32_MAX);
	put(0x08, argument);
	put(0x0c, index << 24 | flags << 16 | mode);
	(void)mock_sdhci_run(&m);
	return get(0x10);
}

static void acmd(unsigned index, unsigned flags, uint32_t argument)
{
	(void)command(55, R1, (uint32_t)m.card.rca << 16, 0);
	(void)command(index, flags, argument, 0);
}

static void clock(uint32_t divisor)
{
	put(0x2c, get(0x2c) & ~4u);
	put(0x2c, divisor << 8 | 0xe0001);
	put(0x2c, divisor << 8 | 0xe0005);
}

static void power(void)
{
	put(0x2c, 1u << 24);
	put(0x34, 0x3ff00b3);
	put(0x28, 0xf10);
	clock(125); /* 400 kHz */
}

/* To the transfer state, as the specification has it: one line, 25 MHz. */
static void bring_up(void)
{
	power();
	(void)command(0, 0, 0, 0);
	(void)command(8, R1, 0x1aa, 0);
	for (unsigned i = 0; i <= m.card.start_polls; i++)
		acmd(41, 2, 0x40300000);
	(void)command(2, 9, 0, 0);
	(void)command(3, R1, 0, 0);
	(void)command(9, 9, (uint32_t)m.card.rca << 16, 0);
	(void)command(7, R1B, (uint32_t)m.card.rca << 16, 0);
	clock(2);
	expect_none();
	assert_int_equal(m.card.state, SD_TRANSFER);
}

static void reset_lines(void)
{
	put(0x2c, (get(0x2c) & 0xffffff) | 6u << 24);
}

static void test_commands(void **state)
{
	(void)state;
	(void)command(0, 0, 0, 0);
	expect("without 3.3 V");
	put(0x28, 0xf00);
	(void)command(0, 0, 0, 0);
	expect("without a clock");
	power();
	clock(2);
	m.card.known = true;
	(void)command(0, 0, 0, 0);
	expect("command 0 at 25000000 Hz");
	bring_up();
	put(0x0c, 13u << 24 | R1 << 16);
	put(0x0c, 13u << 24 | R1 << 16);
	expect("while another is under way");
	put(0x08, 0);
	expect("during a command");
	(void)mock_sdhci_run(&m);
	reset_lines();
	(void)command(13, 0x02, 0, 0);
	expect("flags 0x2");
	reset_lines();
	(void)command(13, R1 | 0xc0, 0, 0);
	expect("of type 3");
	reset_lines();
	(void)command(12, R1B, 0, 0);
	expect("of type 0");
	reset_lines();
	/* After an error nothing goes before the lines are reset. */
	(void)command(2, 9, 0, 0);
	assert_true(get(0x30) & 1 << 16);
	put(0x0c, 13u << 24 | R1 << 16);
	expect("while another is under way");
}

static void test_registers(void **state)
{
	(void)state;
	bring_up();
	(void)get(0x2e);
	expect("is read");
	put(0x0e, 0);
	expect("is written");
	(void)get(0x44);
	expect("not one to read");
	put(0x24, 0);
	expect("not one to write");
	put(0x28, 0xf10 | 1 << 5);
	expect("control");
	put(0x28, 0xf14);
	expect("high speed that the card has not");
	put(0x2c, 0x305 | 0xe0000);
	expect("changes while it runs");
	put(0x2c, get(0x2c) & ~4u);
	put(0x2c, 0);
	put(0x2c, 0x205);
	expect("before it is stable");
	m.capabilities &= ~(1u << 19);
	put(0x28, 0xf10);
	expect("a DMA that it has not");
	put(0x2c, get(0x2c) & ~4u);
	m.slow = true;
	put(0x34, 0);
	expect("0 ns after another");
	mock_time_advance(9000); /* 400 kHz at least: the clock stands */
	put(0x34, 0);
	expect("9000 ns after another");
	mock_time_advance(10000);
	put(0x34, 0);
	expect_none();
}

static void transfer(unsigned index, uint32_t block, uint32_t mode)
{
	reset_lines();
	m.card.state = SD_TRANSFER;
	put(0x04, block);
	(void)command(index, R1 | DATA, 0, mode);
}

static void test_data(void **state)
{
	(void)state;
	bring_up();
	transfer(17, 1 << 16 | 512, 0);
	expect("mode 0 of command 17");
	transfer(24, 1 << 16 | 512, READ);
	expect("mode 0x10 of command 24");
	transfer(17, 1 << 16 | 256, READ);
	expect("blocks 0x10100");
	transfer(17, 2 << 16 | 512, READ);
	expect("2 blocks");
	transfer(18, 2 << 16 | 512, READ | MULTIPLE | CMD12);
	expect("2 blocks");
	transfer(18, 2 << 16 | 512, READ | MULTIPLE | COUNT);
	expect("nobody ends it");
	transfer(17, 1 << 16 | 512, READ | CMD12);
	expect("nobody ends it, or somebody");
	transfer(18, 2 << 16 | 512, READ | MULTIPLE | COUNT | CMD23);
	expect("CMD23 of 0");
	put(0x28, 0xf02);
	transfer(17, 1 << 16 | 512, READ);
	expect("lines as the card has not");
	put(0x28, 0xf00);
	transfer(17, 1 << 16 | 512, READ | DMA);
	expect("DMA that is not chosen");
	transfer(17, 1 << 16 | 512, READ);
	put(0x04, 0);
	expect("during a transfer");
	(void)command(17, R1 | DATA, 0, READ);
	expect("while data is under way");
	put(0x34, 0xf0033);
	transfer(17, 1 << 16 | 512, READ);
	expect("errors that are not noted");
}

static void test_port(void **state)
{
	(void)state;
	bring_up();
	(void)get(0x20);
	expect("the port is read");
	put(0x20, 0);
	expect("the port is written");
	transfer(17, 1 << 16 | 512, READ);
	for (unsigned i = 0; i < 128; i++)
		(void)get(0x20);
	expect_none();
	(void)get(0x20);
	expect("the port is read");
	assert_false(get(0x30) & 2);
	put(0x38, 2);
	assert_true(mock_sdhci_run(&m));
	transfer(24, 1 << 16 | 512, 0);
	(void)get(0x20);
	expect("the port is read");
}

/* One read of two blocks by the table at `at` of RAM. */
static void adma(uint32_t at, const uint32_t *lines, unsigned n)
{
	memcpy(mock_ram + 4096, lines, n * 8);
	put(0x28, 0xf10);
	reset_lines();
	put(0x58, BUS + at);
	transfer(18, 2 << 16 | 512, READ | MULTIPLE | COUNT | CMD12 | DMA);
}

static void test_adma(void **state)
{
	(void)state;
	bring_up();
	adma(4096, (uint32_t[]){ 512 << 16 | 0x21, BUS + 8192, 512 << 16 | 0x23, BUS + 16384 }, 2);
	expect_none();
	adma(4096, (uint32_t[]){ 512 << 16 | 0x23, BUS + 8192 }, 1);
	expect("shorter than the transfer");
	adma(4096, (uint32_t[]){ 1028 << 16 | 0x23, BUS + 8192 }, 1);
	expect("longer than the transfer");
	adma(4096, (uint32_t[]){ 1024 << 16 | 0x21, BUS + 8192 }, 1);
	expect("longer than the transfer"); /* no end */
	adma(4096, (uint32_t[]){ 1024 << 16 | 0x22, BUS + 8192 }, 1);
	expect("a descriptor 0x22");
	adma(4096, (uint32_t[]){ 1024 << 16 | 0x23, BUS + 8194 }, 1);
	expect("memory at 0xc0002002");
	adma(4096, (uint32_t[]){ 1024 << 16 | 0x23, 8192 }, 1);
	expect("out of reach");
	m.reach = 8192 + 1023;
	adma(4096, (uint32_t[]){ 1024 << 16 | 0x23, BUS + 8192 }, 1);
	expect("out of reach");
	m.reach = 4096;
	adma(4096, (uint32_t[]){ 0x23, 0 }, 1);
	expect("out of reach");
	/* Not coherent, and the table was not cleaned. */
	m.reach = mock_options.ram;
	m.coherent = false;
	mock_expect_violation(MOCK_RULE_DMA);
	adma(4096, (uint32_t[]){ 1024 << 16 | 0x23, BUS + 8192 }, 1);
	mock_assert_violated(MOCK_RULE_DMA);
}

/* What the card does not know in its state it does not answer, and tells of it in its next
 * answer. */
static void test_card(void **state)
{
	struct mock_sd_answer a;
	uint32_t rca;

	(void)state;
	bring_up();
	rca = (uint32_t)m.card.rca << 16;
	mock_sdcard_command(&m.card, 9, rca, &a);
	assert_int_equal(a.kind, SD_SILENT);
	mock_sdcard_command(&m.card, 13, rca + (1 << 16), &a);
	assert_int_equal(a.kind, SD_SILENT);
	mock_sdcard_command(&m.card, 13, rca, &a);
	assert_int_equal(a.kind, SD_GIVES_R1);
	assert_true(a.words[0] & 1u << SD_ILLEGAL);
	mock_sdcard_command(&m.card, 13, rca, &a);
	assert_int_equal(a.words[0], SD_TRANSFER << 9 | 1 << 8);
	mock_sdcard_command(&m.card, 38, 0, &a);
	assert_true(a.words[0] & 1u << SD_ERASE_SEQUENCE);
	mock_sdcard_command(&m.card, 17, 64, &a);
	assert_true(a.words[0] & 1u << SD_OUT_OF_RANGE && !a.block);
	mock_sdcard_command(&m.card, 16, 1000, &a);
	assert_true(a.words[0] & 1u << SD_BLOCK_LEN_ERROR);
	/* A host that does not know high capacity never gets it. */
	mock_sdcard_power(&m.card, true);
	for (unsigned i = 0; i < 20; i++) {
		mock_sdcard_command(&m.card, 55, 0, &a);
		mock_sdcard_command(&m.card, 41, 0x00300000, &a);
		assert_false(a.words[0] >> 31);
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_commands), TEST(test_registers), TEST(test_data),
		TEST(test_port),     TEST(test_adma),      TEST(test_card),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
