// SPDX-License-Identifier: MIT
/*
 * System calls about memory: arguments are decoded and checked here as the manual pages say, mm/
 * does the work. An address space's copy of the limits is brought up to date whenever a limit
 * changes (kernel/sys_limits.c), so nothing here looks at them.
 */
#include <linux/mman.h>

#include "kernel/errno.h"
#include "kernel/fs/file.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "mm/aspace.h"
#include "mm/huge.h"
#include "mm/usercopy.h"

#define PROT_KNOWN (PROT_READ | PROT_WRITE | PROT_EXEC)
#define PROT_GROWS (PROT_GROWSDOWN | PROT_GROWSUP)
/* Flags that MAP_SHARED_VALIDATE accepts; the others are ignored by MAP_SHARED and MAP_PRIVATE, as
 * they always were. */
#define MAP_KNOWN                                                                                  \
	(MAP_SHARED | MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_LOCKED |       \
	 MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK | MAP_STACK | MAP_FIXED_NOREPLACE | 0x0800 |  \
	 0x1000) /* MAP_DENYWRITE, MAP_EXECUTABLE: ignored */

static unsigned area_prot(uint64_t prot)
{
	return (prot & PROT_READ ? AREA_READ : 0) | (prot & PROT_WRITE ? AREA_WRITE : 0) |
	       (prot & PROT_EXEC ? AREA_EXEC : 0);
}

static unsigned area_flags_of(uint64_t prot, uint64_t flags)
{
	return area_prot(prot) | (flags & MAP_GROWSDOWN ? AREA_GROWSDOWN | AREA_STACK : 0) |
	       (flags & MAP_LOCKED ? AREA_LOCKED : 0) |
	       (flags & MAP_NORESERVE ? AREA_NORESERVE : 0) |
	       (flags & MAP_HUGETLB ? AREA_HUGETLB : 0);
}

/* Type and flags of mmap(2): 0 or negative errno. Rights that are not known are ignored, as
 * ever. */
static int check_map_flags(uint64_t flags)
{
	uint64_t type = flags & MAP_TYPE;

	if (type == MAP_SHARED_VALIDATE && (flags & MAP_ANONYMOUS))
		return -EINVAL;
	if (type == MAP_SHARED_VALIDATE && (flags & ~(uint64_t)(MAP_KNOWN | MAP_TYPE)))
		return -EOPNOTSUPP;
	if (type != MAP_SHARED && type != MAP_PRIVATE && type != MAP_SHARED_VALIDATE)
		return -EINVAL;
	if ((flags & MAP_HUGETLB) && (flags & MAP_ANONYMOUS)) {
		int err = huge_size_check(flags >> MAP_HUGE_SHIFT & MAP_HUGE_MASK);

		if (err)
			return err;
	}
	if ((flags & MAP_GROWSDOWN) && type != MAP_PRIVATE)
		return -EINVAL;
	return 0;
}

static int64_t map_anonymous(struct map_request *r)
{
	r->flags |= AREA_MAY_WRITE;
	r->offset = 0;
	return aspace_map(current()->aspace, r);
}

/* A file of huge pages is mapped by them, asked for or not; no other is. */
static int check_huge_file(struct map_request *r)
{
	if (r->object && object_is_huge(r->object)) {
		r->flags |= AREA_HUGETLB;
		return r->offset % HUGE_SIZE ? -EINVAL : 0;
	}
	return r->flags & AREA_HUGETLB ? -EINVAL : 0;
}

static int64_t map_file(struct map_request *r, int fd)
{
	struct file *f = file_get_fd(fd);
	bool may_write;
	int64_t at;

	if (!f)
		return -EBADF;
	at = file_map_object(f, r->flags, r->offset, &r->object, &may_write);
	if (at == 0) {
		if (may_write)
			r->flags |= AREA_MAY_WRITE;
		r->file = f;
		if (!r->object) /* /dev/zero: plain anonymous memory, shared or not */
			r->offset = 0;
		at = check_huge_file(r);
		if (at == 0)
			at = aspace_map(current()->aspace, r);
		if (r->object)
			object_put(r->object);
	}
	file_put(f);
	return at;
}

SYSCALL(mmap)
{
	uint64_t length = args[1], prot = args[2], flags = args[3], offset = args[5];
	bool shared = (flags & MAP_TYPE) != MAP_PRIVATE;
	struct map_request r = {
		.addr = args[0],
		.fixed = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE),
		.noreplace = flags & MAP_FIXED_NOREPLACE,
		.populate = (flags & MAP_POPULATE) && !(flags & MAP_NONBLOCK),
		.offset = offset,
	};
	int err = check_map_flags(flags);

	if (err < 0)
		return err;
	if (offset % PAGE_SIZE != 0 || length == 0 || (r.fixed && r.addr % PAGE_SIZE != 0))
		return -EINVAL;
	if (length > USER_TOP)
		return -ENOMEM;
	r.length = ALIGN_UP(length, PAGE_SIZE);
	if (r.fixed && (r.addr > USER_TOP - r.length))
		return -ENOMEM;
	if (!(flags & MAP_ANONYMOUS) && offset + r.length < offset)
		return -EOVERFLOW;
	r.flags = area_flags_of(prot, flags) | (shared ? AREA_SHARED : 0);
	if (flags & MAP_ANONYMOUS)
		return map_anonymous(&r);
	return flags & MAP_GROWSDOWN ? -EINVAL : map_file(&r, (int)args[4]);
}

/* A page-aligned start and a length that is rounded up: 0, or err when the sum leaves user
 * space. */
static int check_range(virt_addr_t addr, uint64_t *length, int err)
{
	if (addr % PAGE_SIZE != 0)
		return -EINVAL;
	if (*length > USER_TOP || addr > USER_TOP - ALIGN_UP(*length, PAGE_SIZE))
		return err;
	*length = ALIGN_UP(*length, PAGE_SIZE);
	return 0;
}

SYSCALL(munmap)
{
	virt_addr_t start = user_untag(args[0]), from, to;
	uint64_t length = args[1];

	if (start % PAGE_SIZE != 0 || length == 0 || length > USER_END ||
	    start > USER_END - ALIGN_UP(length, PAGE_SIZE))
		return -EINVAL;
	/* Nothing is ever mapped at the two ends of user space, which is no error. */
	from = MAX(start, USER_MIN);
	to = MIN(start + ALIGN_UP(length, PAGE_SIZE), USER_TOP);
	return from < to ? aspace_unmap(current()->aspace, from, to - from) : 0;
}

SYSCALL(mprotect)
{
	uint64_t length = args[1], prot = args[2], grows = prot & PROT_GROWS;
	virt_addr_t start = user_untag(args[0]);
	int err;

	if (grows == PROT_GROWS || start % PAGE_SIZE != 0)
		return -EINVAL;
	if (length == 0)
		return 0;
	err = check_range(start, &length, -ENOMEM);
	if (err < 0 || length == 0)
		return -ENOMEM;
	if (prot & ~(uint64_t)(PROT_KNOWN | PROT_GROWSDOWN)) /* nothing grows upwards here */
		return -EINVAL;
	return aspace_protect(current()->aspace, start, length,
			      area_prot(prot) | (grows ? AREA_GROWSDOWN : 0));
}

SYSCALL(mremap)
{
	virt_addr_t old = user_untag(args[0]); /* a new address must not have a tag */
	uint64_t old_len = args[1], new_len = ALIGN_UP(args[2], PAGE_SIZE), flags = args[3];

	if ((flags & ~(uint64_t)(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP)) ||
	    old % PAGE_SIZE != 0 || new_len == 0)
		return -EINVAL;
	if (old >= USER_TOP || old < USER_MIN)
		return -EFAULT; /* nothing is mapped there */
	if (check_range(old, &old_len, -EINVAL) < 0)
		return -EINVAL;
	if (new_len > USER_TOP)
		return -ENOMEM;
	if ((flags & MREMAP_FIXED) && (args[4] % PAGE_SIZE != 0 || args[4] > USER_TOP - new_len))
		return -EINVAL;
	return aspace_remap(current()->aspace, old, old_len, new_len, (unsigned)flags, args[4]);
}

SYSCALL(remap_file_pages)
{
	virt_addr_t start = ALIGN_DOWN(user_untag(args[0]), PAGE_SIZE);
	uint64_t length = ALIGN_DOWN(args[1], PAGE_SIZE), first = args[3], flags = args[4];

	if (args[2] != 0 || start + length <= start || first + length / PAGE_SIZE < first)
		return -EINVAL;
	return aspace_remap_file(current()->aspace, start, length, first, !(flags & MAP_NONBLOCK));
}

SYSCALL(brk)
{
	return (int64_t)aspace_brk(current()->aspace, args[0]);
}

SYSCALL(madvise)
{
	virt_addr_t start = user_untag(args[0]);
	uint64_t length = ALIGN_UP(args[1], PAGE_SIZE), end = start + length;
	virt_addr_t from = MAX(start, USER_MIN), to = MIN(end, USER_TOP);
	int err;

	if (start % PAGE_SIZE != 0 || (length == 0 && args[1] != 0) || end < start)
		return -EINVAL;
	/* An advice that is not known is refused even for an empty range: programs ask so what
	 * there is. */
	err = aspace_advise(current()->aspace, from, from < to ? to - from : 0, (int)args[2]);
	/* What lies outside of what can be mapped is a hole. */
	if (err == 0 && length != 0 && (from != start || to != end))
		err = -ENOMEM;
	return err;
}

/* mlock(2) works on whole pages around the range. */
static int64_t lock_range(virt_addr_t tagged, uint64_t length, unsigned flags)
{
	virt_addr_t addr = user_untag(tagged), start = ALIGN_DOWN(addr, PAGE_SIZE);
	struct aspace *as = current()->aspace;

	if (flags && READ_ONCE(as->limit.memlock) == 0 && !READ_ONCE(as->cap_ipc_lock))
		return -EPERM;                                 /* even for nothing */
	length = ALIGN_UP(length + (addr - start), PAGE_SIZE); /* may wrap to 0, as Linux's */
	if (start + length < start)
		return -EINVAL;
	if (length != 0 && (start >= USER_TOP || length > USER_TOP - start))
		return -ENOMEM;
	return length == 0 ? 0 : aspace_lock(as, start, length, flags);
}

SYSCALL(mlock)
{
	return lock_range(args[0], args[1], AREA_LOCKED);
}

SYSCALL(mlock2)
{
	if (args[2] & ~(uint64_t)MLOCK_ONFAULT)
		return -EINVAL;
	return lock_range(args[0], args[1],
			  AREA_LOCKED | (args[2] & MLOCK_ONFAULT ? AREA_LOCK_ON_FAULT : 0));
}

SYSCALL(munlock)
{
	return lock_range(args[0], args[1], 0);
}

SYSCALL(mlockall)
{
	uint64_t flags = args[0];
	unsigned lock = AREA_LOCKED | (flags & MCL_ONFAULT ? AREA_LOCK_ON_FAULT : 0);

	if (!(flags & (MCL_CURRENT | MCL_FUTURE)) ||
	    (flags & ~(uint64_t)(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)))
		return -EINVAL;
	return aspace_lock_all(current()->aspace, flags & MCL_CURRENT ? lock : 0,
			       flags & MCL_FUTURE ? lock : 0);
}

SYSCALL(munlockall)
{
	(void)args;
	return aspace_lock_all(current()->aspace, 0, 0);
}

SYSCALL(mincore)
{
	virt_addr_t start = user_untag(args[0]);
	uint64_t length = args[1];
	int err = check_range(start, &length, -ENOMEM);

	return err < 0       ? err
	       : length == 0 ? 0
			     : aspace_incore(current()->aspace, start, length, args[2]);
}

SYSCALL(msync)
{
	virt_addr_t start = user_untag(args[0]);
	uint64_t length = ALIGN_UP(args[1], PAGE_SIZE), flags = args[2]; /* may wrap to 0 */
	int err = check_range(start, &length, -ENOMEM);

	if (err < 0)
		return err;
	if ((flags & ~(uint64_t)(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) ||
	    ((flags & MS_ASYNC) && (flags & MS_SYNC)))
		return -EINVAL;
	return length == 0 ? 0 : aspace_sync(current()->aspace, start, length, (int)flags);
}
