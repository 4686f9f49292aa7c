// SPDX-License-Identifier: MIT
/*
 * Write budgets of swap as text: DAY or DAY,BURST, bytes a day and at once. mm/swap/README.md tells
 * what they do. What cannot be read changes nothing, and is said.
 */
#include "kernel/swap_budget.h"

#include "kernel/driver.h"
#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "mm/reclaim.h"

/* 0, or -EINVAL: neither is changed. */
static int parse(const char *text, uint64_t *day, uint64_t *burst)
{
	const char *end = text + strlen("auto");
	uint64_t a_day = SWAP_BUDGET_AUTO, at_once = 0;

	if (strncmp(text, "auto", strlen("auto")) != 0 &&
	    (parse_size(text, &end, &a_day) || a_day > SWAP_BUDGET_MAX))
		return -EINVAL;
	if (*end == ',' && parse_size(end + 1, &end, &at_once))
		return -EINVAL;
	if (*end || at_once > SWAP_BUDGET_MAX)
		return -EINVAL;
	*day = a_day;
	*burst = at_once;
	return 0;
}

void swap_budget_boot(void)
{
	char text[48];

	if (cmdline_get("swap_budget", text, sizeof(text)) &&
	    parse(text, &swap_budget, &swap_burst))
		log_warn(
			"swap_budget=%s cannot be read; give 1G, 1G,256M or auto. Auto stays in force: cards have a budget, other media none",
			text);
}

void swap_budget_attach(struct medium *m)
{
	char option[64], text[48];
	struct swap_allowance a = { .own = true };

	m->budget = (struct swap_allowance){ .own = false };
	(void)format(option, sizeof(option), "swap_budget:%s", m->name);
	if (!cmdline_get(option, text, sizeof(text)))
		return;
	if (parse(text, &a.day, &a.burst) == 0)
		m->budget = a;
	else
		log_warn("%s=%s cannot be read: what holds for all areas holds for it", option,
			 text);
}

int swap_budget_change(char *text)
{
	char *setting = strchr(text, ' ');
	struct swap_allowance a = { .own = false };

	if (!setting)
		return -EINVAL;
	*setting++ = 0;
	if (strcmp(setting, "default") != 0) {
		a.own = true;
		if (parse(setting, &a.day, &a.burst))
			return -EINVAL;
	}
	return swap_area_allow(text, a);
}
