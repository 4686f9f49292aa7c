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
