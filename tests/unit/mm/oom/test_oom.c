// SPDX-License-Identifier: MIT
// From a task that finds nothing to the victim's memory back in the buddy: candidates, exemptions,
// sharers, the report, waiting for a victim.
// SOURCES: mm/aspace.c mm/area.c mm/label.c mm/zap.c mm/copies.c mm/huge.c mm/hugetlb.c mm/huge_pool.c mm/huge_object.c mm/share.c mm/fork.c mm/rmap.c mm/rmap_set.c mm/rmap_file.c mm/fault.c mm/fault_file.c mm/stack.c mm/map.c
// SOURCES: mm/commit.c
// SOURCES: mm/protect.c mm/remap.c mm/mlock.c mm/advise.c mm/advise_pages.c mm/object.c mm/object_evict.c mm/object_size.c mm/object_write.c mm/object_io.c mm/readahead.c mm/page.c
// SOURCES: mm/lru.c mm/evict.c mm/reclaim.c mm/scan.c mm/workingset.c mm/replace/replace.c mm/replace/refault.c mm/replace/clock.c mm/replace/fifo.c mm/replace/lfu.c mm/swap/slots.c mm/swap/swap.c mm/swap/ahead.c mm/swap/areas.c mm/swap/tiers.c mm/swap/pool.c mm/swap/codec.c mm/vmevent.c tests/mock/store.c
// SOURCES: mm/oom/oom.c mm/oom/collect.c mm/oom/score.c mm/oom/report.c mm/oom/reaper.c
// SOURCES: kernel/lib/rbtree.c kernel/lib/radix.c kernel/lib/format.c
// SOURCES: arch/arm64/pmap.c arch/arm64/pmap_share.c arch/arm64/pmap_fold.c arch/arm64/pte.c arch/arm64/tlb.c arch/arm64/asid.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c tests/mock/usercopy.c tests/mock/slab.c tests/mock/swap.c
// DEFINES: CONFIG_DEBUG=1
#define REAL_OOM
#include "tests/unit/mm/reclaim_test.h"

#include "kernel/process.h"
#include "mm/oom/oom.h"

#define MAX_PROCESSES 64

/* ---- Processes ---- */

static struct process processes[MAX_PROCESSES];
static unsigned count;
static bool tree_locked;
static unsigned killed;

void process_tree_lock(void)
{
	assert_false(tree_locked);
	tree_locked = true;
}

void process_tree_unlock(void)
{
	tree_locked = false;
}

struct process *process_find_locked(int pid)
{
	assert_true(tree_locked);
	for (unsigned i = 0; i < count; i++)
		if (processes[i].pid == pid)
			return &processes[i];
	return NULL;
}

int process_for_each_locked(int (*fn)(struct process *p, void *arg), void *arg)
{
	int ret = 0;

	assert_true(tree_locked);
	for (unsigned i = 0; i < count && ret == 0; i++)
		ret = fn(&processes[i], arg);
	return ret;
}

struct aspace *process_aspace(struct process *p)
{
	return p->leader->aspace != NULL ? aspace_get(p->leader->aspace) : NULL;
}

void signal_kill(struct process *p)
{
	p->exiting = true;
	killed++;
}

uint32_t slab_frames(void)
{
	return 0;
}

/* A process with `pages` resident pages; as NULL: an address space of its own. */
static struct process *process_with(const char *name, unsigned pages, struct aspace *as)
{
	struct process *p = &processes[count++];
	struct task *t = mock_task(name);

	assert_true(count <= MAX_PROCESSES);
	*p = (struct process){ .pid = (int)count, .leader = t, .start_time = count };
	list_init(&p->threads);
	list_push_back(&p->threads, &t->process_link);
	t->aspace = as != NULL ? aspace_use(as) : space();
	t->process = p;
	if (as == NULL && pages > 0) {
		map_at(t->aspace, BASE, pages * PAGE_SIZE, RW);
		run(t->aspace);
		fill(BASE, pages, 1);
		run(NULL);
	}
	return p;
}

static void process_gone(struct process *p)
{
	struct aspace *as = p->leader->aspace;

	p->leader->aspace = NULL;
	p->zombie = true;
	if (as != NULL)
		aspace_unuse(as);
}

static void all_gone(void)
{
	for (unsigned i = 0; i < count; i++)
		process_gone(&processes[i]);
	while (oom_reap_next())
		;
	count = killed = 0;
}

static struct oom_candidate table[OOM_CANDIDATES];

static const struct oom_candidate *find(unsigned n, int pid)
{
	for (unsigned i = 0; i < n; i++)
		if (table[i].pid == pid)
			return &table[i];
	return NULL;
}

static void test_collect(void **state)
{
	struct process *init = process_with("init", 1, NULL),
		       *sharer = process_with("vforked", 0, init->leader->aspace);
	struct process *small = process_with("small", 2, NULL),
		       *spared = process_with("spared", 9, NULL);
	struct process *rt = process_with("rt", 5, NULL),
		       *rt_unlocked = process_with("rt2", 5, NULL);
	struct process *zombie = process_with("zombie", 3, NULL);
	unsigned n, seen;

	(void)state;
	process_gone(zombie);
	spared->oom_score_adj = -1000;
	rt->leader->sched.policy = rt_unlocked->leader->sched.policy = SCHED_FIFO;
	rt->leader->aspace->locked_pages = 5;
	n = oom_collect(&oom_policy_linux, table, &seen);
	assert_int_equal(n, 6);
	assert_int_equal(seen, 6);
	assert_string_equal(find(n, init->pid)->exempt, "init");
	assert_string_equal(find(n, sharer->pid)->exempt, "init");
	assert_null(find(n, small->pid)->exempt);
	assert_int_equal(find(n, small->pid)->rss, 2);
	assert_string_equal(find(n, small->pid)->name, "small");
	assert_string_equal(find(n, spared->pid)->exempt, "oom_score_adj");
	assert_string_equal(find(n, rt->pid)->exempt, "real-time");
	assert_null(find(n, rt_unlocked->pid)->exempt);
	rt->leader->aspace->locked_pages = 0;
	all_gone();
}

/* More processes than places: the highest scores are kept. */
static void test_collect_many(void **state)
{
	unsigned n, seen;

	(void)state;
	process_with("init", 0, NULL);
	for (unsigned i = 0; i < MAX_PROCESSES - 1; i++)
		process_with("p", 1, NULL)->oom_score_adj = (int)((i * 37) % 63);
	n = oom_collect(&oom_policy_linux, table, &seen);
	assert_int_equal(n, OOM_CANDIDATES);
	assert_int_equal(seen, MAX_PROCESSES);
	for (unsigned i = 0; i < n; i++)
		assert_true(table[i].adj >= 63 - OOM_CANDIDATES);
	all_gone();
}

/* ---- A round ---- */

/* What the other threads do while somebody waits: the OOM thread decides; waits of its own let
 * the reaper work. */
static void others(void)
{
	static bool deciding;

	if (deciding) {
		(void)oom_reap_next();
		return;
	}
	deciding = true;
	oom_answer();
	deciding = false;
}

static void short_of_frames(void)
{
	watermarks = (struct watermarks){ .min = frames_free() + 1,
					  .low = frames_free() + 2,
					  .high = frames_free() + 3 };
	mock_on_block = others;
}

static void frames_again(void)
{
	watermarks = (struct watermarks){ 0, 0, 0 };
	mock_on_block = NULL;
}

static void test_kill(void **state)
{
	struct process *victim, *sharer, *bystander;
	uint64_t kills = vm_events(VM_OOM_KILL);

	(void)state;
	process_with("init", 1, NULL);
	bystander = process_with("bystander", 5, NULL);
	victim = process_with("hog", 20, NULL);
	sharer = process_with("sharer", 0, victim->leader->aspace);
	short_of_frames();
	watermarks.low = frames_free() + 10; /* the reaper brings 20 */
	assert_true(oom_kill(ALLOC_USER));
	assert_int_equal(killed, 2);
	assert_true(victim->leader->oom_victim && sharer->leader->oom_victim);
	assert_false(bystander->leader->oom_victim);
	while (oom_reap_next())
		;
	assert_int_equal(aspace_rss(victim->leader->aspace), 0);
	assert_int_equal(aspace_rss(bystander->leader->aspace), 5);
	assert_int_equal(vm_events(VM_OOM_KILL) - kills, 1);
	assert_non_null(strstr(mock_log(), "ends sharer"));
	assert_non_null(strstr(mock_log(), "init, spared: init"));
	assert_non_null(strstr(mock_log(), "took 80 KB back"));
	frames_again();
	all_gone();
}

/* A process that has the number of the one that was chosen, and is another, is not ended. */
static void test_another_of_that_number(void **state)
{
	struct process *p = process_with("new", 1, NULL);
	struct oom_candidate c = { .pid = p->pid, .start_time = p->start_time - 1 };
	struct aspace *as;

	(void)state;
	assert_null(oom_end(&c));
	assert_int_equal(killed, 0);
	c.start_time = p->start_time;
	as = oom_end(&c);
	assert_ptr_equal(as, p->leader->aspace);
	assert_int_equal(killed, 1);
	aspace_put(as);
	all_gone();
}

/* A victim that does not come to its end is waited for, but not for ever; then the next is ended;
 * at last there is nobody. */
static void test_stubborn_victim(void **state)
{
	struct process *first, *second;
	uint64_t start = time_now();

	(void)state;
	process_with("init", 1, NULL);
	first = process_with("first", 3, NULL);
	second = process_with("second", 2, NULL);
	short_of_frames();
	watermarks.low = watermarks.high = frames_free() + 1000;
	assert_true(oom_kill(0));
	assert_true(first->exiting && !second->exiting);
	assert_in_range(time_now() - start, NSEC_PER_SEC, 4 * NSEC_PER_SEC);
	assert_true(oom_kill(0));
	assert_true(second->exiting);
	assert_false(oom_kill(0));
	assert_int_equal(killed, 2);
	assert_non_null(strstr(mock_log(), "nobody may be ended"));
	frames_again();
	all_gone();
}

static void test_frames_came_meanwhile(void **state)
{
	(void)state;
	process_with("init", 1, NULL);
	process_with("hog", 20, NULL);
	watermarks = (struct watermarks){ 1, 2, 3 };
	mock_on_block = others;
	assert_true(oom_kill(ALLOC_USER));
	assert_int_equal(killed, 0);
	frames_again();
	all_gone();
}

/* Somebody dies already: it gets the reserve and is reaped, nobody else is ended. */
static void test_dying(void **state)
{
	struct process *dying;

	(void)state;
	process_with("init", 1, NULL);
	process_with("hog", 20, NULL);
	dying = process_with("dying", 3, NULL);
	dying->exiting = true;
	short_of_frames();
	assert_true(oom_kill(ALLOC_USER));
	assert_true(dying->leader->oom_victim);
	assert_false(processes[1].exiting);
	frames_again();
	all_gone();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_collect),
		TEST(test_collect_many),
		TEST(test_kill),
		TEST(test_another_of_that_number),
		TEST(test_stubborn_victim),
		TEST(test_frames_came_meanwhile),
		TEST(test_dying),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
