// SPDX-License-Identifier: MIT
/*
 * From the first C instruction to the first program, in the one order in which everything finds
 * what it needs:
 *
 *    device tree, early console -> RAM known (memblock) -> RAM mapped -> frames, slab, mapping area
 *      -> tasks can switch -> interrupts, timer, serial ports -> other CPUs -> devices
 *      -> file systems -> init
 */
#include "arch/boot.h"
#include "arch/thread.h"
#include "kernel/cgroup.h"
#include "kernel/driver.h"
#include "kernel/dt.h"
#include "kernel/futex.h"
#include "kernel/irq.h"
#include "kernel/latency.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "kernel/process.h"
#include "kernel/random.h"
#include "kernel/sched.h"
#include "kernel/serial.h"
#include "kernel/swap_boot.h"
#include "kernel/task_alloc.h"
#include "kernel/watchdog.h"
#include "kernel/clock_event.h"
#include "kernel/fs/file.h"
#include "mm/aspace.h"
#include "mm/buddy.h"
#include "mm/commit.h"
#include "mm/kmap.h"
#include "mm/memblock.h"
#include "mm/oom.h"
#include "mm/reclaim.h"
#include "mm/rmap.h"
#include "mm/slab.h"
#include "mm/thrash.h"

/* The task that boots and becomes process 1; head.S makes it current. */
struct task boot_task;

static void seed_random(void)
{
	int len;
	const void *seed = dt_chosen("rng-seed", &len);
	uint64_t now = hw_counter();

	if (seed && len > 0)
		random_stir(seed, (size_t)len, len >= 16);
	random_stir(&now, sizeof(now), false);
}

/* Device tree and console. Ends in a panic that says what is wrong where either is unusable. */
static void start_console(phys_addr_t dtb)
{
	const char *wrong = dt_open(dtb);

	time_init();
	log_early_init();
	if (wrong)
		panic("%s (address %#lx)", wrong, (unsigned long)dtb);
	arch_power_init();
}

/* replace=clock, oom_policy=priority, thrash=80 */
static void choose(const char *option, int (*choose_fn)(const char *name))
{
	char name[12];

	if (cmdline_get(option, name, sizeof(name)) && choose_fn(name))
		log_warn("%s=%s: there is no such thing", option, name);
}

/* rt_reserve_kb=512 */
static void set_rt_reserve(void)
{
	char text[12];
	const char *end;
	uint64_t kb;

	if (!cmdline_get("rt_reserve_kb", text, sizeof(text)))
		return;
	if (parse_size(text, &end, &kb) || *end || frames_reserve_rt(kb))
		log_warn("rt_reserve_kb=%s: not a part of RAM, an eighth at most", text);
}

static void start_memory(void)
{
	char debug[8];
	const char *wrong = dt_memory();

	if (wrong)
		panic("%s", wrong);
	boot_map_ram();
	dt_relocate();
	arch_init(&boot_task);
	memblock_hand_over();
	buddy_init();
	boot_release_rest();
	if (cmdline_get("slab_debug", debug, sizeof(debug)))
		slab_set_debug(true);
	slab_init();
	kmap_init();
	set_rt_reserve();
	choose("replace", replacement_choose);
	choose("oom_policy", oom_policy_choose);
	choose("thrash", thrash_choose);
}

static void start_tasks(void)
{
	string_copy(boot_task.name, "boot", sizeof(boot_task.name));
	task_init();
	sched_init(&boot_task);
	seed_random();
	futex_init();
	aspace_init();
	rmap_init();
	cgroup_init();
}

static void start_devices(void)
{
	drivers_probe(DRIVER_IRQ);
	if (!irq_ready())
		panic("no interrupt controller that this kernel knows");
	hw_irq_enable();
	drivers_probe(DRIVER_EARLY);
	if (!clock_event_ready())
		panic("no timer that this kernel knows");
	log_uart_init();
	task_start_sweeper();
	smp_start_all();
	watchdog_start();
	latency_init();
	log_start();
	reclaim_init();
	commit_init();
	drivers_probe(DRIVER_DEVICE);
	swap_boot();
}

static void start_files(void)
{
	phys_addr_t initrd = 0;
	uint64_t size = 0;
	char root[8];

	if (!dt_initrd(&initrd, &size) && !cmdline_get("root", root, sizeof(root)))
		log_warn("no initramfs, and no root= on the command line");
	fs_boot(initrd, size);
}

static unsigned cpus_running(void)
{
	unsigned n = 0;

	for (uint64_t set = sched_cpus_online(); set; set &= set - 1)
		n++;
	return n;
}

void kernel_main(phys_addr_t dtb)
{
	start_console(dtb);
	log_info("Granule: %s", dt_cmdline());
	start_memory();
	start_tasks();
	start_devices();
	log_info("%u CPUs, %u KB of memory free", cpus_running(),
		 frames_free() * (unsigned)(PAGE_SIZE / 1024));
	start_files();
	init_start();
}

void kernel_secondary(unsigned cpu)
{
	(void)cpu;
	irq_cpu_init();
	sched_cpu_idle();
}
