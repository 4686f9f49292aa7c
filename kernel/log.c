// SPDX-License-Identifier: MIT
/*
 * The kernel log.
 *
 * A ring of records, each a header and its text, padded to 8 bytes. Positions count bytes since
 * boot and never wrap; position modulo the ring's size is the place. `tail` is the oldest record
 * still whole, `head` where the next one goes; writing moves the tail as far as it needs. A
 * reader's position below the tail means that it missed lines. The text is formatted before the
 * lock is taken, so under it there is only a copy of at most 240 bytes.
 *
 * The console is fed by a thread of the lowest priority, so that a slow serial line delays nobody
 * who logs. Before log_start(), and after log_set_synchronous() in a panic, who logs writes itself.
 * Each record is claimed under the lock by moving console_pos, so it is written once whoever
 * writes.
 *
 * log_line() wakes the thread, so it may not be called with a run-queue lock held. Lock: log_lock,
 * interrupts off, a leaf. In a panic it may be held by a CPU that was stopped: then it is ignored
 * after a while.
 */
#include "kernel/log.h"

#include "kernel/driver.h"
#include "kernel/errno.h"
#include "kernel/lib/string.h"
#include "kernel/sched.h"

#define TEXT_MAX    240
#define PANIC_SPINS 1000000u
#define FLUSH_LIMIT (100 * NSEC_PER_MSEC) /* a line takes less at 38400 baud */

struct record {
	uint64_t time;   /* ns since boot */
	uint16_t length; /* of the text, without padding */
	uint8_t level;   /* as syslog(2) numbers them */
	char text[];
};

#define RECORD_HEADER offsetof(struct record, text)
#define RECORD_MAX    ALIGN_UP(RECORD_HEADER + TEXT_MAX, 8)

static struct spinlock log_lock;
static char ring[LOG_RING_SIZE] __attribute__((aligned(8)));
static uint64_t head, tail, console_pos; /* under log_lock */
static const struct log_sink *sink;      /* atomic */
static unsigned console_level = 7; /* records below it go to the console: all but debug; atomic */
static struct task *log_thread;    /* NULL: who logs writes. Set once */
static bool synchronous;
static bool writing; /* the thread is in the sink's write: a line is on its way. atomic */
static struct waitq readers = WAITQ_INIT(readers);

/* The numbers of syslog(2) for our levels. */
static const uint8_t syslog_level[] = {
	[LOG_ERROR] = 3,
	[LOG_WARN] = 4,
	[LOG_INFO] = 6,
	[LOG_DEBUG] = 7,
};

static uint64_t log_lock_irq(void)
{
	uint64_t old = hw_irq_save();
	unsigned spins = 0;

	while (!spin_trylock_raw(&log_lock)) {
		hw_relax();
		if (synchronous && ++spins == PANIC_SPINS)
			spin_init(&log_lock); /* its holder has been stopped */
	}
	return old;
}

static void log_unlock_irq(uint64_t old)
{
	spin_unlock_raw(&log_lock);
	hw_irq_restore(old);
}

/* Copies n bytes to or from the ring at a position, in two parts where it ends. */
static void ring_write(uint64_t pos, const void *from, size_t n)
{
	size_t at = pos % LOG_RING_SIZE, first = MIN(n, LOG_RING_SIZE - at);

	memcpy(ring + at, from, first);
	memcpy(ring, (const char *)from + first, n - first);
}

static void ring_read(uint64_t pos, void *to, size_t n)
{
	size_t at = pos % LOG_RING_SIZE, first = MIN(n, LOG_RING_SIZE - at);

	memcpy(to, ring + at, first);
	memcpy((char *)to + first, ring, n - first);
}

static uint64_t record_end(uint64_t pos, const struct record *r)
{
	return pos + ALIGN_UP(RECORD_HEADER + r->length, 8);
}

static void append(const struct record *r, const char *text)
{
	uint64_t old = log_lock_irq();
	uint64_t end = record_end(head, r);

	while (end - tail > LOG_RING_SIZE) {
		struct record oldest;

		ring_read(tail, &oldest, RECORD_HEADER);
		tail = record_end(tail, &oldest);
	}
	ring_write(head, r, RECORD_HEADER);
	ring_write(head + RECORD_HEADER, text, r->length);
	head = end;
	log_unlock_irq(old);
}

/* Takes a copy of the record at *pos, or of the oldest one if that is gone; *pos moves behind it.
 * False: there is none. */
static bool record_take(uint64_t *pos, struct record *r, char *text)
{
	uint64_t old = log_lock_irq();
	bool found;

	if (*pos < tail)
		*pos = tail;
	found = *pos < head;
	if (found) {
		ring_read(*pos, r, RECORD_HEADER);
		ring_read(*pos + RECORD_HEADER, text, r->length);
		*pos = record_end(*pos, r);
	}
	log_unlock_irq(old);
	return found;
}

/* The next record as a line of at most LOG_LINE_MAX bytes; 0: there is none. */
static int take_line(uint64_t *pos, char *buf, unsigned *level)
{
	char text[TEXT_MAX];
	struct record r;
	uint64_t usec;
	int n;

	if (!record_take(pos, &r, text))
		return 0;
	usec = r.time / NSEC_PER_USEC;
	n = format(buf, LOG_LINE_MAX, "<%u>[%5llu.%06llu] ", r.level,
		   (unsigned long long)(usec / 1000000), (unsigned long long)(usec % 1000000));
	memcpy(buf + n, text, r.length);
	n += r.length;
	buf[n++] = '\n';
	*level = r.level;
	return n;
}

int log_read(uint64_t *seq, char *buf, size_t size)
{
	unsigned level;

	return size < LOG_LINE_MAX ? -EINVAL : take_line(seq, buf, &level);
}

uint64_t log_end(void)
{
	uint64_t old = log_lock_irq(), end = head;

	log_unlock_irq(old);
	return end;
}

int log_wait(uint64_t seq)
{
	return wait_event(&readers, log_end() > seq, WAIT_INTERRUPTIBLE, WAIT_FOREVER);
}

/* Writes one record to the console; false when there is none left. */
static bool console_step(void)
{
	const struct log_sink *s = __atomic_load_n(&sink, __ATOMIC_ACQUIRE);
	char buf[LOG_LINE_MAX];
	unsigned level = 0;
	int n;

	if (!s)
		return false;
	n = take_line(&console_pos, buf, &level);
	if (n > 0 && level < atomic_load(&console_level))
		s->write(buf + 3, (size_t)n - 3); /* without the level */
	return n > 0;
}

static void console_drain(void)
{
	while (console_step())
		;
}

static void log_main(void *arg)
{
	(void)arg;
	for (;;) {
		sched_set_state(TASK_SLEEPING);
		if (log_end() == console_pos || !atomic_load(&sink))
			schedule();
		WRITE_ONCE(current()->state, TASK_RUNNABLE);
		atomic_store(&writing, true);
		console_drain();
		atomic_store_release(&writing, false);
		waitq_wake_all(&readers);
	}
}

int log_format(char *line, size_t size, const char *fmt, va_list ap)
{
	int n = MIN(format_va(line, size, fmt, ap), (int)size - 1);

	for (int i = 0; i < n; i++)
		if ((unsigned char)line[i] < ' ')
			line[i] = '?';
	return n;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char text[TEXT_MAX + 1];
	struct record r = { .time = time_now(), .level = syslog_level[level] };
	struct task *thread = __atomic_load_n(&log_thread, __ATOMIC_ACQUIRE);
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = log_format(text, sizeof(text), fmt, ap);
	va_end(ap);
	r.length = (uint16_t)n;
	append(&r, text);
	if (synchronous || !thread)
		console_drain();
	else
		sched_wake(thread);
}

void log_set_sink(const struct log_sink *s)
{
	struct task *thread = __atomic_load_n(&log_thread, __ATOMIC_ACQUIRE);

	__atomic_store_n(&sink, s, __ATOMIC_RELEASE);
	if (thread)
		sched_wake(thread);
	else
		console_drain();
}

void log_set_level(unsigned loglevel)
{
	atomic_store(&console_level, loglevel);
}

void log_set_synchronous(void)
{
	synchronous = true;
}

void log_flush(void)
{
	uint64_t end = time_now() + FLUSH_LIMIT;
	uint64_t seen = 0;

	/* The thread's lines stay whole when it writes them all itself: only when it gets nowhere
	 * are they written here. */
	while (preemptible() && atomic_load(&log_thread) && time_now() < end &&
	       (atomic_load(&writing) || atomic_load(&console_pos) < log_end())) {
		if (atomic_load(&console_pos) != seen)
			end = time_now() + FLUSH_LIMIT;
		seen = atomic_load(&console_pos);
		(void)time_sleep_until(time_now() + NSEC_PER_MSEC, WAIT_UNINTERRUPTIBLE);
	}
	console_drain();
}

/* loglevel=N and quiet, as Linux has them. */
static void read_options(void)
{
	char value[8];
	const char *end;
	uint64_t n;

	if (cmdline_get("quiet", value, sizeof(value)))
		log_set_level(5);
	if (cmdline_get("loglevel", value, sizeof(value)) && parse_size(value, &end, &n) == 0)
		log_set_level((unsigned)MIN(n, (uint64_t)8));
}

void log_start(void)
{
	struct task *t;

	read_options();
	t = task_create_kernel("log", log_main, NULL, SCHED_OTHER, 0);
	if (IS_ERR(t)) {
		log_warn("log: no thread (%d): lines are written by who logs them", PTR_ERR(t));
		return;
	}
	if (sched_set(t, SCHED_OTHER, 0, 19) != 0)
		log_warn("log: its thread is not nice");
	__atomic_store_n(&log_thread, t, __ATOMIC_RELEASE);
	sched_wake(t);
}
