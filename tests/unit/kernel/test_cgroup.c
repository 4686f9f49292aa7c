// SPDX-License-Identifier: MIT
// SOURCES: kernel/cgroup.c kernel/cgroup_members.c mm/memcg.c kernel/lib/format.c tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c tests/mock/slab.c
// DEFINES: CONFIG_DEBUG=1
// The tree of groups: random forks, ends, moves, removals and changes of controllers against the
// sums of cgroup.c (1) to (3); each errno.
#include "tests/mock/mock.h"

#include <linux/capability.h>
#include <string.h>

#include "kernel/cgroup.h"
#include "kernel/errno.h"
#include "mm/memcg_internal.h"
#include "mm/slab.h"

#define PROCESSES 40
#define TREE      12
#define THREADS   16

static struct process processes[PROCESSES];    /* pid 0: not there */
static struct task tasks[PROCESSES];           /* each one's leader; tid: index + 1 */
static struct task others[PROCESSES][THREADS]; /* process NULL: not there */
static struct cred cred;
static unsigned killed;
static bool tree_locked;
static uint32_t seed;

/* The C library's would bring types that the kernel's headers have, too. */
static unsigned draw(void)
{
	seed = seed * 1664525 + 1013904223;
	return seed >> 8;
}

void process_tree_lock(void)
{
	assert_false(tree_locked);
	tree_locked = true;
}

void process_tree_unlock(void)
{
	assert_true(tree_locked);
	tree_locked = false;
}

int process_for_each_locked(int (*fn)(struct process *p, void *arg), void *arg)
{
	int err = 0;

	assert_true(tree_locked);
	for (unsigned i = 0; i < PROCESSES && err == 0; i++)
		if (processes[i].pid != 0)
			err = fn(&processes[i], arg);
	return err;
}

struct task *task_find_locked(int tid)
{
	assert_true(tree_locked);
	return tid > 0 && tid <= PROCESSES && processes[tid - 1].pid != 0 ? &tasks[tid - 1] : NULL;
}

bool cred_in_group(const struct cred *c, uint32_t gid)
{
	return c->fsgid == gid;
}

void signal_kill(struct process *p)
{
	(void)p;
	killed++;
}

void cgroup_oom_init(void) {}

static unsigned measures; /* groups' */
static int no_psi;        /* psi_create's error */

int psi_create(struct psi *p, struct psi *parent)
{
	if (no_psi)
		return no_psi;
	*p = (struct psi){ .parent = parent };
	measures++;
	return 0;
}

/* Nothing may point there any more. */
void psi_destroy(struct psi *p)
{
	assert_true(measures-- > 0);
	for (unsigned i = 0; i < PROCESSES; i++)
		assert_true(processes[i].pid == 0 || tasks[i].sched.psi != p);
	p->parent = NULL;
}

void psi_move(struct task *t, struct psi *to)
{
	assert_true(tree_locked);
	t->sched.psi = to->parent != NULL ? to : NULL;
}

/* No frames carry anything here. */
void memcg_hand_over(struct memcg *m, struct memcg *heir)
{
	(void)heir;
	assert_int_equal(m->own, 0);
}

bool memcg_check(void)
{
	return true;
}

int memcg_make_room(struct memcg *over, unsigned flags, unsigned *tries)
{
	(void)over, (void)flags, (void)tries;
	return -ENOMEM;
}

void memcg_relieve(void) {}

/* ---- Processes ---- */

static void enter(struct process *p, struct process *parent)
{
	struct task *t = &tasks[p - processes];

	*p = (struct process){ .pid = (int)(p - processes) + 1 };
	*t = (struct task){ .process = p, .cred = &cred };
	list_init(&p->threads);
	list_push_back(&p->threads, &t->process_link);
	p->nr_threads = 1;
	if (parent == NULL) {
		cgroup_init();
		cgroup_add_first(p);
	}
}

static int move(struct cgroup *g, int tid)
{
	return cgroup_move(g, tid, false, &cred);
}

/* fork into g: the new process, or NULL when it is refused. */
static struct process *born_in(struct cgroup *g, struct process *parent)
{
	struct process *p = processes;
	int err;

	while (p->pid != 0)
		p++;
	enter(p, parent);
	process_tree_lock();
	err = cgroup_task_joins_locked(p, g);
	if (err == 0)
		cgroup_measure_locked(&tasks[p - processes], p->cgroup);
	process_tree_unlock();
	if (err == 0)
		return p;
	assert_int_equal(err, -EAGAIN);
	assert_null(p->cgroup);
	p->pid = 0;
	return NULL;
}

static struct process *born(struct process *parent)
{
	return born_in(parent->cgroup, parent);
}

static void thread_begins(struct process *p)
{
	struct task *t = others[p - processes];

	while (t->process != NULL)
		t++;
	process_tree_lock();
	if (cgroup_task_joins_locked(p, p->cgroup) == 0) {
		*t = (struct task){ .process = p };
		list_push_back(&p->threads, &t->process_link);
		p->nr_threads++;
		cgroup_measure_locked(t, p->cgroup);
	}
	process_tree_unlock();
}

/* The one that is there longest, so the leader before the others. */
static void thread_ends(struct process *p)
{
	struct task *t = list_first(&p->threads, struct task, process_link);

	process_tree_lock();
	list_remove(&t->process_link);
	p->nr_threads--;
	cgroup_task_ended_locked(p);
	cgroup_measure_locked(t, &cgroup_root);
	if (t != &tasks[p - processes]) {
		cgroup_task_left_locked(p);
		t->process = NULL;
	}
	if (p->nr_threads == 0) {
		p->zombie = true;
		cgroup_process_ended_locked(p);
	}
	process_tree_unlock();
}

static void ends(struct process *p)
{
	while (!p->zombie)
		thread_ends(p);
}

static void reaped(struct process *p)
{
	process_tree_lock();
	cgroup_task_left_locked(p);
	process_tree_unlock();
	cgroup_put(p->cgroup);
	p->pid = 0;
}

static int setup(void **state)
{
	int err = mock_setup(state);

	memset(processes, 0, sizeof(processes));
	memset(&cred, 0, sizeof(cred));
	cred.caps.effective = (uint64_t)1 << CAP_DAC_OVERRIDE;
	killed = 0;
	enter(&processes[0], NULL);
	current()->process = &processes[0];
	current()->cred = &cred;
	return err;
}

static int teardown(void **state)
{
	for (unsigned i = 0; i < PROCESSES; i++)
		if (processes[i].pid != 0 && !processes[i].zombie)
			ends(&processes[i]);
	for (unsigned i = 0; i < PROCESSES; i++)
		if (processes[i].pid != 0)
			reaped(&processes[i]);
	assert_int_equal(cgroup_set_control(&cgroup_root, 0, CGROUP_CONTROLLERS), 0);
	assert_int_equal(cgroup_root.populated, 0);
	assert_int_equal(cgroup_root.pids.now, 0);
	assert_int_equal(cgroup_root.refs, 1);
	assert_int_equal(cgroup_root.descendants, 0);
	assert_int_equal(measures, 0);
	cgroup_root.pids.peak = 0;
	memcg_forget();
	return mock_teardown(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static const struct cgroup_owner root_owner = { 0, 0, 0755 };

static struct cgroup *make(struct cgroup *parent, const char *name)
{
	struct cgroup *g = NULL;

	assert_int_equal(cgroup_create(parent, name, strlen(name), &root_owner, &g), 0);
	cgroup_put(g); /* the tree has it */
	return g;
}

/* ---- Sums ---- */

static struct memcg *payer_of(struct cgroup *g)
{
	for (; g->parent != NULL; g = g->parent)
		if (g->memory.id != 0)
			return &g->memory;
	return NULL;
}

static void check_group(struct cgroup *g)
{
	uint32_t tasks_in = 0, living = 0, below = 0, paid = 0;
	struct cgroup *child;
	struct task *t;

	for (unsigned i = 0; i < PROCESSES; i++) {
		struct process *p = &processes[i];

		if (p->pid == 0 || !cgroup_is_below(p->cgroup, g))
			continue;
		list_for_each (t, &p->threads, process_link)
			assert_ptr_equal(t->sched.psi,
					 p->cgroup == &cgroup_root ? NULL : &p->cgroup->psi);
		tasks_in += p->nr_tasks;
		living += !p->zombie;
		if (g->memory.id != 0 && payer_of(p->cgroup) == &g->memory)
			paid += p->nr_threads;
		if (!p->zombie && payer_of(p->cgroup) == &g->memory)
			assert_int_equal(p->memory_group, g->memory.id);
		if (p->zombie)
			assert_int_equal(p->memory_group, 0);
	}
	assert_int_equal(g->pids.now, tasks_in);
	assert_int_equal(g->populated, living);
	assert_int_equal(g->memory.tasks, paid);
	assert_int_equal(g->memory.id != 0, g->parent != NULL && (g->parent->control & 1));
	list_for_each (child, &g->children, sibling) {
		check_group(child);
		below += 1 + child->descendants;
	}
	assert_int_equal(g->descendants, below);
}

static struct cgroup *any_group(void)
{
	struct cgroup *g = &cgroup_root;

	while (draw() % 3 != 0 && !list_empty(&g->children)) {
		struct cgroup *child, *next = NULL;
		unsigned n = draw() % 3;

		list_for_each (child, &g->children, sibling)
			if (next == NULL || n-- > 0)
				next = child;
		g = next;
	}
	return g;
}

static struct process *any_process(bool zombie)
{
	for (unsigned tries = 0; tries < 20; tries++) {
		struct process *p = &processes[1 + draw() % (PROCESSES - 1)];

		if (p->pid != 0 && p->zombie == zombie)
			return p;
	}
	return zombie ? NULL : &processes[0];
}

static unsigned living(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < PROCESSES; i++)
		n += processes[i].pid != 0;
	return n;
}

static void step(void)
{
	struct process *p = any_process(false), *z = any_process(true);
	struct cgroup *g = any_group(), *made;
	int err;

	switch (draw() % 9) {
	case 0:
		current()->process = p;
		process_tree_lock();
		err = draw() % 2 ? cgroup_may_start_locked(g, false) : -EBUSY;
		process_tree_unlock();
		current()->process = &processes[0];
		if (living() < PROCESSES)
			(void)born_in(err == 0 ? g : p->cgroup, p);
		break;
	case 1:
		if (p->nr_threads < THREADS)
			thread_begins(p);
		break;
	case 2:
		if (p->nr_threads > 1)
			thread_ends(p);
		break;
	case 3:
		if (p != &processes[0])
			ends(p);
		break;
	case 4:
		if (z != NULL)
			reaped(z);
		break;
	case 5:
		err = move(g, p->pid);
		assert_int_equal(err,
				 g->parent != NULL && (g->control & CGROUP_MEMORY) ? -EBUSY : 0);
		break;
	case 6:
		if (cgroup_root.descendants < TREE &&
		    cgroup_create(g, "g", 1, &root_owner, &made) == 0)
			cgroup_put(made);
		break;
	case 7:
		if (g->parent != NULL) {
			bool busy = g->processes > 0 || !list_empty(&g->children);

			assert_int_equal(cgroup_remove(g), busy ? -EBUSY : 0);
		}
		break;
	default:
		(void)!cgroup_set_control(g, draw() % 4, 0);
		(void)!cgroup_set_control(g, 0, draw() % 4);
	}
}

static void test_random(void **state)
{
	(void)state;
	seed = 3;
	for (unsigned i = 0; i < 20000; i++) {
		step();
		check_group(&cgroup_root);
		if (i % 64 == 0)
			cgroup_check();
	}
	cgroup_root.memory.tasks++;
	mock_expect_panic("groups:", cgroup_check());
	cgroup_root.memory.tasks--;
	for (unsigned i = 1; i < PROCESSES; i++)
		if (processes[i].pid != 0 && !processes[i].zombie)
			assert_int_equal(move(&cgroup_root, (int)i + 1), 0);
	assert_int_equal(move(&cgroup_root, 1), 0);
	for (unsigned left = 1000; cgroup_root.descendants > 0; left--) {
		struct cgroup *g = any_group();

		assert_true(left > 0);
		if (g->parent != NULL)
			(void)!cgroup_set_control(g, 0, CGROUP_CONTROLLERS);
		if (g->parent != NULL)
			(void)!cgroup_remove(g);
	}
}

/* ---- Limits, kills, rights, names ---- */

static void test_pids(void **state)
{
	struct cgroup *a = make(&cgroup_root, "a"), *b = make(a, "b");
	struct process *p;

	(void)state;
	assert_int_equal(move(b, 1), 0);
	a->pids.max = 2;
	p = born(&processes[0]);
	assert_non_null(p);
	assert_int_equal(cgroup_may_fork(NULL, false), -EAGAIN);
	assert_null(born(p));
	assert_int_equal(a->pids.met, 2);
	assert_int_equal(move(&cgroup_root, 1), 0);
	assert_int_equal(cgroup_may_fork(NULL, false), 0);
	assert_int_equal(move(b, 1), 0); /* a move is not limited */
	assert_int_equal(a->pids.met, 2);
	assert_int_equal(a->pids.peak, 2);
	a->pids.max = 1; /* below what there is: no more, nobody goes */
	assert_null(born(p));
	ends(p);
	assert_null(born(&processes[0])); /* a zombie counts */
	reaped(p);
	a->pids.max = CGROUP_NO_LIMIT;
	assert_int_equal(cgroup_may_fork(NULL, false), 0);
	assert_int_equal(move(&cgroup_root, 1), 0);
	assert_int_equal(cgroup_remove(b), 0);
	assert_int_equal(cgroup_remove(a), 0);
}

static void test_events_and_kill(void **state)
{
	struct cgroup *a = make(&cgroup_root, "a"), *b = make(a, "b");
	struct process *p = born(&processes[0]), *q = born(&processes[0]);

	(void)state;
	assert_int_equal(a->events, 0);
	assert_int_equal(move(b, p->pid), 0);
	assert_int_equal(a->events, 1);
	assert_int_equal(move(a, q->pid), 0);
	assert_int_equal(a->events, 1);
	assert_int_equal(cgroup_remove(b), -EBUSY);
	cgroup_kill(b);
	assert_int_equal(killed, 1);
	cgroup_kill(a);
	assert_int_equal(killed, 3);
	cgroup_kill(&cgroup_root); /* not process 1 */
	assert_int_equal(killed, 5);
	ends(p);
	ends(q);
	assert_int_equal(a->events, 2);
	assert_int_equal(move(a, p->pid), 0); /* nothing to be moved, and nothing is */
	assert_ptr_equal(p->cgroup, b);
	assert_int_equal(move(a, 30), -ESRCH);
	assert_int_equal(cgroup_remove(a), -EBUSY); /* b */
	assert_int_equal(cgroup_remove(b), 0);      /* a zombie is no member */
	assert_int_equal(cgroup_remove(a), 0);
}

/* A child may start where its parent may write and move it; a thread where its process is. */
static void test_start(void **state)
{
	struct cgroup *a = make(&cgroup_root, "a");

	(void)state;
	assert_int_equal(cgroup_move(&cgroup_root, 1, true, &cred), 0);
	assert_int_equal(cgroup_move(a, 1, true, &cred), -EOPNOTSUPP);
	assert_int_equal(cgroup_may_start_locked(a, true), -EOPNOTSUPP);
	assert_int_equal(cgroup_may_start_locked(&cgroup_root, true), 0);
	assert_int_equal(cgroup_may_start_locked(a, false), 0);
	cred.caps.effective = 0;
	a->owners[CGROUP_OWNER_PROCS].uid = 5;
	assert_int_equal(cgroup_may_start_locked(a, false), -EACCES);
	a->owners[CGROUP_OWNER_PROCS].uid = 0;
	cgroup_root.owners[CGROUP_OWNER_PROCS].uid = 5;
	assert_int_equal(cgroup_may_start_locked(a, false), -EACCES);
	assert_int_equal(cgroup_may_fork(a, false), -EACCES);
	cgroup_root.owners[CGROUP_OWNER_PROCS].uid = 0;
	a->pids.max = 0;
	assert_int_equal(cgroup_may_fork(a, false), -EAGAIN);
	cgroup_get(a);
	assert_int_equal(cgroup_remove(a), 0);
	assert_int_equal(cgroup_may_start_locked(a, false), -ENODEV);
	cgroup_put(a);
}

/* Who was given a part of the tree moves processes within it, not into it. */
static void test_rights(void **state)
{
	struct cgroup *a = make(&cgroup_root, "a"), *b = make(a, "b"), *c = make(a, "c");
	struct process *p = born(&processes[0]);

	(void)state;
	a->owners[CGROUP_OWNER_PROCS].uid = 5;
	cred.caps.effective = 0;
	cred.fsuid = 5;
	assert_int_equal(move(b, p->pid), -EACCES);
	cred.fsuid = 0;
	assert_int_equal(move(b, p->pid), 0);
	cred.fsuid = 5;
	assert_int_equal(move(c, p->pid), 0);
	assert_int_equal(move(&cgroup_root, p->pid), -EACCES);
	cred.fsuid = 0;
	assert_int_equal(move(&cgroup_root, p->pid), 0);
	assert_int_equal(cgroup_remove(b), 0);
	assert_int_equal(cgroup_remove(c), 0);
	assert_int_equal(cgroup_remove(a), 0);
}

static void test_tree(void **state)
{
	struct cgroup *line[MEMCG_DEPTH + 1] = { &cgroup_root }, *g;
	char path[64];

	(void)state;
	for (unsigned i = 1; i <= MEMCG_DEPTH; i++)
		line[i] = make(line[i - 1], "x");
	assert_int_equal(cgroup_create(line[MEMCG_DEPTH], "x", 1, &root_owner, &g), -EAGAIN);
	assert_int_equal(cgroup_create(&cgroup_root, "a\nb", 3, &root_owner, &g), -EINVAL);
	line[2]->max_depth = 3;
	assert_int_equal(cgroup_create(line[5], "y", 1, &root_owner, &g), -EAGAIN);
	g = make(line[4], "y");
	assert_int_equal(cgroup_path_locked(g, path, sizeof(path)), 10);
	assert_string_equal(path, "/x/x/x/x/y");
	assert_int_equal(cgroup_path_locked(g, path, 4), 10);
	assert_string_equal(path, "/x/");
	assert_ptr_equal(cgroup_child(line[4], "y", 1, 0), g);
	assert_int_equal(cgroup_remove(g), 0);
	assert_int_equal(cgroup_create(g, "z", 1, &root_owner, &line[0]), -ENOENT);
	assert_int_equal(move(g, 1), -ENODEV);
	assert_int_equal(cgroup_set_control(g, 0, 0), -ENODEV);
	cgroup_put(g);
	cgroup_root.max_descendants = MEMCG_DEPTH;
	assert_int_equal(cgroup_create(&cgroup_root, "z", 1, &root_owner, &g), -EAGAIN);
	cgroup_root.max_descendants = CGROUP_NO_LIMIT;
	for (unsigned i = MEMCG_DEPTH; i > 0; i--)
		assert_int_equal(cgroup_remove(line[i]), 0);
}

static void test_control(void **state)
{
	struct cgroup *a = make(&cgroup_root, "a"), *b = make(a, "b");

	(void)state;
	assert_int_equal(cgroup_set_control(a, CGROUP_MEMORY, 0), -ENOENT);
	assert_int_equal(cgroup_set_control(&cgroup_root, CGROUP_CONTROLLERS, 0), 0);
	assert_int_equal(move(a, 1), 0);
	assert_int_equal(processes[0].memory_group, a->memory.id);
	assert_int_equal(cgroup_set_control(a, CGROUP_MEMORY, 0), -EBUSY);
	assert_int_equal(cgroup_set_control(a, CGROUP_PIDS, 0), 0);
	assert_int_equal(cgroup_set_control(&cgroup_root, 0, CGROUP_PIDS), -EBUSY);
	assert_int_equal(move(b, 1), 0);
	assert_int_equal(a->memory.tasks, 1); /* b has no memory controller */
	assert_int_equal(cgroup_set_control(a, CGROUP_MEMORY, 0), 0);
	assert_int_equal(a->memory.tasks, 0);
	assert_int_equal(b->memory.tasks, 1);
	assert_int_equal(a->memory.usage, MEMCG_TASK_FRAMES);
	assert_int_equal(move(a, 1), -EBUSY);
	b->pids.max = 4;
	assert_int_equal(cgroup_set_control(a, 0, CGROUP_CONTROLLERS), 0);
	assert_int_equal(b->pids.max, CGROUP_NO_LIMIT);
	assert_int_equal(b->memory.id, 0);
	assert_int_equal(processes[0].memory_group, a->memory.id);
	mock_fail_allocation(1);
	assert_int_equal(cgroup_create(a, "c", 1, &root_owner, &b), -ENOMEM);
	mock_fail_allocation(0);
	b = cgroup_child(a, "b", 1, 0);
	cgroup_put(b);
	assert_int_equal(move(&cgroup_root, 1), 0);
	assert_int_equal(cgroup_remove(b), 0);
	assert_int_equal(cgroup_remove(a), 0);
}

/* What an open file shows stays; the last such takes it along. */
static void test_pressure(void **state)
{
	struct cgroup *a = make(&cgroup_root, "a"), *g;

	(void)state;
	assert_ptr_equal(cgroup_psi_open(&cgroup_root), &psi_machine);
	cgroup_psi_close(&cgroup_root);
	cgroup_get(a);
	assert_ptr_equal(cgroup_psi_open(a), &a->psi);
	assert_ptr_equal(cgroup_psi_open(a), &a->psi);
	assert_int_equal(cgroup_remove(a), 0);
	assert_null(cgroup_psi_open(a));
	cgroup_psi_close(a);
	assert_int_equal(measures, 1);
	cgroup_psi_close(a);
	assert_int_equal(measures, 0);
	cgroup_put(a);
	no_psi = -ENOMEM;
	assert_int_equal(cgroup_create(&cgroup_root, "a", 1, &root_owner, &g), -ENOMEM);
	no_psi = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_random),   TEST(test_pids),  TEST(test_events_and_kill),
		TEST(test_rights),   TEST(test_tree),  TEST(test_control),
		TEST(test_pressure), TEST(test_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
