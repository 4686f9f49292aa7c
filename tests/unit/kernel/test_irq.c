// SPDX-License-Identifier: MIT
// SOURCES: kernel/irq.c tests/mock/machine.c tests/mock/kernel.c
/*
 * The interrupt layer above a controller that the test plays: what is pending is a list, the
 * highest priority first.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "arch/boot.h"
#include "kernel/errno.h"
#include "kernel/irq.h"
#include "kernel/membarrier.h"
#include "tests/mock/mock.h"

#define SPURIOUS 1023

static unsigned pending[8], npending, ended[8], nended, handled[8], nhandled;
static bool enabled[IRQ_MAX];

static void chip_cpu_init(void) {}

static void chip_enable(unsigned irq, bool edge)
{
	(void)edge;
	enabled[irq] = true;
}

static void chip_disable(unsigned irq)
{
	enabled[irq] = false;
}

static unsigned chip_acknowledge(void)
{
	unsigned irq;

	if (npending == 0)
		return SPURIOUS;
	irq = pending[0];
	memmove(pending, pending + 1, --npending * sizeof(*pending));
	return irq;
}

static void chip_end(unsigned irq)
{
	ended[nended++] = irq;
}

static void chip_send(unsigned cpu, unsigned sgi)
{
	(void)cpu;
	pending[npending++] = sgi;
}

static const struct irq_chip chip = {
	.name = "test",
	.cpu_init = chip_cpu_init,
	.enable = chip_enable,
	.disable = chip_disable,
	.acknowledge = chip_acknowledge,
	.end = chip_end,
	.send = chip_send,
};

static unsigned barriers;

void membarrier_interrupt(void)
{
	barriers++;
}

void arch_cpu_stop(void)
{
	fail_msg("nobody asked for a stop");
	for (;;)
		;
}

static void handler(unsigned irq, void *arg)
{
	assert_ptr_equal(arg, &handled);
	handled[nhandled++] = irq;
}

static int setup(void **state)
{
	npending = nended = nhandled = 0;
	mock_setup(state);
	if (!irq_ready())
		irq_chip_register(&chip);
	return 0;
}

static void registered_while_free(void **state)
{
	(void)state;
	assert_int_equal(irq_register(40, false, handler, &handled, "a"), 0);
	assert_true(enabled[40]);
	assert_int_equal(irq_register(40, false, handler, &handled, "b"), -EBUSY);
	assert_int_equal(irq_register(IRQ_MAX, false, handler, &handled, "c"), -EINVAL);
	assert_int_equal(irq_register(3, false, handler, &handled, "an SGI"), -EINVAL);
	assert_string_equal(irq_name(40), "a");
	irq_unregister(40);
	assert_false(enabled[40]);
	assert_null(irq_name(40));
}

/* What else is pending waits for an exception of its own: a task that the first one woke may come
 * before. */
static void one_interrupt_per_exception(void **state)
{
	(void)state;
	assert_int_equal(irq_register(40, false, handler, &handled, "a"), 0);
	assert_int_equal(irq_register(41, false, handler, &handled, "b"), 0);
	pending[0] = 41;
	pending[1] = 40;
	npending = 2;
	irq_dispatch();
	assert_int_equal(nhandled, 1);
	assert_int_equal(handled[0], 41);
	assert_int_equal(nended, 1);
	assert_int_equal(npending, 1);
	irq_dispatch();
	assert_int_equal(handled[1], 40);
	irq_dispatch(); /* spurious: nothing is handled, and nothing ended */
	assert_int_equal(nended, 2);
	assert_int_equal(irq_count(40, 0), 1);
	irq_unregister(40);
	irq_unregister(41);
}

static void unwanted_ones_are_disabled(void **state)
{
	(void)state;
	enabled[50] = true;
	pending[npending++] = 50;
	irq_dispatch();
	assert_false(enabled[50]);
	assert_int_equal(ended[0], 50);
}

static void ipis_are_counted(void **state)
{
	uint64_t before = irq_count(IPI_RESCHEDULE, 0);

	(void)state;
	ipi_send(0, IPI_RESCHEDULE);
	irq_dispatch();
	assert_int_equal(irq_count(IPI_RESCHEDULE, 0), before + 1);
	assert_int_equal(ended[0], IPI_RESCHEDULE);
	assert_int_equal(barriers, 0);
	ipi_send(0, IPI_BARRIER);
	irq_dispatch();
	assert_int_equal(barriers, 1);
	assert_int_equal(ended[1], IPI_BARRIER);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, mock_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(registered_while_free),
		TEST(one_interrupt_per_exception),
		TEST(unwanted_ones_are_disabled),
		TEST(ipis_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
