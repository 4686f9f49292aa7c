// SPDX-License-Identifier: MIT
/*
 * The Arm generic timer (DDI 0487, D12): the virtual timer's comparator against the virtual
 * counter, which programs read as well. Its interrupt is a level that lasts while CNTVCT >=
 * CNTV_CVAL with the timer enabled and not masked.
 */
#include "arch/hw.h"
#include "arch/timer.h"
#include "kernel/clock_event.h"
#include "kernel/driver.h"
#include "kernel/errno.h"
#include "kernel/irq.h"
#include "kernel/log.h"

/* order in the binding arm,armv8-timer: secure, physical, virtual, hypervisor */
#define VIRTUAL_TIMER 2

static void timer_interrupt(unsigned irq, void *arg)
{
	(void)irq;
	(void)arg;
	clock_event_expired();
}

static const struct clock_event generic_timer = {
	.name = "generic timer",
	.cpu_init = arch_timer_off,
	.program = arch_timer_program,
};

static int generic_probe(struct device *dev)
{
	unsigned irq;
	bool edge;
	int err = device_irq(dev, VIRTUAL_TIMER, &irq, &edge);

	if (err)
		return err;
	if (hw_counter_hz() == 0) {
		log_error("timer: CNTFRQ_EL0 was never set");
		return -EINVAL;
	}
	arch_timer_off();
	err = irq_register(irq, false, timer_interrupt, NULL, "timer");
	if (err)
		return err;
	clock_event_register(&generic_timer);
	log_info("timer: %lu kHz, interrupt %u", (unsigned long)(hw_counter_hz() / 1000), irq);
	return 0;
}

static const char *const generic_compatible[] = { "arm,armv8-timer", NULL };

DRIVER(generic) = {
	.name = "generic-timer",
	.compatible = generic_compatible,
	.stage = DRIVER_EARLY,
	.probe = generic_probe,
};
