// SPDX-License-Identifier: MIT
/*
 * process_vm_readv(2) and process_vm_writev(2): another process's memory, page by page through a
 * buffer in the kernel. Neither address space is locked while the other is touched, so two
 * processes may do this to each other. And process_madvise(2).
 */
#include <linux/capability.h>
#include <linux/mman.h>
#include <linux/uio.h>

#include "kernel/cred.h"
#include "kernel/errno.h"
#include "kernel/fs/pidfd.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "mm/aspace.h"
#include "mm/slab.h"
#include "mm/usercopy.h"

#define LIST_MAX     1024          /* UIO_MAXIOV */
#define TRANSFER_MAX 0x7ffff000ull /* as read(2)'s */

/* A list of pieces in the caller's memory, read one by one. */
struct pieces {
	virt_addr_t list;
	uint64_t count;
	struct iovec now; /* what is left of the piece */
};

/* Checks a list: every length, and the addresses when they are the caller's own. Their sum, at most
 * TRANSFER_MAX, or -EINVAL, -EFAULT. */
static int64_t pieces_check(const struct pieces *p, bool own)
{
	uint64_t sum = 0;
	struct iovec v;

	if (p->count > LIST_MAX)
		return -EINVAL;
	for (uint64_t i = 0; i < p->count; i++) {
		if (copy_from_user(&v, p->list + i * sizeof(v), sizeof(v)))
			return -EFAULT;
		if ((int64_t)v.iov_len < 0)
			return -EINVAL;
		if (own && v.iov_len > 0 && !user_range_ok((virt_addr_t)v.iov_base, v.iov_len))
			return -EFAULT;
		sum = MIN(sum + v.iov_len, TRANSFER_MAX);
	}
	return (int64_t)sum;
}

/* Makes sure that p->now has something: 1, 0 at the end of the list, or -EFAULT. */
static int pieces_next(struct pieces *p)
{
	while (p->now.iov_len == 0) {
		if (p->count == 0)
			return 0;
		if (copy_from_user(&p->now, p->list, sizeof(p->now)))
			return -EFAULT;
		p->list += sizeof(p->now);
		p->count--;
	}
	return 1;
}

static void pieces_done(struct pieces *p, size_t n)
{
	p->now.iov_base = (char *)p->now.iov_base + n;
	p->now.iov_len -= n;
}

/* One step, which crosses no page of the other's: bytes, -EFAULT when none. */
static int64_t step(struct aspace *as, const struct iovec *mine, const struct iovec *theirs,
		    uint8_t *buf, size_t n, bool write)
{
	virt_addr_t from = (virt_addr_t)mine->iov_base, at = (virt_addr_t)theirs->iov_base;
	int64_t done;

	n = MIN(n, PAGE_SIZE - at % PAGE_SIZE);
	if (write) {
		n -= copy_from_user_some(buf, from, n);
		return n == 0 ? -EFAULT : aspace_access(as, at, buf, n, true);
	}
	done = aspace_access(as, at, buf, n, false);
	if (done > 0)
		done -= (int64_t)copy_to_user_some(from, buf, (size_t)done);
	return done > 0 ? done : -EFAULT;
}

static int64_t transfer(struct aspace *as, struct pieces *mine, struct pieces *theirs,
			uint64_t most, uint8_t *buf, bool write)
{
	uint64_t done = 0;
	int64_t n = 0;

	while (done < most) {
		size_t part;

		n = pieces_next(mine);
		if (n > 0)
			n = pieces_next(theirs);
		if (n <= 0)
			break;
		part = MIN(mine->now.iov_len, theirs->now.iov_len);
		n = step(as, &mine->now, &theirs->now, buf, MIN(part, most - done), write);
		if (n <= 0)
			break;
		pieces_done(mine, (size_t)n);
		pieces_done(theirs, (size_t)n);
		done += (uint64_t)n;
		if (task_killed(current()))
			break;
	}
	return done > 0 ? (int64_t)done : n < 0 ? n : 0;
}

/* Its address space with a reference, or ERR_PTR: -ESRCH, -EPERM. fs_ids: process_may_inspect(). */
static struct aspace *other_aspace(struct process *p, bool fs_ids)
{
	int err = process_may_inspect(p, fs_ids);
	struct aspace *as = err ? ERR_PTR(err) : process_aspace(p);

	return as ? as : ERR_PTR(-ESRCH);
}

static struct aspace *aspace_of_pid(int pid)
{
	struct process *p = pid > 0 ? process_find(pid) : NULL;
	struct aspace *as;

	if (!p)
		return ERR_PTR(-ESRCH);
	as = other_aspace(p, false);
	process_put(p);
	return as;
}

static int64_t process_vm(const uint64_t *args, bool write)
{
	struct pieces mine = { .list = args[1], .count = (uint32_t)args[2] };
	struct pieces theirs = { .list = args[3], .count = args[4] };
	struct aspace *as;
	int64_t most, their_most;
	uint8_t *buf;

	if (args[5] != 0)
		return -EINVAL;
	most = pieces_check(&mine, true);
	if (most <= 0)
		return most;
	their_most = pieces_check(&theirs, false);
	if (their_most <= 0)
		return their_most;
	as = aspace_of_pid((int)args[0]);
	if (IS_ERR(as))
		return PTR_ERR(as);
	buf = kmalloc(PAGE_SIZE, 0);
	most = buf ? transfer(as, &mine, &theirs, (uint64_t)most, buf, write) : -ENOMEM;
	if (buf)
		kfree(buf);
	aspace_put(as);
	return most;
}

SYSCALL(process_vm_readv)
{
	return process_vm(args, false);
}

SYSCALL(process_vm_writev)
{
	return process_vm(args, true);
}

/* Of madvise(2)'s, what changes no contents: process_madvise(2). */
static bool advice_for_others(int advice)
{
	return advice == MADV_COLD || advice == MADV_PAGEOUT || advice == MADV_WILLNEED;
}

/* Piece by piece, until one fails: bytes, or the error when it is the first. */
static int64_t advise_pieces(struct aspace *as, struct pieces *theirs, int advice)
{
	int64_t done = 0, n;

	while ((n = pieces_next(theirs)) > 0 && !task_killed(current())) {
		uint64_t length = MIN(theirs->now.iov_len, TRANSFER_MAX - (uint64_t)done);

		if (length == 0)
			break;
		n = aspace_advise(as, (virt_addr_t)theirs->now.iov_base, length, advice);
		if (n < 0)
			break;
		pieces_done(theirs, theirs->now.iov_len);
		done += (int64_t)length;
	}
	return done > 0 ? done : n;
}

static int64_t advise_process(struct process *p, struct pieces *theirs, int advice)
{
	struct aspace *as;
	int64_t result;

	if (!READ_ONCE(p->leader))
		return -ESRCH;
	if (!advice_for_others(advice))
		return -EINVAL;
	as = other_aspace(p, true);
	if (IS_ERR(as))
		return PTR_ERR(as) == -EPERM ? -EACCES : PTR_ERR(as);
	result = current_capable(CAP_SYS_NICE) ? advise_pieces(as, theirs, advice) : -EPERM;
	aspace_put(as);
	return result;
}

SYSCALL(process_madvise)
{
	struct pieces theirs = { .list = args[1], .count = (uint32_t)args[2] };
	struct process *p;
	int64_t result;

	if ((unsigned)args[4] != 0)
		return -EINVAL;
	result = pieces_check(&theirs, true);
	if (result < 0)
		return result;
	p = pidfd_process((int)args[0], NULL);
	if (IS_ERR(p))
		return PTR_ERR(p);
	result = advise_process(p, &theirs, (int)args[3]);
	process_put(p);
	return result;
}
