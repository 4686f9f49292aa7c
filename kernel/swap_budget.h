// SPDX-License-Identifier: MIT
#ifndef KERNEL_SWAP_BUDGET_H
#define KERNEL_SWAP_BUDGET_H

struct medium;

/* Takes the write budget of all areas from the command line. Once, before there is one. */
void swap_budget_boot(void);
/* Gives a medium that is about to be swapped to the budget that the command line has for it alone,
 * if it has. */
void swap_budget_attach(struct medium *m);
/* "NAME BUDGET" for the area of that name; "NAME default": what holds for all. Takes text apart. 0,
 * -EINVAL, -ENODEV. May sleep. */
int swap_budget_change(char *text);

#endif
