// SPDX-License-Identifier: MIT
// What slab.c and swap.c offer to tests beyond the kernel's headers.
#ifndef TESTS_MOCK_OBJECTS_H
#define TESTS_MOCK_OBJECTS_H

#include "mm/page.h"

unsigned mock_objects_out(void); /* slab and kmalloc objects not freed */
void mock_swap_reset(void);
unsigned mock_slots_used(void);
/* Does to p what the page daemon would: out of every map, contents to a slot, frame freed. True
 * when it is gone. */
bool mock_swap_out(struct page *p);
extern bool mock_swap_unreadable; /* swap_in answers -EIO */
extern void (*mock_on_swap_in)(
	void); /* called while a slot is being read: what others do meanwhile */

#endif
