// SPDX-License-Identifier: MIT
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/virtio.c
// Each rule of the virtio model, broken on purpose by a driver of few lines.
#include <string.h>

#include "tests/mock/mock.h"
#include "tests/mock/virtio.h"

#define NUM 8

static struct mock_virtio m;
static char *ram;

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

static int setup(void **state)
{
	mock_setup(state);
	mock_virtio_init(&m, 64);
	m.coherent = m.tolerant = true;
	ram = mock_ram + 65536;
	return 0;
}

static int teardown(void **state)
{
	mock_virtio_free(&m);
	return mock_teardown(state);
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

/* As the specification has it, up to and including `stage` steps. */
static void bring_up(unsigned stage)
{
	uint64_t pa = virt_to_phys(ram);
	const uint32_t steps[][2] = { { 0x070, 0 },
				      { 0x070, 1 },
				      { 0x070, 3 },
				      { 0x024, 1 },
				      { 0x020, 1 },
				      { 0x024, 0 },
				      { 0x020, 0x2240 },
				      { 0x070, 11 },
				      { 0x030, 0 },
				      { 0x038, NUM },
				      { 0x080, (uint32_t)pa },
				      { 0x084, 0 },
				      { 0x090, (uint32_t)pa + 4096 },
				      { 0x094, 0 },
				      { 0x0a0, (uint32_t)pa + 8192 },
				      { 0x0a4, 0 },
				      { 0x044, 1 },
				      { 0x070, 15 } };

	memset(ram, 0, 16384);
	for (unsigned i = 0; i < ARRAY_SIZE(steps) && i < stage; i++)
		put(steps[i][0], steps[i][1]);
	assert_int_equal(m.violations, 0);
}

static void test_registers(void **state)
{
	static const struct {
		unsigned stage;
		uint32_t offset, value;
		const char *what;
	} wrong[] = {
		{ 1, 0x070, 2, "DRIVER before" },
		{ 2, 0x070, 9, "FEATURES_OK out of turn" },
		{ 3, 0x070, 7, "DRIVER_OK" },
		{ 3, 0x070, 1, "takes bits back" },
		{ 10, 0x070, 15, "without a queue" },
		{ 2, 0x020, 0, "features out of turn" },
		{ 9, 0x020, 0, "features out of turn" },
		{ 6, 0x020, 2, "were not offered" },
		{ 7, 0x038, NUM, "is set up in status" },
		{ 99, 0x038, NUM, "is set up in status" },
		{ 16, 0x044, 2, "QueueReady 2" },
		{ 9, 0x044, 1, "a queue of 0" },
		{ 17, 0x080, 0, "is moved" },
		{ 17, 0x040, 1, "QueuePFN" },
		{ 3, 0x028, 4096, "GuestPageSize" },
		{ 17, 0x050, 0, "a notice in status" },
		{ 99, 0x050, 1, "a notice in status" },
		{ 99, 0x064, 1, "is acknowledged" },
		{ 99, 0x034, 1, "not one to write" },
		{ 99, 0x088, 1, "register 0x88" },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		put(0x070, 0);
		m.violations = 0;
		bring_up(wrong[i].stage);
		put(wrong[i].offset, wrong[i].value);
		expect(wrong[i].what);
	}
	(void)m.bus.read(&m.bus, 0x100, 1);
	expect("configuration read");
	(void)m.bus.read(&m.bus, 0x040, 4);
	expect("QueuePFN");
	(void)m.bus.read(&m.bus, 0x004, 1);
	expect("by 1 bytes");
}

static void test_queue_place(void **state)
{
	static const uint32_t places[][2] = {
		{ 0x080, 8 }, { 0x090, 1 }, { 0x0a0, 2 }, { 0x0a4, 1 }
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
		put(0x070, 0);
		bring_up(16);
		put(places[i][0], (uint32_t)virt_to_phys(ram) + places[i][1]);
		put(0x044, 1);
		expect("of the queue at");
	}
	put(0x070, 0);
	bring_up(16);
	put(0x038, 6);
	put(0x044, 1);
	expect("a queue of 6");
}

/* A read of a sector that is right in everything. */
static struct desc *good_chain(void)
{
	struct desc *d = (struct desc *)ram;
	uint64_t pa = virt_to_phys(ram) + 12288;

	put(0x070, 0);
	bring_up(99);
	m.violations = 0;
	d[0] = (struct desc){ pa, 16, 1, 1 };
	d[1] = (struct desc){ pa + 512, 512, 3, 2 };
	d[2] = (struct desc){ pa + 64, 1, 2, 0 };
	memset(ram + 12288, 0, 16);
	return d;
}

static uint16_t *avail(void)
{
	return (uint16_t *)(ram + 4096);
}

static void go(void)
{
	avail()[1]++;
	put(0x050, 0);
	mock_virtio_run(&m, 1);
}

static void test_chains(void **state)
{
	struct desc *d = good_chain();

	(void)state;
	go();
	assert_int_equal(m.violations, 0);
	assert_int_equal(((uint16_t *)(ram + 8192))[1], 1);
	d = good_chain();
	d[2].flags = 3; /* back to the first */
	go();
	expect("a readable piece behind");
	d = good_chain();
	d[1].next = NUM;
	go();
	expect("out of range");
	d = good_chain();
	d[1].addr = 0;
	go();
	expect("in RAM");
	d = good_chain();
	d[0].flags = 3;
	d[1].flags = 1;
	go();
	expect("a readable piece behind");
	d = good_chain();
	d[1].flags = 1;
	d[2].flags = 0;
	go();
	expect("without header");
	d = good_chain();
	d[1].len = 100;
	go();
	expect("a request of 100 bytes");
	d = good_chain();
	ram[12288 + 8] = 64;
	go();
	expect("is not on the disk");
	d = good_chain();
	ram[12288] = 3;
	go();
	expect("type 3");
	d = good_chain();
	d[1].flags = 1;
	go();
	expect("a read of 1 pieces");
	d = good_chain();
	ram[12288] = 4;
	go();
	expect("a flush");
}

static void test_ownership(void **state)
{
	struct desc *d = good_chain();

	(void)state;
	avail()[1]++;
	put(0x050, 0);
	avail()[3] = 0; /* the same head again, before it has come back */
	avail()[1]++;
	put(0x050, 0);
	expect("the device's");
	d[1].len = 1024;
	mock_virtio_run(&m, 1);
	expect("is changed while the device has it");
	good_chain();
	avail()[1] = NUM + 1;
	put(0x050, 0);
	expect("jumps from 0 to 9");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_registers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_queue_place, setup, teardown),
		cmocka_unit_test_setup_teardown(test_chains, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ownership, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
