// SPDX-License-Identifier: MIT
// /proc/sys/vm, and pipes in /proc/sys/fs: settings that are a number each, with Linux's names,
// bounds and errors. Of a limit in bytes and one in percent the last that was set holds; the other
// reads as 0.
#include "kernel/cred.h"
#include "kernel/fs/pipe.h"
#include "kernel/fs/proc/proc.h"
#include "mm/aspace.h"
#include "mm/commit.h"
#include "mm/reclaim.h"
#include "mm/swap.h"
#include "mm/thrash.h"
#include "mm/writeback.h"

struct setting {
	const char *name;
	void *value, *other; /* other: cleared with it, or NULL */
	int64_t most;
	void (*changed)(void);
	uint16_t least;
	bool wide, other_wide; /* 64 bits, else 32 */
};

#define VALUE(v) .value = &(v), .wide = sizeof(v) == sizeof(uint64_t)
#define OTHER(v) .other = &(v), .other_wide = sizeof(v) == sizeof(uint64_t)
#define W        writeback_settings
#define C        commit_settings
#define T        thrash_settings
static const struct setting settings[] = {
	{ "admin_reserve_kbytes", VALUE(C.admin_reserve), .most = INT64_MAX },
	{ "dirty_background_bytes", VALUE(W.background_bytes), OTHER(W.background_ratio),
	  .least = 1, .most = INT64_MAX, .changed = writeback_changed },
	{ "dirty_background_ratio", VALUE(W.background_ratio), OTHER(W.background_bytes),
	  .most = 100, .changed = writeback_changed },
	{ "dirty_bytes", VALUE(W.bytes), OTHER(W.ratio), .least = 2 * PAGE_SIZE, .most = INT64_MAX,
	  .changed = writeback_changed },
	{ "dirty_expire_centisecs", VALUE(W.expire), .most = INT32_MAX,
	  .changed = writeback_changed },
	{ "dirty_ratio", VALUE(W.ratio), OTHER(W.bytes), .most = 100,
	  .changed = writeback_changed },
	{ "dirty_writeback_centisecs", VALUE(W.interval), .most = INT32_MAX,
	  .changed = writeback_changed },
	{ "max_map_count", VALUE(area_limit), .most = INT32_MAX },
	{ "overcommit_kbytes", VALUE(C.kbytes), OTHER(C.ratio), .most = INT64_MAX },
	{ "overcommit_memory", VALUE(C.mode), .most = COMMIT_NEVER },
	{ "overcommit_ratio", VALUE(C.ratio), OTHER(C.kbytes), .most = INT32_MAX },
	{ "page-cluster", VALUE(swap_page_cluster), .most = SWAP_PAGE_CLUSTER_MAX },
	{ "pipe-max-size", VALUE(pipe_limits.size) }, /* stored by sys.c */
	{ "pipe-user-pages-hard", VALUE(pipe_limits.hard), .most = INT64_MAX },
	{ "pipe-user-pages-soft", VALUE(pipe_limits.soft), .most = INT64_MAX },
	{ "swappiness", VALUE(reclaim_swappiness), .most = SWAPPINESS_MOST },
	{ "thrash_percent", VALUE(T.percent), .most = 100, .changed = thrash_changed },
	{ "thrash_wait_ms", VALUE(T.wait_ms), .most = THRASH_WAIT_MS_MOST,
	  .changed = thrash_changed },
	{ "user_reserve_kbytes", VALUE(C.user_reserve), .most = INT64_MAX },
	{ "zpool_percent", VALUE(swap_pool_percent), .most = SWAP_POOL_PERCENT_MAX },
};

static const struct setting *setting_of(const struct proc_ref *ref)
{
	const struct setting *s = settings;

	while (strcmp(s->name, ref->node->name) != 0)
		s++;
	return s;
}

static uint64_t number_read(const void *at, bool wide)
{
	return wide ? READ_ONCE(*(const uint64_t *)at) : READ_ONCE(*(const uint32_t *)at);
}

static void number_write(void *at, bool wide, uint64_t v)
{
	if (wide)
		WRITE_ONCE(*(uint64_t *)at, v);
	else
		WRITE_ONCE(*(uint32_t *)at, (uint32_t)v);
}

int parse_setting(char *text, int64_t least, int64_t most, int64_t *value)
{
	if (!current_capable(CAP_SYS_ADMIN))
		return -EPERM;
	return proc_parse_int(text, value) || *value < least || *value > most ? -EINVAL : 0;
}

int show_vm_number(struct seq *seq, const struct proc_ref *ref)
{
	const struct setting *s = setting_of(ref);

	seq_printf(seq, "%ju\n", number_read(s->value, s->wide));
	return 0;
}

int store_vm_number(const struct proc_ref *ref, char *text, size_t n)
{
	const struct setting *s = setting_of(ref);
	int64_t v = 0;
	int err = parse_setting(text, s->least, s->most, &v);

	(void)n;
	if (err)
		return err;
	number_write(s->value, s->wide, (uint64_t)v);
	if (s->other)
		number_write(s->other, s->other_wide, 0);
	if (s->changed)
		s->changed();
	return 0;
}
