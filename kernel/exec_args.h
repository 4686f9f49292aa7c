// SPDX-License-Identifier: MIT
// The strings of argv and envp on their way from one program to the next: copied into frames of the
// kernel, then onto the new stack.
#ifndef KERNEL_EXEC_ARGS_H
#define KERNEL_EXEC_ARGS_H

#include "mm/page.h"

/* 2 MB: argv and envp together, at most (RLIMIT_STACK / 4 may be less) */
#define ARG_PAGES_MAX  512
#define ARG_STRING_MAX 131072 /* one string, as Linux has it */
#define ARG_BYTES_MIN  131072 /* may always be used, whatever RLIMIT_STACK says */

#define ARG_ENDS 32

struct exec_args {
	size_t used, limit;         /* bytes; limit counts the pointers too */
	unsigned argc, envc;        /* strings: first argc, then envc */
	unsigned npages;            /* of pages[] */
	uint32_t ends[ARG_ENDS];    /* of the first strings */
	pfn_t pages[ARG_PAGES_MAX]; /* frames for what is used, as far as they were needed */
};

/* Where strings come from: a user's NULL-terminated vector of pointers (0: an empty one), or the
 * kernel's own. */
struct arg_vector {
	virt_addr_t user;
	const char *const *kernel;
};

/* NULL: no memory. args_free(NULL) does nothing. */
struct exec_args *args_create(void);
void args_free(struct exec_args *a);
/* Append one kernel string, or all of a vector but its first `skip` strings; *count grows. 0,
 * -E2BIG, -EFAULT, -ENOMEM, -EINTR (killed). */
int args_add_string(struct exec_args *a, const char *s, unsigned *count) MUST_CHECK;
int args_add_vector(struct exec_args *a, struct arg_vector v, unsigned skip,
		    unsigned *count) MUST_CHECK;
/* Copies all strings to user memory at dst. 0 or -EFAULT. */
int args_copy_out(const struct exec_args *a, virt_addr_t dst) MUST_CHECK;
/* Writes argc, argv[], NULL, envp[], NULL at sp for strings at dst; *end is behind them, *env the
 * first environment string. 0 or -EFAULT. */
int args_write_pointers(const struct exec_args *a, virt_addr_t sp, virt_addr_t dst,
			virt_addr_t *end, virt_addr_t *env) MUST_CHECK;

#endif
