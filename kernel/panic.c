// SPDX-License-Identifier: MIT
/*
 * panic(): the end, with as much said as the machine's state allows. The first CPU to come here
 * speaks; others that panic meanwhile stop, and a panic inside the panic ends at once. Nothing here
 * takes a lock that somebody could hold for good.
 */
#include <stdarg.h>

#include "arch/boot.h"
#include "arch/thread.h"
#include "kernel/driver.h"
#include "kernel/irq.h"
#include "kernel/lib/atomic.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "kernel/sched.h"
#include "kernel/watchdog.h"
#include "mm/aspace.h"
#include "mm/buddy.h"

#define PANIC_STATUS 255
#define AREAS_MAX    48

static uint32_t panic_cpu; /* index + 1 of the CPU that speaks; 0: none */
static bool panic_again;

static void stop_others(void)
{
	uint64_t others = sched_cpus_online() & ~(1ull << hw_cpu());

	if (!irq_ready())
		return;
	for (unsigned cpu = 0; cpu < NR_CPUS_MAX; cpu++)
		if (others & (1ull << cpu))
			ipi_send(cpu, IPI_STOP);
}

/* Without the address space's lock: its holder may be stopped. The tree may be half changed; a
 * fault here is a panic again, which ends the report. */
static void show_areas(struct aspace *as)
{
	struct area *a = area_first(as);

	log_error("Areas:");
	for (unsigned n = 0; a && n < AREAS_MAX; n++, a = area_next(a))
		log_error("  %012lx-%012lx %c%c%c%c flags %x", (unsigned long)a->start,
			  (unsigned long)a->end, a->flags & AREA_READ ? 'r' : '-',
			  a->flags & AREA_WRITE ? 'w' : '-', a->flags & AREA_EXEC ? 'x' : '-',
			  a->flags & AREA_SHARED ? 's' : 'p', a->flags);
}

static void show_task(void)
{
	struct task *t = current();

	if (!t)
		return;
	log_error("CPU %u, task %d (%.*s), preemption count %u", hw_cpu(), t->tid, TASK_NAME_LEN,
		  t->name, t->hot.preempt_count);
	log_error("Memory: %u of %u frames free", frames_free(), frames_total());
	arch_panic_dump();
	if (t->aspace)
		show_areas(t->aspace);
}

static NORETURN void panic_end(void)
{
	char what[16];

	if (watchdog_supervises() ||
	    (cmdline_get("panic", what, sizeof(what)) && strcmp(what, "reset") == 0))
		machine_reset();
	machine_off(PANIC_STATUS);
}

void assert_failed(const char *what, int line)
{
	panic("assertion failed: %s:%d", what, line);
}

void panic(const char *fmt, ...)
{
	uint32_t nobody = 0;
	char reason[160];
	va_list ap;

	hw_irq_disable();
	if (!atomic_compare_exchange(&panic_cpu, &nobody, hw_cpu() + 1)) {
		if (nobody != hw_cpu() + 1)
			arch_cpu_stop();
		if (panic_again)
			arch_cpu_stop();
		panic_again = true;
		log_error("PANIC within the panic");
		panic_end();
	}
	stop_others();
	log_set_synchronous();
	va_start(ap, fmt);
	format_va(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	log_error("PANIC: %s", reason);
	show_task();
	panic_end();
}

/* What the packaged libfdt calls: it is compiled with stack protection. */
uintptr_t __stack_chk_guard = 0x5afe57ac0c0ffee0;
NORETURN void __stack_chk_fail(void);

void __stack_chk_fail(void)
{
	panic("stack smashed, seen by %p", __builtin_return_address(0));
}
