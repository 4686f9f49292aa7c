// SPDX-License-Identifier: MIT
/*
 * The operation of FUTEX_WAKE_OP (futex(2)): one atomic change of a word, and a comparison of what
 * it was.
 *
 *    31  28 27  24 23      12 11       0
 *    | op  | cmp  |   oparg   |  cmparg  |     bit 31: oparg is a bit's number
 */
#include <linux/futex.h>

#include "kernel/errno.h"
#include "kernel/futex_key.h"
#include "kernel/process.h"
#include "mm/usercopy.h"

static int32_t sign_extend12(uint32_t v)
{
	return (int32_t)(v << 20) >> 20;
}

static int wake_op_new(int op, uint32_t old, uint32_t arg, uint32_t *new)
{
	switch (op) {
	case FUTEX_OP_SET: *new = arg; return 0;
	case FUTEX_OP_ADD: *new = old + arg; return 0;
	case FUTEX_OP_OR: *new = old | arg; return 0;
	case FUTEX_OP_ANDN: *new = old & ~arg; return 0;
	case FUTEX_OP_XOR: *new = old ^ arg; return 0;
	default: return -ENOSYS;
	}
}

static int wake_op_compare(int cmp, int32_t old, int32_t arg)
{
	switch (cmp) {
	case FUTEX_OP_CMP_EQ: return old == arg;
	case FUTEX_OP_CMP_NE: return old != arg;
	case FUTEX_OP_CMP_LT: return old < arg;
	case FUTEX_OP_CMP_GE: return old >= arg;
	case FUTEX_OP_CMP_LE: return old <= arg;
	case FUTEX_OP_CMP_GT: return old > arg;
	default: return -ENOSYS;
	}
}

int futex_change_word(virt_addr_t uaddr, uint32_t encoded)
{
	int op = encoded >> 28 & 7, cmp = encoded >> 24 & 15, err;
	uint32_t arg = (uint32_t)sign_extend12(encoded >> 12 & 0xfff), old, new, seen;

	if (encoded >> 28 & 8) /* FUTEX_OP_OPARG_SHIFT: the argument is a bit number */
		arg = 1u << (arg & 31);
	err = user_load32(&old, uaddr);
	while (err == 0) {
		err = wake_op_new(op, old, arg, &new);
		if (err == 0)
			err = user_compare_exchange32(uaddr, old, new, &seen);
		if (err == 0 && seen == old)
			return wake_op_compare(cmp, (int32_t)old, sign_extend12(encoded & 0xfff));
		old = seen;
		if (err == 0 && task_killed(current()))
			err = -EINTR;
	}
	return err;
}
