// SPDX-License-Identifier: MIT
// Text for /proc files, bounded by its buffer.
#include "kernel/fs/proc/proc.h"

void seq_write(struct seq *s, const void *bytes, size_t n)
{
	if (n > s->size - s->len) {
		s->overflow = true;
		return;
	}
	memcpy(s->buf + s->len, bytes, n);
	s->len += n;
}

void seq_puts(struct seq *s, const char *text)
{
	seq_write(s, text, strlen(text));
}

void seq_printf(struct seq *s, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = format_va(s->buf + s->len, s->size - s->len, fmt, ap);
	va_end(ap);
	if ((size_t)n >= s->size - s->len)
		s->overflow = true;
	else
		s->len += (size_t)n;
}

void seq_escaped(struct seq *s, const char *text, const char *special)
{
	for (; *text; text++) {
		if (strchr(special, *text))
			seq_printf(s, "\\%03o", (unsigned)(uint8_t)*text);
		else
			seq_write(s, text, 1);
	}
}

void seq_cpu_list(struct seq *s, uint64_t cpus)
{
	const char *comma = "";

	for (unsigned cpu = 0; cpu < 64; cpu++) {
		unsigned last = cpu;

		if (!(cpus >> cpu & 1))
			continue;
		while (last + 1 < 64 && cpus >> (last + 1) & 1)
			last++;
		seq_printf(s, last > cpu ? "%s%u-%u" : "%s%u", comma, cpu, last);
		comma = ",";
		cpu = last;
	}
}
