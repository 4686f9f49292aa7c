// SPDX-License-Identifier: MIT
// Files of pressure. The text is made when a file is read at position 0; later reads get the rest
// of it.
#include "kernel/fs/pressure.h"

#include "kernel/cred.h"
#include "kernel/errno.h"
#include "kernel/fs/poll.h"
#include "kernel/lib/string.h"
#include "mm/slab.h"

#define TEXT_SIZE 256 /* two lines of 57 and the digits of a total, 20 */
#define WRITE_MAX 32  /* as Linux */

struct pressure {
	struct psi *psi;
	enum psi_resource resource;
	bool ordinary;      /* opened by a user without CAP_SYS_RESOURCE */
	struct mutex mutex; /* over the rest */
	struct psi_trigger *trigger;
	size_t len;
	char text[TEXT_SIZE];
};

int pressure_open(struct file *f, struct psi *p, enum psi_resource r)
{
	struct pressure *x = kmalloc(sizeof(*x), ALLOC_ZERO);

	if (!x)
		return -ENOMEM;
	x->psi = p;
	x->resource = r;
	x->ordinary = !current_capable(CAP_SYS_RESOURCE);
	mutex_init(&x->mutex);
	f->data = x;
	return 0;
}

void pressure_release(struct file *f)
{
	struct pressure *x = f->data;

	if (x->trigger)
		psi_trigger_destroy(x->trigger);
	kfree(x);
}

/* Percent with two digits, out of 1/2048. */
static size_t format_avg(char *to, size_t n, const char *name, uint32_t avg)
{
	return (size_t)format(to, n, " avg%s=%u.%02u", name, avg >> 11, (avg & 2047) * 100 >> 11);
}

static void make_text(struct pressure *x)
{
	static const char *const names[3] = { "10", "60", "300" };
	struct psi_figures f;
	size_t len = 0;

	psi_figures(x->psi, &f);
	for (unsigned s = PSI_SOME(x->resource); s <= PSI_FULL(x->resource); s++) {
		len += string_copy(x->text + len, s & 1 ? "full" : "some", TEXT_SIZE - len);
		for (unsigned i = 0; i < 3; i++)
			len += format_avg(x->text + len, TEXT_SIZE - len, names[i], f.avg[s][i]);
		len += (size_t)format(x->text + len, TEXT_SIZE - len, " total=%ju\n",
				      (uintmax_t)(f.total[s] / NSEC_PER_USEC));
	}
	x->len = len;
}

int64_t pressure_read(struct file *f, struct io *io)
{
	struct pressure *x = f->data;
	int64_t n = 0;

	if (mutex_lock_killable(&x->mutex))
		return -EINTR;
	if (io->pos == 0)
		make_text(x);
	if (io->pos < x->len) {
		size_t part = MIN(io->n, x->len - io->pos);

		n = io_put(io, x->text + io->pos, part);
		if (!n)
			n = (int64_t)part;
	}
	mutex_unlock(&x->mutex);
	return n;
}

int64_t pressure_write(struct file *f, struct io *io)
{
	struct pressure *x = f->data;
	char text[WRITE_MAX];
	size_t n = io->n, part = MIN(n, sizeof(text) - 1);
	struct psi_trigger *t = NULL;
	int err;

	if (n == 0)
		return -EINVAL;
	err = io_get(io, text, part);
	text[part] = '\0';
	mutex_lock(&x->mutex);
	if (!err && x->trigger)
		err = -EBUSY;
	if (!err) {
		t = psi_trigger_create(x->psi, x->resource, text, x->ordinary);
		err = IS_ERR(t) ? PTR_ERR(t) : 0;
	}
	if (!err)
		atomic_store_release(&x->trigger, t);
	mutex_unlock(&x->mutex);
	return err ? err : (int64_t)n;
}

unsigned pressure_poll(struct file *f, struct poll_table *pt)
{
	struct pressure *x = f->data;
	struct psi_trigger *t = atomic_load_acquire(&x->trigger); /* once there, it stays */

	if (!t)
		return POLL_READABLE | POLL_WRITABLE | POLLERR | POLLPRI;
	return psi_trigger_poll(t, pt);
}
