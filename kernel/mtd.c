// SPDX-License-Identifier: MIT
// Which partition is for what: today only "swap" means something to the kernel.
#include "kernel/mtd.h"

#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "mm/reclaim.h"

#define PARTITIONS_MAX 16
#define SWAP_NAME      "swap"

static struct medium *partitions[PARTITIONS_MAX];
static unsigned count;

static struct medium *find(const char *name)
{
	for (unsigned i = 0; i < count; i++)
		if (strcmp(partitions[i]->name, name) == 0)
			return partitions[i];
	return NULL;
}

int mtd_add(struct medium *m)
{
	if (find(m->name)) {
		log_error("flash: a second partition %s is left out", m->name);
		return -EEXIST;
	}
	if (count == PARTITIONS_MAX) {
		log_error("flash: more than %d partitions, %s is left out", PARTITIONS_MAX,
			  m->name);
		return -ENOSPC;
	}
	partitions[count++] = m;
	return 0;
}

struct medium *mtd_get(unsigned i)
{
	return i < count ? partitions[i] : NULL;
}

struct medium *mtd_swap(void)
{
	return find(SWAP_NAME);
}

void mtd_attach_swap(bool format)
{
	struct medium *m = mtd_swap();

	if (!m) {
		log_info("no swap: there is no flash partition named " SWAP_NAME);
		return;
	}
	/* swap_attach() has said what is wrong; the system goes on without. */
	(void)swap_attach(m, format, -1);
}
