// SPDX-License-Identifier: MIT
/*
 * Terminal output: processing of bytes (OPOST), the ring between writers and the port, stopping and
 * draining.
 *
 * The port is fed in small pieces, each with interrupts off for a bounded time; when its FIFO is
 * full it calls back, and the ring goes on from there.
 */
#include "kernel/fs/internal.h"
#include "kernel/fs/tty.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/time.h"

#define PUSH_MAX    32u /* bytes to the port per locked step */
#define WRITE_CHUNK 16  /* user bytes processed per locked step */
#define ROOM_WAKE   512 /* free bytes in the ring that are worth waking a writer for */

static uint32_t room(const struct tty *t)
{
	return TTY_OUT_SIZE - (READ_ONCE(t->out_head) - READ_ONCE(t->out_tail));
}

static void put(struct tty *t, uint8_t c)
{
	t->out[t->out_head++ % TTY_OUT_SIZE] = c;
}

/* One byte through OPOST. False: no room for all it becomes. out_lock held. */
static bool process(struct tty *t, uint8_t c)
{
	unsigned flags = t->termios.c_oflag;

	if (room(t) < 8)
		return false;
	if (!(flags & OPOST)) {
		put(t, c);
		return true;
	}
	switch (c) {
	case '\n':
		if (flags & ONLCR) {
			put(t, '\r');
			t->column = 0;
		}
		if (flags & ONLRET)
			t->column = 0;
		break;
	case '\r':
		if (flags & ONOCR && t->column == 0)
			return true;
		if (flags & OCRNL) {
			put(t, '\n');
			return true;
		}
		t->column = 0;
		break;
	case '\t':
		if ((flags & TABDLY) == TAB3) {
			do
				put(t, ' ');
			while (++t->column % 8);
			return true;
		}
		t->column = (t->column | 7) + 1;
		break;
	case '\b': t->column -= t->column > 0; break;
	default:
		if (flags & OLCUC && c >= 'a' && c <= 'z')
			c -= 'a' - 'A';
		/* Continuation bytes of UTF-8 take no column. */
		t->column += c >= ' ' && c != 0x7f &&
			     !((c & 0xc0) == 0x80 && t->termios.c_iflag & IUTF8);
	}
	put(t, c);
	return true;
}

size_t tty_out(struct tty *t, const uint8_t *buf, size_t n)
{
	size_t done = 0;
	uint64_t old = spin_lock_irq(&t->out_lock);

	while (done < n && process(t, buf[done]))
		done++;
	spin_unlock_irq(&t->out_lock, old);
	return done;
}

void tty_out_char(struct tty *t, uint8_t c)
{
	(void)tty_out(t, &c, 1); /* echo that finds no room is lost, as nobody could wait for it */
}

void tty_push(struct tty *t)
{
	bool more;

	do {
		uint64_t old = spin_lock_irq(&t->out_lock);
		uint32_t from = t->out_tail % TTY_OUT_SIZE, n = t->out_head - t->out_tail;
		size_t took = 0;

		n = MIN(MIN(n, TTY_OUT_SIZE - from), PUSH_MAX);
		if (n && !t->stopped && t->uart)
			took = t->uart->ops->write(t->uart, t->out + from, n);
		t->out_tail += (uint32_t)took;
		more = took && took == n && t->out_head != t->out_tail;
		spin_unlock_irq(&t->out_lock, old);
	} while (more);
	if (room(t) >= ROOM_WAKE && waitq_active(&t->write_wait))
		waitq_wake_all(&t->write_wait);
}

void tty_stop(struct tty *t, bool stop)
{
	WRITE_ONCE(t->stopped, stop);
	if (!stop)
		tty_push(t);
}

void tty_flush_output(struct tty *t)
{
	uint64_t old = spin_lock_irq(&t->out_lock);

	t->out_tail = t->out_head;
	spin_unlock_irq(&t->out_lock, old);
	waitq_wake_all(&t->write_wait);
}

uint32_t tty_out_pending(struct tty *t)
{
	return READ_ONCE(t->out_head) - READ_ONCE(t->out_tail);
}

int tty_drain(struct tty *t)
{
	int err = wait_event(&t->write_wait,
			     tty_out_pending(t) == 0 || room(t) >= TTY_OUT_SIZE - ROOM_WAKE,
			     WAIT_INTERRUPTIBLE, WAIT_FOREVER);

	/* The rest, and what the FIFO holds, has no interrupt of its own. */
	while (!err && (tty_out_pending(t) || !t->uart->ops->tx_empty(t->uart)))
		err = time_sleep_until(time_now() + NSEC_PER_MSEC, WAIT_INTERRUPTIBLE);
	return err;
}

/* Gets a chunk of the caller's bytes out, waiting for room. Bytes of it that went, or -EAGAIN,
 * -ERESTART, -EIO. */
static int64_t write_chunk(struct file *f, const uint8_t *buf, size_t n, bool nonblock)
{
	struct tty *t = tty_of(f);
	size_t done = 0;

	for (;;) {
		done += tty_out(t, buf + done, n - done);
		tty_push(t);
		if (done == n)
			return (int64_t)done;
		if (tty_hung_up(f))
			return -EIO;
		if (nonblock)
			return done ? (int64_t)done : -EAGAIN;
		if (wait_event(&t->write_wait, room(t) >= ROOM_WAKE || tty_hung_up(f),
			       WAIT_INTERRUPTIBLE, WAIT_FOREVER))
			return done ? (int64_t)done : -ERESTART;
	}
}

static int64_t write_locked(struct file *f, struct io *io)
{
	uint8_t chunk[WRITE_CHUNK];
	int64_t done = 0, n = 0;

	while (io->n) {
		size_t want = MIN(io->n, sizeof(chunk));

		n = io_get(io, chunk, want);
		if (!n)
			n = write_chunk(f, chunk, want, io->nonblock);
		if (n > 0)
			done += n;
		if (n < (int64_t)want)
			break;
	}
	return done ? done : n;
}

int64_t tty_write(struct file *f, struct io *io)
{
	struct tty *t = tty_of(f);
	int64_t n = 0;

	if (tty_hung_up(f))
		return -EIO;
	if (t->termios.c_lflag & TOSTOP)
		n = tty_check_background(t, SIGTTOU);
	if (n)
		return n;
	if (io->nonblock) {
		if (!mutex_trylock(&t->write_mutex))
			return -EAGAIN;
	} else if (mutex_lock_killable(&t->write_mutex)) {
		return -EINTR;
	}
	n = write_locked(f, io);
	mutex_unlock(&t->write_mutex);
	return n;
}
