// SPDX-License-Identifier: MIT
/*
 * epoll. An item joins a file (and the descriptor it was added by) to an instance. A wake-up on one
 * of the file's queues puts the item on the ready list; epoll_wait takes items off, asks the file
 * whether it is ready indeed, and puts level-triggered ones back.
 *
 * Locks: epoll_mutex (which items hang on which files, shape of nested instances) -> ep->mutex (the
 * tree of items, one collector at a time) -> queue locks -> ep->lock (ready list; interrupts off) .
 * An item does not count as a use of its file: the file's last reference takes the item away before
 * anything of the file is released.
 */
#include "kernel/fs/files.h"
#include "kernel/fs/internal.h"
#include "kernel/fs/poll.h"
#include "kernel/fs/wait.h"
#include "kernel/log.h"
#include "kernel/syscall.h"
#include "mm/slab.h"
#include "mm/usercopy.h"

#define QUEUES_MAX   2 /* queues that one file's poll names: a terminal has two */
#define NEST_MAX     4 /* instances inside instances */
#define PRIVATE_BITS (EPOLLONESHOT | EPOLLET | EPOLLWAKEUP | EPOLLEXCLUSIVE)
#define EVENTS_LIMIT (INT32_MAX / (int)sizeof(struct epoll_event))

struct epoll {
	struct mutex mutex;
	struct rb_root items; /* by file, then descriptor */
	struct spinlock lock;
	struct list ready; /* items, oldest first */
	struct waitq wq;   /* epoll_wait, and who polls the instance itself */
};

struct item {
	struct rb_node node;    /* ep->mutex */
	struct list file_link;  /* file->epoll_items; epoll_mutex */
	struct list ready_link; /* ep->lock; empty when not on the list */
	struct epoll *ep;
	struct file *file;
	int fd;
	struct epoll_event event; /* ep->mutex; events also read by notifiers: one word */
	unsigned queues;
	struct item_watch {
		struct watcher watcher;
		struct waitq *wq;
		struct item *item;
	} watch[QUEUES_MAX];
};

static struct mutex epoll_mutex = MUTEX_INIT(epoll_mutex);
static const struct file_ops epoll_ops;

static void item_make_ready(struct item *it)
{
	struct epoll *ep = it->ep;
	uint64_t old;

	old = spin_lock_irq(&ep->lock);
	if (list_empty(&it->ready_link))
		list_push_back(&ep->ready, &it->ready_link);
	spin_unlock_irq(&ep->lock, old);
	if (waitq_active(&ep->wq))
		waitq_wake_one(&ep->wq);
}

static void item_notified(struct watcher *w)
{
	struct item *it = container_of(w, struct item_watch, watcher)->item;

	/* A spent one-shot item sleeps until it is armed again. */
	if (READ_ONCE(it->event.events) & ~(uint32_t)PRIVATE_BITS)
		item_make_ready(it);
}

struct item_table {
	struct poll_table table;
	struct item *item;
};

static void item_watch(struct poll_table *pt, struct waitq *wq)
{
	struct item *it = container_of(pt, struct item_table, table)->item;
	struct item_watch *w = &it->watch[it->queues];

	ASSERT(it->queues < QUEUES_MAX);
	it->queues++;
	w->item = it;
	w->wq = wq;
	w->watcher.notify = item_notified;
	waitq_watch(wq, &w->watcher);
}

static int item_order(const struct item *it, const struct file *f, int fd)
{
	if (it->file != f)
		return it->file < f ? -1 : 1;
	return it->fd < fd ? -1 : it->fd > fd;
}

static struct item *item_find(struct epoll *ep, const struct file *f, int fd)
{
	struct rb_node *n = ep->items.node;

	while (n) {
		struct item *it = rb_entry(n, struct item, node);
		int order = item_order(it, f, fd);

		if (order == 0)
			return it;
		n = order < 0 ? n->right : n->left;
	}
	return NULL;
}

static void item_insert(struct epoll *ep, struct item *new)
{
	struct rb_node **link = &ep->items.node, *parent = NULL;

	while (*link) {
		struct item *it = rb_entry(*link, struct item, node);

		parent = *link;
		link = item_order(it, new->file, new->fd) < 0 ? &parent->right : &parent->left;
	}
	rb_insert(&ep->items, &new->node, parent, link);
}

/* epoll_mutex and ep->mutex held. */
static void item_remove(struct item *it)
{
	struct epoll *ep = it->ep;
	uint64_t old;

	for (unsigned i = 0; i < it->queues; i++)
		waitq_unwatch(it->watch[i].wq, &it->watch[i].watcher);
	old = spin_lock_irq(&ep->lock);
	list_remove(&it->ready_link);
	spin_unlock_irq(&ep->lock, old);
	rb_remove(&ep->items, &it->node);
	list_remove(&it->file_link);
	kfree(it);
}

static unsigned item_poll(struct item *it, struct poll_table *pt)
{
	return file_poll(it->file, pt) & (it->event.events | EPOLLERR | EPOLLHUP) &
	       ~(uint32_t)PRIVATE_BITS;
}

static int item_add(struct epoll *ep, struct file *f, int fd, const struct epoll_event *ev)
{
	struct item *it = kmalloc(sizeof(*it), ALLOC_ZERO);
	struct item_table table = { { item_watch }, it };

	if (!it)
		return -ENOMEM;
	it->ep = ep;
	it->file = f;
	it->fd = fd;
	it->event = *ev;
	list_init(&it->ready_link);
	item_insert(ep, it);
	list_push_back(&f->epoll_items, &it->file_link);
	if (item_poll(it, &table.table))
		item_make_ready(it);
	return 0;
}

/* Depth of instances below f, or beyond NEST_MAX when it leads to `target`. epoll_mutex held. */
static int nesting(struct file *f, const struct file *target, int depth)
{
	struct epoll *ep = f->data;
	int deepest = depth;

	if (f == target || depth > NEST_MAX)
		return NEST_MAX + 1;
	for (struct rb_node *n = rb_first(&ep->items); n; n = rb_next(n)) {
		struct item *it = rb_entry(n, struct item, node);

		if (it->file->ops == &epoll_ops)
			deepest = MAX(deepest, nesting(it->file, target, depth + 1));
	}
	return deepest;
}

static int control(struct file *epf, struct file *f, int op, int fd, const struct epoll_event *ev)
{
	struct epoll *ep = epf->data;
	struct item *it = item_find(ep, f, fd);

	switch (op) {
	case EPOLL_CTL_ADD:
		if (it)
			return -EEXIST;
		return item_add(ep, f, fd, ev);
	case EPOLL_CTL_DEL:
		if (!it)
			return -ENOENT;
		item_remove(it);
		return 0;
	case EPOLL_CTL_MOD:
		if (!it)
			return -ENOENT;
		if (it->event.events & EPOLLEXCLUSIVE || ev->events & EPOLLEXCLUSIVE)
			return -EINVAL;
		it->event.data = ev->data;
		WRITE_ONCE(it->event.events, ev->events);
		hw_mb(); /* a notifier that saw the old mask has changed the file before we ask
			    it */
		if (item_poll(it, NULL))
			item_make_ready(it);
		return 0;
	default: return -EINVAL;
	}
}

static int64_t control_files(struct file *epf, struct file *f, int op, int fd,
			     const struct epoll_event *ev)
{
	struct epoll *ep = epf->data;
	int err = 0;

	if (epf->ops != &epoll_ops || epf == f)
		return -EINVAL;
	if (!f->ops->poll)
		return -EPERM;
	mutex_lock(&epoll_mutex);
	if (op == EPOLL_CTL_ADD && f->ops == &epoll_ops && nesting(f, epf, 1) > NEST_MAX)
		err = -ELOOP;
	if (!err) {
		mutex_lock(&ep->mutex);
		err = control(epf, f, op, fd, ev);
		mutex_unlock(&ep->mutex);
	}
	mutex_unlock(&epoll_mutex);
	return err;
}

SYSCALL(epoll_ctl)
{
	int op = (int)args[1], fd = (int)args[2];
	struct epoll_event ev = { 0 };
	struct fdref epf, f;
	int64_t err;

	if (op != EPOLL_CTL_DEL && copy_from_user(&ev, (virt_addr_t)args[3], sizeof(ev)))
		return -EFAULT;
	epf = fd_borrow((int)args[0]);
	f = fd_borrow(fd);
	if (!epf.file || !f.file)
		err = -EBADF;
	else
		err = control_files(epf.file, f.file, op, fd, &ev);
	if (f.file)
		fd_return(f);
	if (epf.file)
		fd_return(epf);
	return err;
}

void epoll_file_gone(struct file *f)
{
	mutex_lock(&epoll_mutex);
	while (!list_empty(&f->epoll_items)) {
		struct item *it = list_first(&f->epoll_items, struct item, file_link);
		struct epoll *ep = it->ep;

		mutex_lock(&ep->mutex);
		item_remove(it);
		mutex_unlock(&ep->mutex);
	}
	mutex_unlock(&epoll_mutex);
}

static struct item *ready_pop(struct epoll *ep)
{
	struct item *it = NULL;
	uint64_t old = spin_lock_irq(&ep->lock);

	if (!list_empty(&ep->ready)) {
		it = list_first(&ep->ready, struct item, ready_link);
		list_remove(&it->ready_link);
	}
	spin_unlock_irq(&ep->lock, old);
	return it;
}

static void ready_push(struct epoll *ep, struct item *it, bool front)
{
	uint64_t old = spin_lock_irq(&ep->lock);

	if (list_empty(&it->ready_link)) {
		if (front)
			list_push_front(&ep->ready, &it->ready_link);
		else
			list_push_back(&ep->ready, &it->ready_link);
	}
	spin_unlock_irq(&ep->lock, old);
}

static bool has_ready(const struct epoll *ep)
{
	return READ_ONCE(ep->ready.next) != &ep->ready;
}

/* Hands out events of items that are on the ready list now. Number, or -EFAULT when none. */
static int64_t collect(struct epoll *ep, uint64_t uevents, int max)
{
	struct list again = LIST_INIT(
		again); /* level-triggered: back to the list only when all others had their turn */
	struct item *it;
	int64_t n = 0, err = 0;
	uint64_t old;

	mutex_lock(&ep->mutex);
	while (n < max && !err && (it = ready_pop(ep)) != NULL) {
		struct epoll_event ev = it->event;

		ev.events = item_poll(it, NULL);
		if (!ev.events)
			continue;
		if (copy_to_user((virt_addr_t)(uevents + (uint64_t)n * sizeof(ev)), &ev,
				 sizeof(ev))) {
			ready_push(ep, it, true);
			err = -EFAULT;
			break;
		}
		n++;
		if (it->event.events & EPOLLONESHOT)
			WRITE_ONCE(it->event.events, it->event.events & PRIVATE_BITS);
		else if (!(it->event.events & EPOLLET)) {
			old = spin_lock_irq(&ep->lock);
			if (list_empty(&it->ready_link))
				list_push_back(&again, &it->ready_link);
			spin_unlock_irq(&ep->lock, old);
		}
	}
	old = spin_lock_irq(&ep->lock);
	list_splice_back(&ep->ready, &again);
	spin_unlock_irq(&ep->lock, old);
	mutex_unlock(&ep->mutex);
	/* What is left may be for another waiter, whose wake-up came to us. */
	if (has_ready(ep) && waitq_active(&ep->wq))
		waitq_wake_one(&ep->wq);
	return n ? n : err;
}

static int64_t wait_events(struct epoll *ep, uint64_t uevents, int max, uint64_t deadline)
{
	int64_t n;

	for (;;) {
		int err;

		n = collect(ep, uevents, max);
		if (n || deadline == 0)
			return n;
		err = wait_event(&ep->wq, has_ready(ep), WAIT_INTERRUPTIBLE, deadline);
		if (err)
			return err == -ETIMEDOUT ? 0 : err;
	}
}

static int64_t epoll_wait_fd(const uint64_t *args, uint64_t deadline)
{
	struct fdref r;
	int max = (int)args[2];
	int64_t ret;

	if (max <= 0 || max > EVENTS_LIMIT)
		return -EINVAL;
	if (!user_range_ok(args[1], (size_t)max * sizeof(struct epoll_event)))
		return -EFAULT;
	r = fd_borrow((int)args[0]);
	if (!r.file)
		return -EBADF;
	if (r.file->ops != &epoll_ops) {
		ret = -EINVAL;
	} else {
		ret = wait_mask_begin(args[4], args[5]);
		if (!ret)
			ret = wait_mask_end(args[4],
					    wait_events(r.file->data, args[1], max, deadline),
					    -EINTR);
	}
	fd_return(r);
	return ret;
}

SYSCALL(epoll_pwait)
{
	int ms = (int)args[3];

	return epoll_wait_fd(args, ms < 0    ? WAIT_FOREVER
				   : ms == 0 ? 0
					     : time_now() + (uint64_t)ms * NSEC_PER_MSEC);
}

SYSCALL(epoll_pwait2)
{
	uint64_t deadline;
	int err = wait_time_get(args[3], &deadline);

	return err ? err : epoll_wait_fd(args, deadline);
}

static unsigned epoll_poll(struct file *f, struct poll_table *pt)
{
	struct epoll *ep = f->data;

	poll_watch(pt, &ep->wq);
	/* Whether a ready item still is ready is found out by epoll_wait: at worst it then finds
	 * nothing. */
	return has_ready(ep) ? POLL_READABLE : 0;
}

static void epoll_release(struct file *f)
{
	struct epoll *ep = f->data;
	struct rb_node *n;

	mutex_lock(&epoll_mutex);
	mutex_lock(&ep->mutex);
	while ((n = rb_first(&ep->items)) != NULL)
		item_remove(rb_entry(n, struct item, node));
	mutex_unlock(&ep->mutex);
	mutex_unlock(&epoll_mutex);
	kfree(ep);
}

static const struct file_ops epoll_ops = {
	.name = "[eventpoll]",
	.poll = epoll_poll,
	.release = epoll_release,
};

SYSCALL(epoll_create1)
{
	struct epoll *ep;

	if ((unsigned)args[0] & ~(unsigned)EPOLL_CLOEXEC)
		return -EINVAL;
	ep = kmalloc(sizeof(*ep), ALLOC_ZERO);
	if (!ep)
		return -ENOMEM;
	mutex_init(&ep->mutex);
	spin_init(&ep->lock);
	list_init(&ep->ready);
	waitq_init(&ep->wq);
	return anon_fd(&epoll_ops, FILE_READ | FILE_WRITE, O_RDWR | ((unsigned)args[0] & O_CLOEXEC),
		       ep);
}
