// SPDX-License-Identifier: MIT
/*
 * The vDSO page: one object for the whole system, mapped privately, readable and executable, into
 * every address space.
 *
 * The kernel goes on writing the clock's terms to its frame, through the linear map. So the frame
 * is kept: it holds a reference for good, which the page daemon respects, and is on the unevictable
 * list. A page of data would cost every program one more area, table entry and fault for 24 bytes;
 * no program can write to either.
 */
#include "arch/arm64/vdso.h"

#include "arch/thread.h"
#include "arch/timer.h"
#include "kernel/clock_scale.h"
#include "kernel/errno.h"
#include "kernel/lock.h"
#include "mm/aspace.h"
#include "mm/lru.h"

/* What vdso.S reads: each word is loaded and stored whole. */
struct vdso_clock {
	struct clock_scale scale;
	uint64_t wall_offset;
};

_Static_assert(VDSO_CLOCK + sizeof(struct vdso_clock) <= PAGE_SIZE, "the clock fits the page");

extern const char vdso_page[], vdso_end[]; /* without the clock */

static struct mutex vdso_mutex = MUTEX_INIT(vdso_mutex);
static struct object *vdso_object; /* set once; vdso_mutex */

static struct spinlock clock_lock; /* interrupts off */
static struct vdso_clock clock;    /* clock_lock */
static struct vdso_clock *shown;   /* in the page; set once, clock_lock */

/* A change of the scale is no single store: it comes before there are programs. */
static void clock_show_locked(void)
{
	WRITE_ONCE(shown->scale.whole, clock.scale.whole);
	WRITE_ONCE(shown->scale.frac, clock.scale.frac);
	WRITE_ONCE(shown->wall_offset, clock.wall_offset);
}

void arch_clock_set(struct clock_scale scale, uint64_t wall_offset)
{
	uint64_t irqs = spin_lock_irq(&clock_lock);

	clock = (struct vdso_clock){ .scale = scale, .wall_offset = wall_offset };
	if (shown)
		clock_show_locked();
	spin_unlock_irq(&clock_lock, irqs);
}

/* The object with its page, which is kept. NULL: no memory. */
static struct object *vdso_create(void)
{
	struct object *o = object_create_anon(PAGE_SIZE);
	const size_t size = (size_t)(vdso_end - vdso_page);
	struct page *p = NULL;
	uint64_t irqs;
	bool major;
	int err;

	if (!o)
		return NULL;
	if (object_write(o, 0, vdso_page, size, false) == (int64_t)size)
		p = object_get_page(o, 0, OBJECT_READ, &err, &major);
	if (!p) {
		object_put(o);
		return NULL;
	}
	lru_set_unevictable(p, true);
	irqs = spin_lock_irq(&clock_lock);
	shown = (struct vdso_clock *)((char *)page_to_virt(p) + VDSO_CLOCK);
	clock_show_locked();
	spin_unlock_irq(&clock_lock, irqs);
	return o;
}

static struct object *vdso_get(void)
{
	struct object *o;

	mutex_lock(&vdso_mutex);
	if (!vdso_object)
		vdso_object = vdso_create();
	o = vdso_object;
	mutex_unlock(&vdso_mutex);
	return o;
}

int arch_map_vdso(struct aspace *as, virt_addr_t hint)
{
	struct map_request r = {
		.addr = hint,
		.length = PAGE_SIZE,
		.flags = AREA_READ | AREA_EXEC | AREA_VDSO,
		.object = vdso_get(),
	};
	int64_t at;

	if (!r.object)
		return -ENOMEM;
	at = aspace_map(as, &r);
	if (at < 0)
		return (int)at;
	as->vdso = (virt_addr_t)at;
	return 0;
}
