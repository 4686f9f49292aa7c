// SPDX-License-Identifier: MIT
/*
 * The devices without hardware: null, zero, full, random, urandom, kmsg. Numbers as Linux's
 * (Documentation: admin-guide/devices).
 */
#include "kernel/fs/dev.h"
#include "kernel/fs/internal.h"
#include "kernel/fs/poll.h"
#include "kernel/log.h"
#include "kernel/random.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "mm/aspace.h"
#include "mm/usercopy.h"

#define MEM_MAJOR  1
#define MISC_MAJOR 10
/* A shared mapping of /dev/zero is anonymous memory of whatever length is mapped. */

static int64_t null_read(struct file *f, struct io *io)
{
	(void)f, (void)io;
	return 0;
}

static int64_t null_write(struct file *f, struct io *io)
{
	(void)f;
	return (int64_t)io->n;
}

static int64_t zero_read(struct file *f, struct io *io)
{
	size_t total = io->n;

	(void)f;
	if (!io->user) {
		memset((void *)io->buf, 0, total);
		return (int64_t)total;
	}
	/* In pieces, so that a signal ends a huge read. */
	while (io->n) {
		size_t n = MIN(io->n, 16 * PAGE_SIZE);

		if (clear_user(io->buf, n))
			return io->n == total ? -EFAULT : (int64_t)(total - io->n);
		io->buf += n;
		io->n -= n;
		if (io->n && signal_pending())
			break;
	}
	return (int64_t)(total - io->n);
}

/* Plain anonymous memory, of which mmap makes what is asked for, shared or private. */
static int zero_map(struct file *f, unsigned area_flags, uint64_t offset, struct object **object)
{
	(void)f, (void)area_flags, (void)offset;
	*object = NULL;
	return 0;
}

static int64_t full_write(struct file *f, struct io *io)
{
	(void)f, (void)io;
	return -ENOSPC;
}

static int64_t random_read(struct file *f, struct io *io)
{
	size_t total = io->n;
	uint8_t bytes[256];
	int err = 0;

	(void)f;
	while (io->n && !err) {
		size_t n = MIN(io->n, sizeof(bytes));

		random_bytes(bytes, n);
		err = io_put(io, bytes, n);
		if (io->n % PAGE_SIZE == 0 && signal_pending())
			break;
	}
	memset(bytes, 0, sizeof(bytes));
	return total == io->n ? err : (int64_t)(total - io->n);
}

static int64_t random_write(struct file *f, struct io *io)
{
	size_t total = io->n;
	uint8_t bytes[256];

	(void)f;
	while (io->n) {
		size_t n = MIN(io->n, sizeof(bytes));

		if (io_get(io, bytes, n))
			return io->n == total ? -EFAULT : (int64_t)(total - io->n);
		random_stir(bytes, n, false);
	}
	return (int64_t)total;
}

static int64_t null_seek(struct file *f, int64_t off, int whence)
{
	(void)off, (void)whence;
	return (int64_t)(f->pos = 0);
}

/* /dev/kmsg: each read gives one record "priority,sequence,microseconds,-;text"; f->data is the
 * place in the log, under pos_mutex. */
static int kmsg_open(struct file *f)
{
	f->data = NULL;
	return 0;
}

static unsigned long digits(const char **p)
{
	unsigned long v = 0;

	while (**p == ' ')
		(*p)++;
	for (; **p >= '0' && **p <= '9'; (*p)++)
		v = v * 10 + (unsigned long)(**p - '0');
	return v;
}

/* Turns the log's "<6>[    1.234567] text\n" into a record. */
static int kmsg_record(const char *line, uint64_t seq, char *out, size_t size)
{
	const char *p = line + 1;
	unsigned long prio = digits(&p), sec, usec;

	p += 2; /* ">[" */
	sec = digits(&p);
	p++;
	usec = digits(&p);
	p += 2; /* "] " */
	return format(out, size, "%lu,%ju,%lu,-;%s", prio, seq, sec * 1000000 + usec, p);
}

static int64_t kmsg_read(struct file *f, struct io *io)
{
	char line[LOG_LINE_MAX + 1], record[LOG_LINE_MAX + 48];
	uint64_t seq, at;
	int n;

	mutex_lock(&f->pos_mutex);
	for (;;) {
		at = seq = (uintptr_t)f->data;
		n = log_read(&seq, line, LOG_LINE_MAX);
		if (n != 0)
			break;
		n = io->nonblock ? -EAGAIN : log_wait(at);
		if (n) {
			n = n == -EINTR ? -ERESTART : n;
			break;
		}
	}
	if (n > 0) {
		line[n] = '\0';
		n = kmsg_record(line, at, record, sizeof(record));
		if ((size_t)n > io->n)
			n = -EINVAL;
		else if (io_put(io, record, (size_t)n))
			n = -EFAULT;
		else
			f->data = (void *)(uintptr_t)seq;
	}
	mutex_unlock(&f->pos_mutex);
	return n;
}

static int64_t kmsg_write(struct file *f, struct io *io)
{
	char text[241];
	size_t total = io->n, n = MIN(total, sizeof(text) - 1), skip = 0;

	(void)f;
	if (io_get(io, text, n))
		return -EFAULT;
	text[n] = '\0';
	while (n && (text[n - 1] == '\n' || text[n - 1] == '\0'))
		text[--n] = '\0';
	if (text[0] == '<') {
		const char *end = strchr(text, '>');

		skip = end ? (size_t)(end + 1 - text) : 0;
	}
	log_info("%s", text + skip);
	return (int64_t)total;
}

static unsigned kmsg_poll(struct file *f, struct poll_table *pt)
{
	(void)pt;
	return ((uintptr_t)f->data < log_end() ? POLL_READABLE : 0) | POLL_WRITABLE;
}

static int64_t kmsg_seek(struct file *f, int64_t off, int whence)
{
	if (off != 0)
		return -ESPIPE;
	/* 0: SEEK_SET, the oldest line; 2: SEEK_END, behind the newest; 3: SEEK_DATA, behind what
	 * was last cleared: the oldest here. */
	if (whence != 0 && whence != 2 && whence != 3)
		return -EINVAL;
	f->data = (void *)(uintptr_t)(whence == 2 ? log_end() : 0);
	return 0;
}

static const struct file_ops null_ops = { .read = null_read,
					  .write = null_write,
					  .seek = null_seek };
static const struct file_ops zero_ops = {
	.read = zero_read, .write = null_write, .seek = null_seek, .map = zero_map
};
static const struct file_ops full_ops = { .read = zero_read,
					  .write = full_write,
					  .seek = null_seek };
static const struct file_ops random_ops = { .read = random_read,
					    .write = random_write,
					    .seek = null_seek };
static const struct file_ops kmsg_ops = {
	.open = kmsg_open,
	.read = kmsg_read,
	.write = kmsg_write,
	.poll = kmsg_poll,
	.seek = kmsg_seek,
};

static struct device_node nodes[] = {
	{ "null", S_IFCHR | 0666, DEVNO(MEM_MAJOR, 3), &null_ops, NULL, NULL },
	{ "zero", S_IFCHR | 0666, DEVNO(MEM_MAJOR, 5), &zero_ops, NULL, NULL },
	{ "full", S_IFCHR | 0666, DEVNO(MEM_MAJOR, 7), &full_ops, NULL, NULL },
	{ "random", S_IFCHR | 0666, DEVNO(MEM_MAJOR, 8), &random_ops, NULL, NULL },
	{ "urandom", S_IFCHR | 0666, DEVNO(MEM_MAJOR, 9), &random_ops, NULL, NULL },
	/* Who holds it open asks for idle states that end soon. There is one, WFI, which ends at
	   once: every wish is met. */
	{ "cpu_dma_latency", S_IFCHR | 0600, DEVNO(MISC_MAJOR, 259), &null_ops, NULL, NULL },
	{ "kmsg", S_IFCHR | 0644, DEVNO(MEM_MAJOR, 11), &kmsg_ops, NULL, NULL },
};

void dev_mem_register(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++)
		device_node_register(&nodes[i]);
}
