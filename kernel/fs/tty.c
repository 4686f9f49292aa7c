// SPDX-License-Identifier: MIT
/*
 * Terminals as files, their threads, and their device nodes: one terminal per serial port;
 * /dev/console is the port that the kernel's console is on, /dev/tty the controlling terminal of
 * whoever opens it.
 *
 * A file remembers in f->pos the terminal's generation when it was opened: a hang-up makes all
 * earlier files dead. The console's never die: process 1 would lose its only way to speak.
 */
#include "kernel/fs/tty.h"

#include "kernel/fs/internal.h"
#include "kernel/fs/poll.h"
#include "kernel/log.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "mm/slab.h"

#include <linux/sched.h>

#define TTYS_MAX        4
#define TTY_PRIORITY    1 /* above ordinary tasks, so that ^C is heard whatever they do */
#define READ_CHUNK      256
#define RX_RESUME       (TTY_RX_SIZE / 4)
#define DECISECOND      (100 * NSEC_PER_MSEC)
#define GENERATION_NONE UINT64_MAX

#define TTYAUX_MAJOR 5
#define TTY_MAJOR    4 /* ttyS0 ... */
#define AMBA_MAJOR   204
#define FIRST_MINOR  64

static struct tty *ttys[TTYS_MAX];
static unsigned tty_count;
static struct tty *console;

bool tty_hung_up(const struct file *f)
{
	return f->pos != GENERATION_NONE && f->pos != READ_ONCE(tty_of(f)->generation);
}

/* Interrupt side of input: keep the bytes, tell the thread. */
static void rx_bytes(struct uart *u, const uint8_t *buf, size_t n, unsigned flags)
{
	struct tty *t = u->client_data;
	uint64_t old = spin_lock_irq(&t->rx_lock);

	if (flags & UART_BREAK && n) {
		n--; /* the byte that goes with a break is none */
		t->breaks++;
	}
	for (size_t i = 0; i < n && t->rx_head - t->rx_tail < TTY_RX_SIZE; i++)
		t->rx[t->rx_head++ % TTY_RX_SIZE] = buf[i];
	/* A FIFO's worth must still fit when the port stops. */
	if (!t->rx_off && t->rx_head - t->rx_tail > TTY_RX_SIZE - 64) {
		t->rx_off = true;
		u->ops->rx_enable(u, false);
	}
	spin_unlock_irq(&t->rx_lock, old);
	waitq_wake_one(&t->rx_wait);
}

static void tx_ready(struct uart *u)
{
	tty_push(u->client_data);
}

static const struct uart_client client = { rx_bytes, tx_ready };

static bool rx_pending(const struct tty *t)
{
	return READ_ONCE(t->breaks) ||
	       (READ_ONCE(t->rx_head) != READ_ONCE(t->rx_tail) && ldisc_has_room(t));
}

/* One byte out of the ring: true with *c, or a break with *is_break. */
static bool rx_next(struct tty *t, uint8_t *c, bool *is_break)
{
	uint64_t old = spin_lock_irq(&t->rx_lock);
	bool got = true, resume = false;

	*is_break = t->breaks && t->rx_head == t->rx_tail;
	if (t->rx_head != t->rx_tail)
		*c = t->rx[t->rx_tail++ % TTY_RX_SIZE];
	else if (t->breaks)
		t->breaks--;
	else
		got = false;
	if (t->rx_off && t->rx_head - t->rx_tail < RX_RESUME) {
		t->rx_off = false;
		resume = true;
	}
	spin_unlock_irq(&t->rx_lock, old);
	if (resume)
		t->uart->ops->rx_enable(t->uart, true);
	return got;
}

static void input_one(struct tty *t, uint8_t c, bool is_break)
{
	int signo;
	bool eof;
	size_t before, after;

	mutex_lock(&t->mutex);
	before = ldisc_readable(t, &eof);
	if (is_break)
		ldisc_break(t);
	else
		ldisc_input(t, c);
	after = ldisc_readable(t, &eof);
	signo = t->raise;
	t->raise = 0;
	mutex_unlock(&t->mutex);
	if (after != before && waitq_active(&t->read_wait))
		waitq_wake_all(&t->read_wait);
	if (signo)
		tty_signal_foreground(t, signo);
}

static void tty_thread(void *arg)
{
	struct tty *t = arg;
	bool is_break;
	uint8_t c = 0;

	for (;;) {
		/* Uninterruptible: kernel threads get no signals; the condition comes true in the
		 * end or there is nothing to do. */
		(void)wait_event(&t->rx_wait, rx_pending(t), WAIT_UNINTERRUPTIBLE, WAIT_FOREVER);
		while (rx_pending(t) && rx_next(t, &c, &is_break))
			input_one(t, c, is_break);
		tty_push(t);
	}
}

/* Bytes there must be before a raw read returns, and how long to wait for them. */
struct wait_rule {
	size_t min;
	uint64_t first, between; /* ns; WAIT_FOREVER: no limit */
};

static struct wait_rule rule_of(const struct tty *t, size_t n)
{
	size_t min = t->termios.c_cc[VMIN];
	uint64_t time = t->termios.c_cc[VTIME] * DECISECOND;

	if (t->termios.c_lflag & ICANON)
		return (struct wait_rule){ 1, WAIT_FOREVER, WAIT_FOREVER };
	if (min == 0)
		return (struct wait_rule){ time ? 1 : 0, time, time };
	return (struct wait_rule){ MIN(min, n), WAIT_FOREVER, time ? time : WAIT_FOREVER };
}

static size_t readable(const struct tty *t)
{
	bool eof;

	return ldisc_readable(t, &eof);
}

/* Waits as VMIN and VTIME say. 0: read what is there now (maybe nothing); or -EAGAIN, -ERESTART. */
static int wait_input(struct file *f, size_t n, bool nonblock)
{
	struct tty *t = tty_of(f);
	struct wait_rule rule = rule_of(t, n);
	size_t have = readable(t);

	while (have < rule.min && !tty_hung_up(f)) {
		uint64_t limit = have ? rule.between : rule.first;
		uint64_t deadline = limit == WAIT_FOREVER ? WAIT_FOREVER : time_now() + limit;
		int err;

		if (nonblock)
			return have ? 0 : -EAGAIN;
		err = wait_event(&t->read_wait, readable(t) != have || tty_hung_up(f),
				 WAIT_INTERRUPTIBLE, deadline);
		if (err == -ETIMEDOUT)
			return 0;
		if (err)
			return have ? 0 : -ERESTART;
		have = readable(t);
		/* The mode may have changed under a sleeper. */
		rule = rule_of(t, n);
	}
	return 0;
}

static int64_t tty_read(struct file *f, struct io *io)
{
	struct tty *t = tty_of(f);
	uint8_t chunk[READ_CHUNK];
	int64_t done = 0;
	bool ended = false;
	int err;

	if (tty_hung_up(f))
		return 0;
	err = tty_check_background(t, SIGTTIN);
	if (!err && io->n)
		err = wait_input(f, io->n, io->nonblock);
	while (!err && io->n && !ended) {
		size_t n, want = MIN(io->n, sizeof(chunk));

		mutex_lock(&t->mutex);
		n = ldisc_take(t, chunk, want, &ended);
		mutex_unlock(&t->mutex);
		err = io_put(io, chunk, n);
		done += err ? 0 : (int64_t)n;
		if (n < want)
			break;
	}
	/* Room again: bytes may wait in the ring. */
	if (waitq_active(&t->rx_wait))
		waitq_wake_one(&t->rx_wait);
	return done ? done : err;
}

static unsigned tty_poll(struct file *f, struct poll_table *pt)
{
	struct tty *t = tty_of(f);
	unsigned ready = 0;
	size_t need = 1;

	poll_watch(pt, &t->read_wait);
	poll_watch(pt, &t->write_wait);
	if (tty_hung_up(f))
		return POLLHUP | POLLERR | POLL_READABLE | POLL_WRITABLE;
	if (!(t->termios.c_lflag & ICANON) && !t->termios.c_cc[VTIME] && t->termios.c_cc[VMIN])
		need = t->termios.c_cc[VMIN];
	if (readable(t) >= need)
		ready |= POLL_READABLE;
	if (tty_out_pending(t) < TTY_OUT_SIZE / 2)
		ready |= POLL_WRITABLE;
	return ready;
}

static int tty_open_as(struct file *f, struct tty *t)
{
	if (!t)
		return -ENXIO;
	f->data = t;
	f->pos = t->generation;
	return 0;
}

static int port_open(struct file *f)
{
	int err = tty_open_as(f, device_data(f->inode));

	if (!err && !(f->flags & O_NOCTTY))
		tty_opened(tty_of(f));
	return err;
}

static int console_open(struct file *f)
{
	int err = tty_open_as(f, console);

	f->pos = GENERATION_NONE;
	return err;
}

static int current_open(struct file *f)
{
	return tty_open_as(f, tty_of_session());
}

#define TTY_OPS(open_fn)                                                                           \
	{                                                                                          \
		.open = (open_fn), .read = tty_read, .write = tty_write, .ioctl = tty_ioctl,       \
		.poll = tty_poll                                                                   \
	}

static const struct file_ops port_ops = TTY_OPS(port_open);
static const struct file_ops console_ops = TTY_OPS(console_open);
static const struct file_ops current_ops = TTY_OPS(current_open);

static struct device_node port_nodes[TTYS_MAX];
static struct device_node console_node = { "console",    S_IFCHR | 0600, DEVNO(TTYAUX_MAJOR, 1),
					   &console_ops, NULL,           NULL };
static struct device_node current_node = { "tty",        S_IFCHR | 0666, DEVNO(TTYAUX_MAJOR, 0),
					   &current_ops, NULL,           NULL };

static struct tty *tty_create(struct uart *u)
{
	struct tty *t = kmalloc(sizeof(*t), ALLOC_ZERO);

	if (!t)
		return NULL;
	t->name = u->name;
	t->uart = u;
	spin_init(&t->rx_lock);
	spin_init(&t->out_lock);
	mutex_init(&t->mutex);
	mutex_init(&t->write_mutex);
	waitq_init(&t->rx_wait);
	waitq_init(&t->read_wait);
	waitq_init(&t->write_wait);
	ldisc_init(t);
	return t;
}

static void port_register(struct uart *u)
{
	struct tty *t = tty_create(u);
	struct device_node *n = &port_nodes[tty_count];

	if (!t || IS_ERR(task_create_kernel(u->name, tty_thread, t, SCHED_FIFO, TTY_PRIORITY))) {
		log_error("tty: no memory for %s", u->name);
		kfree(t);
		return;
	}
	t->devno = DEVNO(strncmp(u->name, "ttyS", 4) == 0 ? TTY_MAJOR : AMBA_MAJOR,
			 FIRST_MINOR + u->name[strlen(u->name) - 1] - '0');
	*n = (struct device_node){ u->name, S_IFCHR | 0660, t->devno, &port_ops, t, NULL };
	device_node_register(n);
	ttys[tty_count++] = t;
	if (u == uart_console())
		console = t;
	if (uart_attach(u, &client, t))
		log_warn("tty: %s is in use: nothing will be received from it", u->name);
}

void tty_register(void)
{
	struct uart *u;

	tty_job_init();
	device_node_register(&console_node);
	device_node_register(&current_node);
	for (unsigned i = 0; (u = uart_get(i)) != NULL && tty_count < TTYS_MAX; i++)
		port_register(u);
	if (!console)
		log_warn("tty: there is no serial port: no console");
}
