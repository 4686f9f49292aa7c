// SPDX-License-Identifier: MIT
/*
 * The machine: see sched_sim.h.
 *
 * The host's own context is the hardware: sim_run() takes the CPUs in turn. A CPU's context is that
 * of the task it runs. It comes back to the hardware from sim_work() or from the wait for an
 * interrupt, saying how long it has nothing to tell; the hardware moves the clock to the next
 * moment at which something happens and goes into each CPU that has work done or an interrupt to
 * take.
 */
#include "tests/mock/sched_sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include <cmocka.h>
#include <sanitizer/common_interface_defs.h>

#include "arch/thread.h"
#include "arch/timer.h"
#include "kernel/irq.h"
#include "kernel/lock_stat.h"
#include "kernel/runq.h"
#include "kernel/task_alloc.h"
#include "mm/buddy.h"

/* Their static state is set back between machines. */
#include "kernel/latency.c"
#include "kernel/load.c"
#include "kernel/psi.c"
#include "kernel/psi_average.c"
#include "kernel/psi_trigger.c"
#include "kernel/time.c"

#define STACK     (256 * 1024)
#define TASKS_MAX 256

struct sim_fiber {
	struct task task; /* first */
	ucontext_t context;
	void *stack;
	void *fake_stack;
	void (*fn)(void *);
	void *arg;
	bool ended, counted;
};

struct sim_cpu {
	struct task *last;  /* who ran before the switch in progress */
	uint64_t busy_left; /* of sim_work() in progress */
	uint64_t comparator;
	bool waiting, ipi, started;
};

struct sim_shown_clock sim_shown_clock;
virt_addr_t sim_interrupted;

void arch_clock_set(struct clock_scale scale, uint64_t offset)
{
	sim_shown_clock = (struct sim_shown_clock){ scale, offset };
}

static struct sim_cpu cpus[SIM_CPUS_MAX];
static unsigned cpu_count, ipi_count, timer_interrupts;
static uint64_t now;
static ucontext_t hardware;
static void *hardware_fake;
static const void *hardware_stack;
static size_t hardware_stack_size;
static struct sim_fiber *fibers[TASKS_MAX];
static unsigned fiber_count, live;
static const char *panic_expected; /* NULL: none */
static bool panicked;

/* ---- hardware verbs: what tests/mock/include/hw_impl.h leaves to its user ---- */

struct cpu_local cpu_locals[NR_CPUS_MAX];
_Thread_local unsigned mock_cpu;

uint64_t mock_counter(void)
{
	return now;
}

void mock_stores_ordered(void) {}

void mock_barrier(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void (*spinning)(void), (*idling)(void), (*letting_in)(void);

/* Calls *hook, once. */
static bool call_hook(void (**hook)(void))
{
	void (*fn)(void) = *hook;

	*hook = NULL;
	if (fn)
		fn();
	return fn != NULL;
}

void mock_relax(void)
{
	if (!call_hook(&spinning))
		fail_msg("spinning on a lock that nobody can release");
}

static struct sim_fiber *fiber_of(struct task *t)
{
	return container_of(t, struct sim_fiber, task);
}

/* From the running task's context to the hardware; comes back when the hardware chooses this CPU
 * again. */
static void to_hardware(void)
{
	struct sim_fiber *f = fiber_of(hw_current());

	__sanitizer_start_switch_fiber(&f->fake_stack, hardware_stack, hardware_stack_size);
	swapcontext(&f->context, &hardware);
	__sanitizer_finish_switch_fiber(f->fake_stack, NULL, NULL);
}

static bool interrupt_pending(const struct sim_cpu *c)
{
	return c->ipi || c->comparator <= now;
}

static bool switch_asked(void)
{
	return hw_current()->hot.pending & TASK_NEED_RESCHED;
}

virt_addr_t arch_interrupted(virt_addr_t *from)
{
	*from = 0;
	return sim_interrupted;
}

/* Takes pending interrupts as the vector does: with interrupts off, and a switch at the end if one
 * is due. */
static void take_interrupts(void)
{
	while (interrupt_pending(&cpus[mock_cpu])) {
		struct sim_cpu *c = &cpus[mock_cpu];
		bool was_off = hw_irqs_off();

		hw_irq_disable();
		c->ipi = false;
		if (c->comparator <= now) {
			c->comparator = NEVER;
			timer_interrupts++;
			clock_event_expired();
		}
		if (!was_off && switch_asked() && hw_current()->hot.preempt_count > 0)
			latency_switch_waits();
		else if (!was_off)
			preempt_schedule_irq();
		hw_irq_restore(was_off); /* maybe on another CPU by now */
	}
}

/* WFI, as the idle loop uses it: interrupts masked. The model takes what comes here, not when they
 * are unmasked. */
void mock_wait_event(void)
{
	assert_true(hw_irqs_off());
	while (!interrupt_pending(&cpus[mock_cpu])) {
		cpus[mock_cpu].waiting = true;
		to_hardware();
		cpus[mock_cpu].waiting = false;
	}
	take_interrupts();
}

void ipi_send(unsigned cpu, enum ipi ipi)
{
	assert_int_equal(ipi, IPI_RESCHEDULE);
	assert_true(cpu != mock_cpu || hw_irqs_off()); /* its own: taken later */
	assert_true(cpu < cpu_count);
	cpus[cpu].ipi = true;
	ipi_count++;
}

static void comparator_program(uint64_t counter)
{
	assert_true(hw_irqs_off());
	cpus[mock_cpu].comparator = counter;
}

static const struct clock_event comparator = { .name = "sim", .program = comparator_program };

/* ---- the architecture's part of tasks ---- */

struct task *arch_switch(struct task *prev, struct task *next)
{
	struct sim_fiber *from = fiber_of(prev), *to = fiber_of(next);

	assert_true(hw_irqs_off());
	cpu_locals[mock_cpu].current = next;
	cpus[mock_cpu].last = prev;
	__sanitizer_start_switch_fiber(&from->fake_stack, to->stack, STACK);
	swapcontext(&from->context, &to->context);
	__sanitizer_finish_switch_fiber(from->fake_stack, NULL, NULL);
	return cpus[mock_cpu].last;
}

static void fiber_main(void)
{
	struct sim_fiber *f = fiber_of(hw_current());

	__sanitizer_finish_switch_fiber(NULL, NULL, NULL);
	if (cpus[mock_cpu].last)
		sched_finish_switch(cpus[mock_cpu].last);
	if (f->task.sched.prio != PRIO_IDLE)
		hw_irq_enable();
	f->fn(f->arg);
	f->ended = true;
	if (f->counted)
		live--;
	sched_exit();
}

static void fiber_prepare(struct sim_fiber *f, void (*fn)(void *), void *arg)
{
	f->fn = fn;
	f->arg = arg;
	getcontext(&f->context);
	f->context.uc_stack.ss_sp = f->stack;
	f->context.uc_stack.ss_size = STACK;
	f->context.uc_link = NULL;
	makecontext(&f->context, fiber_main, 0);
}

void arch_task_init_kernel(struct task *t, void (*fn)(void *), void *arg)
{
	fiber_prepare(fiber_of(t), fn, arg);
}

/* ---- what the scheduler needs of others ---- */

struct task *task_alloc(void)
{
	struct sim_fiber *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	assert_true(fiber_count < TASKS_MAX);
	fibers[fiber_count++] = f;
	f->stack = malloc(STACK);
	assert_non_null(f->stack);
	f->task.refs = 1;
	f->task.sched.affinity = ~(uint64_t)0;
	list_init(&f->task.sched.rt_link);
	list_init(&f->task.pi_lenders);
	list_init(&f->task.process_link);
	return &f->task;
}

void task_free(struct task *t)
{
	(void)t; /* with all the others when the machine stops */
}

struct task *task_get(struct task *t)
{
	atomic_inc(&t->refs);
	return t;
}

void task_put(struct task *t)
{
	assert_int_not_equal(t->refs, 0);
	atomic_dec(&t->refs);
}

void task_retire(struct task *t)
{
	task_put(t);
}

void panic(const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!panic_expected || !strstr(text, panic_expected))
		fail_msg("panic: %s", text);
	panicked = true;
	for (;;)
		to_hardware();
}

void assert_failed(const char *what, int line)
{
	panic("assertion failed: %s:%d", what, line);
}

bool buddy_zero_some(void)
{
	if (call_hook(&idling))
		take_interrupts();
	return false;
}

/* ---- the hardware's side ---- */

/* Runs the CPU's context until it comes back. */
static void enter_cpu(unsigned cpu)
{
	struct sim_fiber *f = fiber_of(cpu_locals[cpu].current);

	mock_cpu = cpu;
	__sanitizer_start_switch_fiber(&hardware_fake, f->stack, STACK);
	swapcontext(&hardware, &f->context);
	__sanitizer_finish_switch_fiber(hardware_fake, &hardware_stack, &hardware_stack_size);
}

/* The next moment at which a CPU has something to do. */
static uint64_t next_event(void)
{
	uint64_t next = NEVER;

	for (unsigned cpu = 0; cpu < cpu_count; cpu++) {
		struct sim_cpu *c = &cpus[cpu];

		if (!c->started || c->ipi)
			return now;
		next = MIN(next, c->comparator);
		if (!c->waiting)
			next = MIN(next, now + c->busy_left);
	}
	return MAX(next, now);
}

static void pass_time(uint64_t until)
{
	for (unsigned cpu = 0; cpu < cpu_count; cpu++)
		if (cpus[cpu].started && !cpus[cpu].waiting)
			cpus[cpu].busy_left -= MIN(cpus[cpu].busy_left, until - now);
	now = until;
}

static void idle_entry(void *arg)
{
	(void)arg;
	sched_cpu_idle();
}

static void secondary_prepare(unsigned cpu)
{
	struct task *t = task_alloc();

	t->sched.prio = PRIO_IDLE;
	arch_task_init_kernel(t, idle_entry, NULL);
	cpu_locals[cpu].current = t;
}

struct boot {
	void (*fn)(void *);
	void *arg;
};

static void boot_main(void *arg)
{
	struct boot *b = arg;

	sched_init(current());
	clock_event_register(&comparator);
	hw_irq_enable();
	while (__builtin_popcountll(sched_cpus_online()) < (int)cpu_count)
		sim_work(1);
	b->fn(b->arg);
}

static void latency_forget(void)
{
	while (!list_empty(&wakeups)) {
		struct latency_wakeups *w = list_first(&wakeups, struct latency_wakeups, link);

		list_remove(&w->link);
		kfree(w);
	}
	wakeups_count = wakeups_ended = 0;
	for (unsigned cpu = 0; cpu < NR_CPUS_MAX; cpu++) {
		kfree(latencies[cpu]);
		latencies[cpu] = NULL;
	}
	sample_ns = 0;
}

static void machine_reset_state(unsigned n)
{
	memset(runqs, 0, sizeof(runqs));
	memset(machine_cpus, 0, sizeof(machine_cpus));
	psi_machine = (struct psi){ .cpus = machine_cpus };
	cpus_online = cpus_idle = cpus_rt_waiting = 0;
	clock_event = NULL;
	for (unsigned cpu = 0; cpu < NR_CPUS_MAX; cpu++)
		queues[cpu] = (struct timer_queue){ .slice = NEVER, .programmed = NEVER };
	memset(cpus, 0, sizeof(cpus));
	latency_forget();
	for (unsigned cpu = 0; cpu < SIM_CPUS_MAX; cpu++) {
		cpus[cpu].comparator = NEVER;
		cpu_locals[cpu] = (struct cpu_local){ .index = cpu, .irqs_off = true };
	}
	cpu_count = n;
	now = ipi_count = timer_interrupts = live = fiber_count = 0;
	mock_cpu = 0;
	letting_in = NULL;
}

void sim_run(unsigned n, uint64_t limit, void (*fn)(void *), void *arg)
{
	struct boot boot = { fn, arg };
	struct task *t;

	assert_in_range(n, 1, SIM_CPUS_MAX);
	machine_reset_state(n);
	t = task_alloc();
	fiber_of(t)->counted = true;
	live = 1;
	cpu_locals[0].current = t;
	arch_task_init_kernel(t, boot_main, &boot);
	for (unsigned cpu = 1; cpu < n; cpu++)
		secondary_prepare(cpu);
	while (live > 0 && !panicked) {
		uint64_t next = next_event();

		if (next == NEVER)
			fail_msg("%u tasks sleep and nothing will wake them", live);
		if (next > limit)
			fail_msg("%u tasks still run after %llu ns", live,
				 (unsigned long long)limit);
		pass_time(next);
		for (unsigned cpu = 0; cpu < n && live > 0 && !panicked; cpu++) {
			struct sim_cpu *c = &cpus[cpu];

			if (c->started && !interrupt_pending(c) && (c->waiting || c->busy_left > 0))
				continue;
			c->started = true;
			enter_cpu(cpu);
		}
	}
	latency_forget();
	for (unsigned i = 0; i < fiber_count; i++) {
		free(fibers[i]->stack);
		free(fibers[i]);
	}
}

void sim_run_panics(unsigned n, uint64_t limit, void (*fn)(void *), void *arg, const char *what)
{
	panic_expected = what;
	panicked = false;
	sim_run(n, limit, fn, arg);
	assert_true(panicked);
	panic_expected = NULL;
	panicked = false;
}

/* ---- for tasks ---- */

static struct task *task_make(const char *name, void (*fn)(void *), void *arg, int policy, int prio)
{
	struct task *t = task_alloc();

	snprintf(t->name, sizeof(t->name), "%s", name);
	arch_task_init_kernel(t, fn, arg);
	assert_int_equal(sched_set(t, policy, prio, 0), 0);
	return t;
}

struct task *sim_task(const char *name, void (*fn)(void *), void *arg, int policy, int prio,
		      uint64_t affinity)
{
	struct task *t = task_make(name, fn, arg, policy, prio);

	if (affinity)
		assert_int_equal(sched_set_affinity(t, affinity), 0);
	fiber_of(t)->counted = true;
	live++;
	sched_start(t);
	return t;
}

struct task *sim_daemon(const char *name, void (*fn)(void *), void *arg, int policy, int prio)
{
	struct task *t = task_make(name, fn, arg, policy, prio);

	sched_start(t);
	return t;
}

void sim_work(uint64_t ns)
{
	struct task *me = current();

	assert_true(preemptible());
	while (ns > 0) {
		/* The CPU's amount is this task's as long as it is not switched out, which happens
		 * in take_interrupts() only. */
		cpus[mock_cpu].busy_left = ns;
		to_hardware();
		ns = cpus[mock_cpu].busy_left;
		take_interrupts();
		assert_ptr_equal(me, current());
	}
}

void sim_pass(uint64_t ns)
{
	assert_int_equal(cpu_count, 1);
	now += ns;
	if (!hw_irqs_off())
		take_interrupts();
}

void sim_sleep(uint64_t ns)
{
	assert_int_equal(time_sleep_until(time_now() + ns, WAIT_UNINTERRUPTIBLE), 0);
}

void sim_join(struct task *t)
{
	while (!fiber_of(t)->ended)
		sim_sleep(NSEC_PER_MSEC / 10);
}

uint64_t sim_now(void)
{
	return now;
}

unsigned sim_ipis(void)
{
	return ipi_count;
}

unsigned sim_timer_interrupts(void)
{
	return timer_interrupts;
}

void sim_while_spinning(void (*fn)(void))
{
	spinning = fn;
}

void sim_while_idle(void (*fn)(void))
{
	idling = fn;
}

/* In the scheduler, whose preempt_let_in() forbids a switch; elsewhere nothing comes here. */
void mock_irqs_come(void)
{
	static bool within;

	if (!letting_in || within || hw_current()->hot.preempt_count != 1)
		return;
	within = true;
	letting_in();
	within = false;
	take_interrupts();
}

void sim_while_let_in(void (*fn)(void))
{
	letting_in = fn;
}

void sim_as_cpu(unsigned cpu, void (*fn)(void))
{
	unsigned was = sim_on_cpu(cpu);
	uint64_t irqs = hw_irq_save();

	fn();
	if (switch_asked())
		cpus[cpu].ipi = true; /* at the exit from that interrupt */
	hw_irq_restore(irqs);
	(void)sim_on_cpu(was);
}

unsigned sim_on_cpu(unsigned cpu)
{
	unsigned was = mock_cpu;

	mock_cpu = cpu;
	return was;
}

unsigned sim_cpu_of(const struct task *t)
{
	return (unsigned)t->sched.cpu;
}

/* No task here belongs to a process. */
void process_charge(struct task *t, uint64_t ns)
{
	(void)t;
	(void)ns;
}
void lock_waited(enum lock_kind kind, virt_addr_t site, virt_addr_t caller, uint64_t ns)
{
	(void)kind, (void)site, (void)caller, (void)ns;
}
void rt_time_changed(struct task *t)
{
	(void)t;
}

/* ---- memory, for what comes and goes with groups and triggers; a test that has the real one links
 * that ---- */

/* Of disks and pages a test has its own, or none. */
__attribute__((weak)) void block_hurry(const struct task *t, int prio)
{
	(void)t, (void)prio;
}

__attribute__((weak)) struct task *reading_lend(const struct page *p, const void *of, int prio)
{
	(void)p, (void)of, (void)prio;
	return NULL;
}

__attribute__((weak)) bool memcg_tight(void)
{
	return false;
}

__attribute__((weak)) void *kmalloc(size_t n, unsigned flags)
{
	return flags & ALLOC_ZERO ? calloc(1, n) : malloc(n);
}

__attribute__((weak)) void kfree(void *p)
{
	free(p);
}
