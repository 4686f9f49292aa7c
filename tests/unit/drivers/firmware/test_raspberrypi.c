// SPDX-License-Identifier: MIT
// SOURCES: drivers/firmware/raspberrypi.c mm/dma.c kernel/firmware.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c
/*
 * The property mailbox against a VideoCore that is not coherent with the CPUs' caches and checks
 * each message: answers, what the firmware does not know, answers that come too late or never.
 */
#include <errno.h>
#include <string.h>

#include "drivers/firmware/raspberrypi.h"
#include "kernel/driver.h"
#include "kernel/firmware.h"
#include "kernel/log.h"
#include "kernel/time.h"
#include "mm/dma.h"
#include "mm/memblock.h"
#include "tests/mock/dma.h"
#include "tests/mock/mock.h"

#define FULL  (1u << 31)
#define EMPTY (1u << 30)
#define BUS   0xc0000000u

extern const struct driver *const __start_drivers[];

static volatile uint32_t regs[16]; /* READ 0, STATUS 6, WRITE 8, WRITE_STATUS 14 */
static enum { ANSWERS, SILENT, LATE, BUSY } mood;
static uint32_t late_word;
static phys_addr_t last; /* where the message before lay */
static bool cold;        /* the firmware is too old to know the temperature */
static unsigned messages, sleeps;

static phys_addr_t ram(void)
{
	return (phys_addr_t)mock_first_pfn() << PAGE_SHIFT;
}

int device_reg(const struct device *dev, unsigned i, phys_addr_t *base, uint64_t *size)
{
	(void)dev, (void)i;
	*base = 0xfe00b880, *size = 0x40;
	return 0;
}

int device_dma(const struct device *dev, struct dma_reach *reach)
{
	(void)dev;
	*reach = (struct dma_reach){ .base = ram(), .bus = BUS, .size = 1u << 30 };
	return 0;
}

const void *device_property(const struct device *dev, const char *name, int *len)
{
	assert_int_equal(dev->node, 0);
	assert_string_equal(name, "model");
	*len = 6;
	return "Model";
}

bool memblock_ram(unsigned i, struct memblock_range *r)
{
	*r = (struct memblock_range){ ram(), 1u << 30 };
	return i == 0;
}

volatile void *mmio_map(phys_addr_t base, size_t size)
{
	assert_true(base == 0xfe00b880 && size <= sizeof(regs));
	return regs;
}

static void answer_value(uint32_t tag, const uint32_t in, uint32_t out[2], uint32_t *length)
{
	*length = 8;
	switch (tag) {
	case 0x00000001: out[0] = 0x1234, *length = 4; break;
	case 0x00010002: out[0] = 0xc03112, *length = 4; break;
	case 0x00010004: out[0] = 0x89abcdef, out[1] = 0x10000000; break;
	case 0x00010005: out[0] = 0, out[1] = 948u << 20; break;
	case 0x00010006: out[0] = 948u << 20, out[1] = 76u << 20; break;
	case 0x00030002: out[0] = in, out[1] = in == VC_CLOCK_EMMC2 ? 100000000 : 500000000; break;
	case 0x00030006:
		assert_int_equal(in, 0);
		out[0] = in, out[1] = 47230;
		*length = cold ? 0 : 8;
		break;
	default: *length = 0; break;
	}
}

static void answer(uint32_t word)
{
	phys_addr_t pa = (word & ~0xfu) - BUS + ram();
	uint32_t m[8], length;

	assert_int_equal(word & 0xf, 8);
	assert_true(pa != last); /* or a late answer would be taken for this one's */
	last = pa;
	mock_device_read(pa, m, sizeof(m));
	assert_int_equal(m[0], sizeof(m));
	assert_true(m[1] == 0 && m[3] == 8 && m[4] == 0 && m[7] == 0);
	answer_value(m[2], m[5], &m[5], &length);
	m[1] = 0x80000000;
	m[4] = length ? 0x80000000 | length : 0;
	mock_device_write(pa, m, sizeof(m));
	messages++;
}

/* The VideoCore works while the driver sleeps. */
int time_sleep_until(uint64_t deadline, int mode)
{
	(void)deadline, (void)mode;
	sleeps++;
	if (mood == BUSY && sleeps == 3) {
		mood = ANSWERS;
		regs[14] = 0;
	}
	if (mood == SILENT || mood == BUSY || !regs[8])
		return 0;
	if (mood == LATE && late_word) { /* the one that nobody waits for any more comes first,
					    while the right one is ready behind it */
		answer(regs[8]);
		regs[0] = late_word;
		late_word = 0;
		regs[6] = 0;
		return 0;
	}
	answer(regs[8]);
	regs[0] = regs[8];
	regs[8] = 0;
	regs[6] = 0;
	return 0;
}

/* A question begins: what was read last is no longer there. */
void mutex_lock(struct mutex *m)
{
	(void)m;
	regs[6] = EMPTY;
	sleeps = 0;
}

void mutex_unlock(struct mutex *m)
{
	(void)m;
}

static int temperature(void)
{
	int t = -1, err = firmware_get()->temperature(&t);

	return err ? err : t;
}

static void test_answers(void **state)
{
	(void)state;
	assert_int_equal(vc_clock_rate(VC_CLOCK_EMMC2), 0); /* no firmware yet */
	assert_null(firmware_get());
	regs[6] = EMPTY;
	assert_int_equal(__start_drivers[0]->probe(&(struct device){ 0 }), 0);
	assert_int_equal(firmware_get()->revision, 0xc03112);
	assert_true(firmware_get()->serial == 0x1000000089abcdef);
	assert_string_equal(firmware_get()->model, "Model");
	assert_int_equal(temperature(), 47230);
	assert_int_equal(vc_clock_rate(VC_CLOCK_EMMC2), 100000000);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(vc_clock_rate(i), i == VC_CLOCK_EMMC2 ? 100000000 : 500000000);
}

/* A tag that is not known is an error, not a temperature of nothing. */
static void test_unknown(void **state)
{
	(void)state;
	cold = true;
	assert_int_equal(temperature(), -EIO);
	cold = false;
	assert_int_equal(temperature(), 47230);
}

static void test_never(void **state)
{
	(void)state;
	mood = SILENT;
	assert_int_equal(temperature(), -ETIMEDOUT);
	assert_int_equal(vc_clock_rate(VC_CLOCK_EMMC), 0);
	assert_true(sleeps < 10000);
}

static void test_late(void **state)
{
	(void)state;
	mood = SILENT;
	assert_int_equal(temperature(), -ETIMEDOUT);
	late_word = regs[8];
	mood = LATE;
	assert_int_equal(vc_clock_rate(VC_CLOCK_EMMC2),
			 0); /* the model tells one word per look: the late one is not taken, though
				the answer is there */
	mood = ANSWERS;
	assert_int_equal(vc_clock_rate(VC_CLOCK_EMMC2), 100000000);
}

static void test_busy(void **state)
{
	(void)state;
	mood = BUSY;
	regs[14] = FULL;
	assert_int_equal(temperature(), 47230);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers), cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_never),   cmocka_unit_test(test_late),
		cmocka_unit_test(test_busy),
	};

	return cmocka_run_group_tests(tests, mock_setup, mock_teardown);
}
