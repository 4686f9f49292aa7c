// SPDX-License-Identifier: MIT
// Writing back by age and amount: the settings of /proc/sys/vm, and what file systems tell. See
// mm/writeback.c.
#ifndef MM_WRITEBACK_H
#define MM_WRITEBACK_H

#include "kernel/lib/list.h"
#include "kernel/lib/types.h"

/* Linux's names and units. Of ratio (percent) and bytes one is 0, for writers (dirty_) and for the
 * thread (background). Single words, read at each look. */
struct writeback_settings {
	uint32_t ratio, background_ratio;
	uint64_t bytes, background_bytes;
	uint32_t expire, interval; /* centiseconds; interval 0: no writing by age */
};
extern struct writeback_settings writeback_settings;
/* After a change of them. Any context. */
void writeback_changed(void);
/* Pages above which the thread writes, and above which writers wait for it. */
void writeback_limits(uint64_t *background, uint64_t *most);

/* What a file system has to write besides pages. */
struct writeback_source {
	/* Writes all that writeback_note() told of, and makes room for pages that could not be
	 * written (-EAGAIN). The thread, no locks; may sleep. */
	void (*flush)(struct writeback_source *s);
	/* mm/writeback.c's: */
	struct list link;
	uint64_t since; /* of the first note after the last flush; 0: none */
};
/* The thread knows s from now on; the first one starts it. 0 or -ENOMEM. Task context. */
int writeback_attach(struct writeback_source *s) MUST_CHECK;
/* The thread has nothing to do with s any more. Waits for it. */
void writeback_detach(struct writeback_source *s);
/* There is something to flush from now on. Any task context. */
void writeback_note(struct writeback_source *s);

#endif
