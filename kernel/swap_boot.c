// SPDX-License-Identifier: MIT
/*
 * Swap at boot: what the command line says of it (mm/swap/README.md tells what each means), then
 * the flash partition and the disk partitions that are swap. What is wrong is said, and is as if it
 * were not there.
 */
#include "kernel/swap_boot.h"

#include "kernel/driver.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "kernel/mtd.h"
#include "kernel/swap_budget.h"
#include "kernel/swap_disk.h"
#include "mm/store_stats.h"
#include "mm/swap.h"

/* zpool=25% */
static void set_pool(void)
{
	char text[8];
	const char *end;
	uint64_t percent;

	if (!cmdline_get("zpool", text, sizeof(text)))
		return;
	if (parse_size(text, &end, &percent) || strcmp(end, "%") != 0 ||
	    percent > SWAP_POOL_PERCENT_MAX)
		log_warn("zpool=%s: not a share of RAM, as zpool=25%% is", text);
	else
		swap_pool_percent = (unsigned)percent;
}

/* swap_encrypt=0|1|auto */
static void set_encryption(void)
{
	static const char *const words[] = { "auto", "0", "1" }; /* as enum swap_encrypt */
	char text[8];
	unsigned i = 0;

	if (!cmdline_get("swap_encrypt", text, sizeof(text)))
		return;
	while (i < ARRAY_SIZE(words) && strcmp(text, words[i]) != 0)
		i++;
	if (i < ARRAY_SIZE(words))
		swap_encrypt = (enum swap_encrypt)i;
	else
		log_warn("swap_encrypt=%s: give 0, 1 or auto", text);
}

/* swap_cycles=100000 */
static void set_cycles(void)
{
	char text[16];
	const char *end;
	uint64_t cycles;

	if (!cmdline_get("swap_cycles", text, sizeof(text)))
		return;
	if (parse_size(text, &end, &cycles) || *end || cycles == 0 || cycles > SWAP_CYCLES_MAX)
		log_warn("swap_cycles=%s: no number of erases", text);
	else
		swap_cycles = (unsigned)cycles;
}

/* swap.format=1: areas that are marked as swap are taken whatever they hold. */
static bool format_wanted(void)
{
	char value[8];

	return cmdline_get("swap.format", value, sizeof(value)) && strcmp(value, "1") == 0;
}

void swap_boot(void)
{
	bool format = format_wanted();

	set_pool();
	set_encryption();
	swap_budget_boot();
	set_cycles();
	mtd_attach_swap(format);
	swap_disks_attach(format);
}
