// SPDX-License-Identifier: MIT
/*
 * Pipes and FIFOs: a ring of bytes over up to `capacity / PAGE_SIZE` pages, which are allocated as
 * the head reaches them and freed as the tail leaves them. An emptied ring keeps its last page for
 * the next message, so a small one costs no allocation.
 *
 * pipe->mutex covers everything; user memory is copied under it (a fault there may sleep, which
 * makes others wait for this pipe only). Sleepers test head, tail and the counts without it: each
 * is one word.
 *
 * Wake-ups go to one sleeper; whoever has transferred something passes the wake-up on when there is
 * more for another. Writes of up to PIPE_BUF bytes wait until they fit as a whole: where there is
 * room for some of them only, all writers are woken.
 *
 * What is in pipes belongs to no process, so nobody's end gives it back while an end is open
 * elsewhere: users are limited instead, in pages that their pipes may fill. Linux's soft limit is
 * 64 MB, whatever the machine has, and its hard limit is none. Here they are a sixteenth and an
 * eighth of RAM (and no more than 64 and 128 MB): one user, with as many processes and pipes as he
 * may have, leaves the rest of the memory to others.
 */
#include "kernel/fs/pipe.h"

#include <asm/ioctls.h>
#include <linux/limits.h>

#include "kernel/cred.h"
#include "kernel/fs/internal.h"
#include "kernel/fs/poll.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "mm/slab.h"
#include "mm/usercopy.h"

#define SOFT_MAX 16384u /* pages */
/* of a new pipe beyond the soft limit: enough to write and read at the same time */
#define PAGES_SMALL 2u

struct pipe_limits pipe_limits = { .size = 1 << 20 };

static struct kmem_cache *pipe_cache;

COLD int pipe_init(void)
{
	pipe_limits.soft = MIN(frames_total() / 16, SOFT_MAX);
	pipe_limits.hard = 2 * pipe_limits.soft;
	pipe_cache = kmem_cache_create("pipe", sizeof(struct pipe), 0);
	return pipe_cache ? 0 : -ENOMEM;
}

/* ---- Limits ---- */

COLD uint32_t pipe_size_round(uint64_t n)
{
	uint32_t size = PAGE_SIZE;

	while (size < n)
		size *= 2;
	return size;
}

/* Whether a user with this many pages is above that limit, and is one who is held to it. */
static COLD bool is_beyond(uint64_t limit, uint32_t pages)
{
	return limit && pages > limit && !current_capable(CAP_SYS_RESOURCE) &&
	       !current_capable(CAP_SYS_ADMIN);
}

/* The pipe's user pays for `npages` in place of p->npages: how many he has then. */
static COLD uint32_t pay(const struct pipe *p, uint32_t npages)
{
	uint32_t more = npages - p->npages;

	return atomic_fetch_add(&p->user->pipe_pages, more) + more;
}

/* The size of a new one. False: beyond the hard limit. */
static COLD bool choose_size(struct pipe *p)
{
	uint32_t most = READ_ONCE(pipe_limits.size) >> PAGE_SHIFT, n = PAGES_DEFAULT, all;

	if (n > most && !current_capable(CAP_SYS_RESOURCE))
		n = most;
	all = pay(p, n);
	p->npages = n;
	if (is_beyond(READ_ONCE(pipe_limits.soft), all)) {
		n = MIN(n, PAGES_SMALL);
		all = pay(p, n);
		p->npages = n;
	}
	return !is_beyond(READ_ONCE(pipe_limits.hard), all);
}

/* ---- The ring ---- */

COLD struct pipe *pipe_create(void)
{
	struct pipe *p = kmem_cache_alloc(pipe_cache, ALLOC_ZERO);

	if (!p)
		return NULL;
	mutex_init(&p->mutex);
	waitq_init(&p->readable);
	waitq_init(&p->writable);
	p->page = p->first_pages;
	p->user = user_hold(current()->cred->user);
	if (choose_size(p))
		return p;
	pipe_destroy(p);
	return NULL;
}

static void page_drop(struct pipe *p, unsigned i)
{
	if (p->page[i])
		page_free(virt_to_page(p->page[i]), 0);
	p->page[i] = NULL;
}

COLD void pipe_destroy(struct pipe *p)
{
	for (unsigned i = 0; i < p->npages; i++)
		page_drop(p, i);
	if (p->page != p->first_pages)
		kfree(p->page);
	(void)pay(p, 0);
	user_put(p->user);
	kmem_cache_free(pipe_cache, p);
}

static size_t filled(const struct pipe *p)
{
	/* Tail first: without the mutex the result may then be too large, but never negative. */
	uint64_t tail = atomic_load_acquire(&p->tail);

	return (size_t)(READ_ONCE(p->head) - tail);
}

static size_t capacity(const struct pipe *p)
{
	return (size_t)READ_ONCE(p->npages) << PAGE_SHIFT;
}

static unsigned page_index(const struct pipe *p, uint64_t at)
{
	return (unsigned)(at >> PAGE_SHIFT) & (p->npages - 1);
}

/* The tail has left page i: it goes, unless the head is in it already, or the ring is empty and it
 * can be the next one. */
static void page_left(struct pipe *p, unsigned i)
{
	unsigned next = page_index(p, p->tail);

	if (p->head - p->tail > capacity(p) - PAGE_SIZE)
		return;
	if (p->head == p->tail && !p->page[next]) {
		p->page[next] = p->page[i];
		p->page[i] = NULL;
	} else if (p->head != p->tail || next != i) {
		page_drop(p, i);
	}
}

/* Takes what is there, up to io->n. Bytes, or -EFAULT when none. */
static int64_t take(struct pipe *p, struct io *io)
{
	int64_t done = 0;

	while (io->n && p->head != p->tail) {
		unsigned i = page_index(p, p->tail);
		size_t off = p->tail % PAGE_SIZE;
		size_t n = MIN(MIN(io->n, p->head - p->tail), PAGE_SIZE - off);

		if (io_put(io, (char *)p->page[i] + off, n))
			return done ? done : -EFAULT;
		done += (int64_t)n;
		WRITE_ONCE(p->tail, p->tail + n);
		if (p->tail % PAGE_SIZE == 0)
			page_left(p, i);
	}
	return done;
}

/* Puts up to `room` bytes of io. Bytes, or -EFAULT, -ENOMEM when none. */
static int64_t put(struct pipe *p, struct io *io, size_t room)
{
	int64_t done = 0;

	while (io->n && room) {
		unsigned i = page_index(p, p->head);
		size_t off = p->head % PAGE_SIZE;
		size_t n = MIN(MIN(io->n, room), PAGE_SIZE - off);

		if (!p->page[i]) {
			struct page *pg = page_alloc(ALLOC_USER);

			if (!pg)
				return done ? done : -ENOMEM;
			p->page[i] = page_to_virt(pg);
		}
		if (io_get(io, (char *)p->page[i] + off, n))
			return done ? done : -EFAULT;
		done += (int64_t)n;
		room -= n;
		WRITE_ONCE(p->head, p->head + n);
	}
	return done;
}

static void wake(struct waitq *wq)
{
	if (waitq_active(wq))
		waitq_wake_one(wq);
}

/* What fits is known to the writer alone. */
static void wake_writers(struct pipe *p)
{
	if (!waitq_active(&p->writable))
		return;
	if (capacity(p) - filled(p) >= PIPE_BUF)
		waitq_wake_one(&p->writable);
	else
		waitq_wake_all(&p->writable);
}

int64_t pipe_read(struct file *f, struct io *io)
{
	struct pipe *p = f->inode->pipe;
	int64_t done;
	bool more, ended;

	if (io->n == 0)
		return 0;
	for (;;) {
		if (wait_event(&p->readable, io->nonblock || filled(p) || !READ_ONCE(p->writers),
			       WAIT_INTERRUPTIBLE, WAIT_FOREVER))
			return -ERESTART;
		mutex_lock(&p->mutex);
		if (p->head != p->tail)
			break;
		ended = p->writers == 0;
		mutex_unlock(&p->mutex);
		if (ended || io->nonblock)
			return ended ? 0 : -EAGAIN;
	}
	done = take(p, io);
	more = p->head != p->tail;
	mutex_unlock(&p->mutex);
	wake_writers(p);
	if (more)
		wake(&p->readable);
	return done;
}

/* Room that a write of n bytes waits for. */
static size_t room_needed(size_t n)
{
	return n <= PIPE_BUF ? n : 1;
}

/* Writes as much as fits now. Bytes, 0 (no room yet) or negative errno; the mutex is taken and
 * released. */
static int64_t write_some(struct pipe *p, struct io *io, size_t need)
{
	int64_t n = 0;
	size_t room;

	mutex_lock(&p->mutex);
	room = capacity(p) - filled(p);
	if (!p->readers)
		n = -EPIPE;
	else if (room >= need)
		n = put(p, io, room);
	mutex_unlock(&p->mutex);
	if (n > 0)
		wake(&p->readable);
	return n;
}

int64_t pipe_write(struct file *f, struct io *io)
{
	struct pipe *p = f->inode->pipe;
	size_t need = room_needed(io->n), total = io->n;
	int64_t n = 0;
	bool waited = false;

	if (total == 0)
		return 0;
	for (;;) {
		n = write_some(p, io, need);
		if (n < 0 || io->n == 0)
			break;
		if (n > 0)
			need = 1;
		if (io->nonblock) {
			n = -EAGAIN;
			break;
		}
		waited = true;
		n = wait_event(&p->writable,
			       filled(p) + need <= capacity(p) || !READ_ONCE(p->readers),
			       WAIT_INTERRUPTIBLE, WAIT_FOREVER);
		if (n) {
			n = -ERESTART;
			break;
		}
	}
	/* Who took a wake-up passes it on: another writer may find room too. */
	if (waited && filled(p) < capacity(p))
		wake_writers(p);
	if (n == -EPIPE)
		signal_send(current(), SIGPIPE, NULL);
	return io->n < total ? (int64_t)(total - io->n) : n;
}

unsigned pipe_poll(struct file *f, struct poll_table *pt)
{
	struct pipe *p = f->inode->pipe;
	unsigned ready = 0;

	if (f->mode & FILE_READ) {
		poll_watch(pt, &p->readable);
		if (filled(p))
			ready |= POLL_READABLE;
		/* A FIFO's reader that never saw a writer has nothing to be hung up from. */
		if (!READ_ONCE(p->writers) &&
		    (uint32_t)(uintptr_t)f->data != READ_ONCE(p->writer_opens))
			ready |= POLLHUP;
	}
	if (f->mode & FILE_WRITE) {
		poll_watch(pt, &p->writable);
		if (capacity(p) - filled(p) >=
		    PIPE_BUF) /* what write(2) takes whole or not at all */
			ready |= POLL_WRITABLE;
		if (!READ_ONCE(p->readers))
			ready |= POLLERR;
	}
	return ready;
}

int64_t pipe_ioctl(struct file *f, unsigned cmd, uint64_t arg)
{
	if (cmd != FIONREAD)
		return -ENOTTY;
	return user_store32((virt_addr_t)arg, (uint32_t)filled(f->inode->pipe));
}

/* Moves what is in the ring to one of another size. Mutex held. */
static int resize(struct pipe *p, uint32_t npages)
{
	uint64_t first = p->tail >> PAGE_SHIFT,
		 pages = p->head == p->tail ? 0 : ((p->head - 1) >> PAGE_SHIFT) - first + 1;
	void **page;

	/* More pages than entries: head and tail share one. */
	if (pages > npages || pages > p->npages)
		return -EBUSY;
	page = kmalloc(npages * sizeof(*page), ALLOC_ZERO);
	if (!page)
		return -ENOMEM;
	for (uint64_t i = 0; i < pages; i++) {
		page[i] = p->page[page_index(p, (first + i) << PAGE_SHIFT)];
		p->page[page_index(p, (first + i) << PAGE_SHIFT)] = NULL;
	}
	for (unsigned i = 0; i < p->npages; i++)
		page_drop(p, i);
	if (p->page != p->first_pages)
		kfree(p->page);
	p->page = page;
	WRITE_ONCE(p->npages, npages);
	WRITE_ONCE(p->head, p->head - (first << PAGE_SHIFT));
	WRITE_ONCE(p->tail, p->tail - (first << PAGE_SHIFT));
	return 0;
}

/* F_SETPIPE_SZ. Only who asks for more is held to limits. Mutex held. */
static int set_size(struct pipe *p, uint32_t npages)
{
	bool grows = npages > p->npages;
	uint32_t old = p->npages, all;
	int err = -EPERM;

	if (grows && npages > READ_ONCE(pipe_limits.size) >> PAGE_SHIFT &&
	    !current_capable(CAP_SYS_RESOURCE))
		return err;
	all = pay(p, npages);
	if (!grows || !(is_beyond(READ_ONCE(pipe_limits.soft), all) ||
			is_beyond(READ_ONCE(pipe_limits.hard), all)))
		err = resize(p, npages);
	if (err)
		atomic_fetch_add(&p->user->pipe_pages, old - npages);
	return err;
}

COLD int64_t pipe_fcntl(struct file *f, unsigned cmd, uint64_t arg)
{
	struct pipe *p = f->inode->pipe;
	uint32_t size;
	int err;

	if (f->ops != &fifo_ops)
		return -EBADF;
	if (cmd == F_GETPIPE_SZ)
		return (int64_t)capacity(p);
	if (arg > (uint64_t)1 << 31)
		return -EINVAL;
	size = pipe_size_round(arg);
	mutex_lock(&p->mutex);
	err = set_size(p, size >> PAGE_SHIFT);
	mutex_unlock(&p->mutex);
	wake_writers(p);
	return err ? err : (int64_t)size;
}
