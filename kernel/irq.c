// SPDX-License-Identifier: MIT
/*
 * Interrupts between the controller driver below and handlers above. INTIDs that have a handler own
 * one of a small number of actions; a byte per INTID names it, so that the table costs 1 KB and not
 * one structure for each of a thousand numbers.
 *
 * An action's fields are final before its number is published (release) and read by the dispatcher
 * after that (acquire), so interrupts take no lock. irq_unregister() withdraws the number and waits
 * until no CPU is inside the handler.
 */
#include "kernel/irq.h"

#include "arch/boot.h"
#include "kernel/errno.h"
#include "kernel/lock.h"
#include "kernel/log.h"
#include "kernel/membarrier.h"
#include "kernel/sched.h"

#define ACTIONS_MAX 64
#define FIRST_PPI   16
#define FIRST_SPI   32

struct action {
	irq_handler handler; /* NULL: free */
	void *arg;
	const char *name;
	uint16_t irq;
	bool edge;
	uint32_t running;            /* CPUs inside the handler; atomic */
	uint64_t count[NR_CPUS_MAX]; /* each by its own CPU */
};

static struct spinlock irq_lock =
	SPINLOCK_INIT; /* actions, irq_action, enabling and disabling; interrupts off */
static struct action actions[ACTIONS_MAX];
static uint8_t irq_action[IRQ_MAX]; /* index + 1; 0: no handler */

static const struct irq_chip *chip;
static uint64_t ipi_counts[IPI_COUNT][NR_CPUS_MAX]; /* each by its own CPU */

void irq_chip_register(const struct irq_chip *c)
{
	ASSERT(!chip); /* one controller a machine */
	chip = c;
	chip->cpu_init();
}

static struct action *action_free_locked(void)
{
	for (unsigned i = 0; i < ACTIONS_MAX; i++)
		if (!actions[i].handler && !atomic_load(&actions[i].running))
			return &actions[i];
	return NULL;
}

static int register_locked(unsigned irq, const struct action *wanted)
{
	struct action *a = action_free_locked();

	if (irq_action[irq] || !a)
		return -EBUSY;
	*a = *wanted;
	atomic_store_release(&irq_action[irq], (uint8_t)(a - actions + 1));
	chip->enable(irq, a->edge);
	return 0;
}

int irq_register(unsigned irq, bool edge, irq_handler handler, void *arg, const char *name)
{
	const struct action wanted = {
		.handler = handler, .arg = arg, .name = name, .irq = (uint16_t)irq, .edge = edge
	};
	uint64_t state;
	int err;

	if (!chip || irq < FIRST_PPI || irq >= IRQ_MAX || !handler)
		return -EINVAL;
	state = spin_lock_irq(&irq_lock);
	err = register_locked(irq, &wanted);
	spin_unlock_irq(&irq_lock, state);
	return err;
}

static struct action *action_of(unsigned irq)
{
	uint8_t n = irq < IRQ_MAX ? atomic_load_acquire(&irq_action[irq]) : 0;

	return n ? &actions[n - 1] : NULL;
}

void irq_unregister(unsigned irq)
{
	uint64_t state = spin_lock_irq(&irq_lock);
	struct action *a = action_of(irq);

	if (a) {
		chip->disable(irq);
		atomic_store(&irq_action[irq], 0);
	}
	spin_unlock_irq(&irq_lock, state);
	if (!a)
		return;
	hw_mb(); /* the number is gone before running is read: whoever comes later does not find
		    it */
	while (atomic_load_acquire(&a->running))
		hw_relax();
	atomic_store_release(&a->handler, NULL);
}

void irq_mask(unsigned irq)
{
	uint64_t state = spin_lock_irq(&irq_lock);

	chip->disable(irq);
	spin_unlock_irq(&irq_lock, state);
}

void irq_unmask(unsigned irq)
{
	uint64_t state = spin_lock_irq(&irq_lock);
	struct action *a = action_of(irq);

	if (a)
		chip->enable(irq, a->edge);
	spin_unlock_irq(&irq_lock, state);
}

void irq_cpu_init(void)
{
	uint64_t state = spin_lock_irq(&irq_lock);

	chip->cpu_init();
	for (unsigned irq = FIRST_PPI; irq < FIRST_SPI; irq++) {
		struct action *a = action_of(irq);

		if (a)
			chip->enable(irq, a->edge);
	}
	spin_unlock_irq(&irq_lock, state);
}

/* ---- From the exception vector ---- */

static void run_handler(unsigned irq)
{
	struct action *a = action_of(irq);

	if (!a) {
		/* Nobody's: off with it, or it comes for ever. */
		log_warn("irq: %u has no handler, disabled", irq);
		chip->disable(irq);
		return;
	}
	atomic_inc(&a->running);
	hw_mb(); /* with irq_unregister: either it sees running, or this sees the number gone */
	if (atomic_load(&irq_action[irq])) {
		a->count[hw_cpu()]++;
		a->handler(irq, a->arg);
	}
	atomic_dec(&a->running);
}

static void run_ipi(unsigned sgi)
{
	if (sgi >= IPI_COUNT)
		return;
	ipi_counts[sgi][hw_cpu()]++;
	if (sgi == IPI_STOP)
		arch_cpu_stop();
	if (sgi == IPI_BARRIER)
		membarrier_interrupt();
	/* IPI_RESCHEDULE: the sender has set TASK_NEED_RESCHED; the way out of this interrupt sees
	 * it. */
}

/* One interrupt per exception. Others that are pending come when this one's way out has opened
 * interrupts, and between two of them the task that the first one woke may be switched to:
 * interrupts are off for one handler at most, whatever else is pending. An exception costs less
 * than asking the controller, after each interrupt, for another one that is hardly ever there: the
 * answer comes from a device. */
void irq_dispatch(void)
{
	unsigned irq = chip->acknowledge();

	if (irq >= IRQ_MAX)
		return; /* spurious */
	if (irq < FIRST_PPI)
		run_ipi(irq);
	else
		run_handler(irq);
	chip->end(irq);
}

void ipi_send(unsigned cpu, enum ipi ipi)
{
	hw_wmb(); /* what the other CPU is to see, before the interrupt */
	chip->send(cpu, ipi);
}

bool irq_ready(void)
{
	return chip != NULL;
}

/* ---- Figures ---- */

uint64_t irq_count(unsigned irq, unsigned cpu)
{
	struct action *a;

	if (cpu >= NR_CPUS_MAX)
		return 0;
	if (irq < IPI_COUNT)
		return ipi_counts[irq][cpu];
	a = action_of(irq);
	return a ? a->count[cpu] : 0;
}

const char *irq_name(unsigned irq)
{
	static const char *const ipi_names[IPI_COUNT] = { "reschedule", "stop", "barrier" };
	struct action *a;

	if (irq < IPI_COUNT)
		return ipi_names[irq];
	a = action_of(irq);
	return a ? a->name : NULL;
}
