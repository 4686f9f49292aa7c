// SPDX-License-Identifier: MIT
// What kernel/block.c and kernel/block_queue.c need around them in a test: a thread that the test
// runs by block_queue_turn(), and device nodes.
#include "kernel/block_internal.h"
#include "kernel/errno.h"
#include "mm/slab.h"
#include "tests/mock/block_layer.h"
#include "tests/mock/mock.h"

unsigned mock_block_nodes;

struct task *task_create_kernel(const char *name, void (*fn)(void *arg), void *arg, int policy,
				int priority)
{
	(void)fn, (void)arg, (void)policy, (void)priority;
	if (mock_alloc_should_fail())
		return ERR_PTR(-ENOMEM);
	return mock_task(name);
}

void sched_boost(struct task *t, int prio)
{
	t->sched.boost = prio;
}

struct block_node {
	int unused;
};

struct block_node *block_node_alloc(struct block_device *of)
{
	(void)of;
	return kmalloc(sizeof(struct block_node), 0);
}

void block_node_free(struct block_node *n)
{
	kfree(n);
}

void block_node_show(struct block_node *n)
{
	kfree(n);
	mock_block_nodes++;
}

void mock_block_turns(struct block_device *d)
{
	while (d->queue->events)
		block_queue_turn(d->queue);
}
