// SPDX-License-Identifier: MIT
/*
 * The last reports, for /proc/oom_log: a ring of bytes in frames that are taken from the reserve at
 * the first report and kept. What does not fit any more is the oldest; reading begins at a line.
 * Without frames there is the log alone.
 */
#include <stdarg.h>

#include "kernel/lib/string.h"
#include "kernel/lock.h"
#include "mm/buddy.h"
#include "mm/oom/oom.h"

#define PARTS     4
#define RING_SIZE (PARTS * PAGE_SIZE)
#define LINE_MAX  224

static struct {
	struct mutex mutex;
	char *part[PARTS]; /* all or none */
	uint64_t written;  /* bytes since boot */
} record = { .mutex = MUTEX_INIT(record.mutex) };

static bool ring_there(void)
{
	struct page *p;

	for (unsigned i = 0; i < PARTS; i++) {
		if (record.part[i] != NULL)
			continue;
		p = page_alloc(ALLOC_NOWAIT | ALLOC_RESERVE);
		if (p == NULL)
			return false;
		record.part[i] = page_to_virt(p);
	}
	return true;
}

static char *ring_at(uint64_t at)
{
	return record.part[at / PAGE_SIZE % PARTS] + at % PAGE_SIZE;
}

static void ring_put(const char *text, size_t n)
{
	for (size_t part; n > 0; n -= part, text += part) {
		part = MIN(n, PAGE_SIZE - record.written % PAGE_SIZE);
		memcpy(ring_at(record.written), text, part);
		record.written += part;
	}
}

void oom_say(enum log_level level, const char *fmt, ...)
{
	char line[LINE_MAX];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = log_format(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	log_line(level, "%s", line);
	line[n] = '\n';
	mutex_lock(&record.mutex);
	if (ring_there())
		ring_put(line, (size_t)n + 1);
	mutex_unlock(&record.mutex);
}

void oom_record_read(void (*put)(void *arg, const char *text, size_t n), void *arg)
{
	uint64_t at, part;

	mutex_lock(&record.mutex);
	at = record.written - MIN(record.written, (uint64_t)RING_SIZE);
	if (at > 0) /* not in the middle of a line */
		while (at < record.written && *ring_at(at++) != '\n')
			;
	for (; at < record.written; at += part) {
		part = MIN(record.written - at, PAGE_SIZE - at % PAGE_SIZE);
		put(arg, ring_at(at), part);
	}
	mutex_unlock(&record.mutex);
}

void oom_record_forget(void)
{
	for (unsigned i = 0; i < PARTS; i++) {
		if (record.part[i] != NULL)
			page_free(virt_to_page(record.part[i]), 0);
		record.part[i] = NULL;
	}
	record.written = 0;
}
