// SPDX-License-Identifier: MIT
// /proc/sys/vm: settings of write-back, with Linux's names, bounds and errors, and of what is done about thrashing. Of a limit in bytes and one in percent the last
// that was set holds; the other reads as 0.
#include "kernel/cred.h"
#include "kernel/fs/proc/proc.h"
#include "mm/thrash.h"
#include "mm/writeback.h"

struct setting {
	const char *name;
	uint32_t *value; /* or, of 64 bits: */
	uint64_t *bytes;
	uint32_t *other; /* cleared with it */
	uint64_t *other_bytes;
	int64_t least, most;
};

#define S writeback_settings
static const struct setting settings[] = {
	{ "dirty_background_bytes", NULL, &S.background_bytes, &S.background_ratio, NULL, 1,
	  INT64_MAX },
	{ "dirty_background_ratio", &S.background_ratio, NULL, NULL, &S.background_bytes, 0, 100 },
	{ "dirty_bytes", NULL, &S.bytes, &S.ratio, NULL, 2 * PAGE_SIZE, INT64_MAX },
	{ "dirty_expire_centisecs", &S.expire, NULL, NULL, NULL, 0, INT32_MAX },
	{ "dirty_ratio", &S.ratio, NULL, NULL, &S.bytes, 0, 100 },
	{ "dirty_writeback_centisecs", &S.interval, NULL, NULL, NULL, 0, INT32_MAX },
#undef S
	{ "thrash_percent", &thrash_settings.percent, NULL, NULL, NULL, 0, 100 },
	{ "thrash_wait_ms", &thrash_settings.wait_ms, NULL, NULL, NULL, 0, THRASH_WAIT_MS_MOST },
};

static const struct setting *setting_of(const struct proc_ref *ref)
{
	const struct setting *s = settings;

	while (strcmp(s->name, ref->node->name) != 0)
		s++;
	return s;
}

int show_writeback(struct seq *seq, const struct proc_ref *ref)
{
	const struct setting *s = setting_of(ref);

	seq_printf(seq, "%ju\n", s->bytes ? READ_ONCE(*s->bytes) : READ_ONCE(*s->value));
	return 0;
}

int store_writeback(const struct proc_ref *ref, char *text, size_t n)
{
	const struct setting *s = setting_of(ref);
	int64_t v = 0;
	int err = current_capable(CAP_SYS_ADMIN) ? proc_parse_int(text, &v) : -EPERM;

	(void)n;
	if (err || v < s->least || v > s->most)
		return err == -EPERM ? err : -EINVAL;
	if (s->bytes)
		WRITE_ONCE(*s->bytes, (uint64_t)v);
	else
		WRITE_ONCE(*s->value, (uint32_t)v);
	if (s->other)
		WRITE_ONCE(*s->other, 0);
	if (s->other_bytes)
		WRITE_ONCE(*s->other_bytes, 0);
	writeback_changed();
	thrash_changed();
	return 0;
}
