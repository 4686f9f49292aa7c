// SPDX-License-Identifier: MIT
/*
 * Mapping the vDSO page: one object for the whole system, mapped privately and read-only into every address space.
 */
#include "arch/arm64/vdso.h"

#include "arch/thread.h"
#include "kernel/errno.h"
#include "kernel/lock.h"
#include "mm/aspace.h"

extern const char vdso_page[PAGE_SIZE];

static struct mutex vdso_mutex = MUTEX_INIT(vdso_mutex);
static struct object *vdso_object; /* set once; vdso_mutex */

static struct object *vdso_get(void)
{
	struct object *o;

	mutex_lock(&vdso_mutex);
	o = vdso_object;
	if (!o) {
		o = object_create_anon(PAGE_SIZE);
		if (o && object_write(o, 0, vdso_page, PAGE_SIZE, false) != PAGE_SIZE) {
			object_put(o);
			o = NULL;
		}
		vdso_object = o;
	}
	mutex_unlock(&vdso_mutex);
	return o;
}

int arch_map_vdso(struct aspace *as)
{
	struct map_request r = {
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
