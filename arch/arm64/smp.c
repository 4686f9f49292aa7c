// SPDX-License-Identifier: MIT
/*
 * The other CPUs and the machine's power. A secondary enters head.S at secondary_entry with its
 * struct cpu_local in hand (PSCI passes it; a spin table cannot, so those CPUs find themselves by
 * affinity), turns its MMU on with the boot CPU's tables and becomes its idle task.
 */
#include "arch/arm64/features.h"
#include "arch/arm64/kernel_map.h"
#include "arch/arm64/psci.h"
#include "arch/arm64/semihosting.h"
#include "arch/boot.h"
#include "arch/thread.h"
#include "arch/timer.h"
#include "kernel/driver.h"
#include "kernel/dt.h"
#include "kernel/errno.h"
#include "kernel/lib/atomic.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "kernel/sched.h"
#include "kernel/task_alloc.h"
#include "kernel/time.h"
#include "kernel/watchdog.h"
#include "mm/buddy.h"
#include "mm/kmap.h"

#define MPIDR_AFFINITY 0xff00ffffffull /* Aff3, Aff2, Aff1, Aff0 */
/* an emulated CPU may have to wait for the host; a real one takes microseconds */
#define START_TIMEOUT (10 * NSEC_PER_SEC)

extern char secondary_entry[], secondary_entry_spin[];
NORETURN void secondary_start(struct cpu_local *cpu);

/* ---- A CPU that starts ---- */

void secondary_start(struct cpu_local *cpu)
{
	__asm__ volatile("msr daifclr, #4" : : : "memory"); /* system errors */
	features_note_cpu(cpu->index);
	kernel_secondary(cpu->index);
}

/* An idle task to be, and a stack for the worst case. 0 or -ENOMEM (nothing kept). */
static int prepare_cpu(struct cpu_local *cpu, unsigned index, uint64_t mpidr)
{
	struct task *idle = task_alloc();
	struct page *stack = page_alloc(0);

	if (!idle || !stack) {
		if (idle)
			task_free(idle);
		if (stack)
			page_free(stack, 0);
		return -ENOMEM;
	}
	format(idle->name, sizeof(idle->name), "idle/%u", index);
	idle->arch.sp = (virt_addr_t)task_user_regs(idle);
	idle->sched.cpu = (int)index;
	idle->sched.affinity = 1ull << index;
	cpu->current = idle;
	cpu->emergency = (virt_addr_t)page_to_virt(stack) + PAGE_SIZE;
	cpu->index = index;
	cpu->mpidr = mpidr;
	return 0;
}

static void release_cpu(struct cpu_local *cpu)
{
	page_free(virt_to_page((void *)(cpu->emergency - PAGE_SIZE)), 0);
	task_free(cpu->current);
	memset(cpu, 0, sizeof(*cpu));
}

/* ---- Starting one ---- */

/* Spin table (Devicetree Specification 3.8.1): the CPU waits in WFE until the word at release_addr
 * is its entry, which it reads with its caches off: so it is written around them, and a line of it
 * that firmware left in one is first written back, or it would come over the word later. The
 * barrier has the store, and what was cleaned before, in memory when the event comes (DDI 0487,
 * B2.8 mismatched memory attributes). */
static int spin_table_release(phys_addr_t release_addr, phys_addr_t entry)
{
	volatile uint64_t *word;
	virt_addr_t window = kmap_device(ALIGN_DOWN(release_addr, (phys_addr_t)8), 8);

	if (!window)
		return -ENOMEM;
	word = (volatile uint64_t *)window;
	__asm__ volatile("dc civac, %0\n\tdsb sy" : : "r"(word) : "memory");
	*word = entry;
	__asm__ volatile("dsb sy\n\tsev" : : : "memory");
	return 0;
}

static int start_cpu(const struct dt_cpu *dt, struct cpu_local *cpu)
{
	/* A CPU that comes from a spin table looks for itself among all of these with its caches
	 * off: memory must have them. */
	hw_dma_clean(cpu_locals, sizeof(cpu_locals));
	if (dt->psci)
		return psci_cpu_on(dt->mpidr, image_to_phys(secondary_entry), (uint64_t)cpu);
	if (dt->release_addr)
		return spin_table_release(dt->release_addr, image_to_phys(secondary_entry_spin));
	return -ENODEV;
}

static bool wait_online(unsigned index)
{
	uint64_t deadline = time_now() + START_TIMEOUT;

	while (!(sched_cpus_online() & (1ull << index)))
		if (time_now() > deadline)
			return false;
		else
			hw_relax();
	return true;
}

/* maxcpus=N, as Linux has it: so many at most, 0 meaning one. */
static unsigned cpus_wanted(void)
{
	char text[8];
	const char *end;
	uint64_t n;

	if (!cmdline_get("maxcpus", text, sizeof(text)) || parse_size(text, &end, &n) != 0 || *end)
		return NR_CPUS_MAX;
	return (unsigned)MIN(MAX(n, 1ull), (uint64_t)NR_CPUS_MAX);
}

void smp_start_all(void)
{
	struct dt_cpu dt;
	unsigned index = 1, wanted = cpus_wanted();
	uint64_t self = cpu_locals[0].mpidr;

	for (unsigned i = 0; dt_cpu(i, &dt); i++) {
		int err;

		if (dt.mpidr == self)
			continue;
		if (index == wanted) {
			log_info("smp: %u CPUs are all that are wanted: the rest stay off", wanted);
			break;
		}
		err = prepare_cpu(&cpu_locals[index], index, dt.mpidr);
		if (err == 0) {
			WRITE_ONCE(cpus_started, index + 1);
			err = start_cpu(&dt, &cpu_locals[index]);
			if (err)
				release_cpu(&cpu_locals[index]);
		}
		if (err) {
			log_error("smp: CPU %#lx did not start: error %d", (unsigned long)dt.mpidr,
				  -err);
			continue;
		}
		/* Late ones may still come: their place stays theirs. */
		if (!wait_online(index))
			log_error("smp: CPU %u (%#lx) was started but is not heard of", index,
				  (unsigned long)dt.mpidr);
		index++;
	}
}

/* ---- Power ---- */

void arch_power_init(void)
{
	cpu_locals[0].mpidr = read_sysreg(mpidr_el1) & MPIDR_AFFINITY;
	psci_init();
}

void arch_cpu_stop(void)
{
	__asm__ volatile("msr daifset, #0xf" : : : "memory");
	arch_timer_off(); /* an interrupt that stays pending would end every WFI at once */
	for (;;)
		hw_wait_interrupt();
}

void machine_off(int status)
{
	log_flush();
	hw_irq_disable();
	emulator_exit(status);
	psci_system_off();
	if (watchdog_end(true))
		arch_cpu_stop();
	log_set_synchronous();
	log_info("The system is down; it is safe to turn it off.");
	arch_cpu_stop();
}

void machine_reset(void)
{
	log_flush();
	hw_irq_disable();
	psci_system_reset();
	if (watchdog_end(false))
		arch_cpu_stop();
	log_set_synchronous();
	log_error("This board cannot be reset by software.");
	arch_cpu_stop();
}
