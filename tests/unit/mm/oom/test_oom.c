// SPDX-License-Identifier: MIT
// From a task that finds nothing to the victim's memory back in the buddy: candidates, exemptions,
// sharers, the report, waiting for a victim.
// SOURCES: mm/aspace.c mm/area.c mm/label.c mm/zap.c mm/copies.c mm/huge.c mm/hugetlb.c mm/huge_pool.c mm/huge_object.c mm/share.c mm/fork.c mm/rmap.c mm/rmap_set.c mm/rmap_file.c mm/fault.c mm/parallel.c mm/fault_file.c mm/stack.c mm/map.c
// SOURCES: mm/commit.c
// SOURCES: mm/protect.c mm/remap.c mm/mlock.c mm/advise.c mm/advise_pages.c mm/object.c mm/object_evict.c mm/object_size.c mm/object_write.c mm/object_io.c mm/readahead.c mm/page.c
// SOURCES: mm/lru.c mm/evict.c mm/reclaim.c mm/scan.c mm/workingset.c mm/replace/replace.c mm/replace/refault.c mm/replace/clock.c mm/replace/fifo.c mm/replace/lfu.c mm/swap/slots.c mm/swap/swap.c mm/swap/ahead.c mm/swap/areas.c mm/swap/tiers.c mm/swap/pool.c mm/swap/codec.c mm/vmevent.c tests/mock/store.c
// SOURCES: mm/oom/oom.c mm/oom/collect.c mm/oom/end.c mm/oom/policy.c mm/oom/linux.c mm/oom/priority.c mm/oom/newest.c mm/oom/panic.c mm/oom/report.c mm/oom/record.c mm/oom/reaper.c
// SOURCES: kernel/lib/rbtree.c kernel/lib/radix.c kernel/lib/format.c
// SOURCES: arch/arm64/pmap.c arch/arm64/pmap_share.c arch/arm64/pmap_fold.c arch/arm64/pte.c arch/arm64/tlb.c arch/arm64/asid.c
// SOURCES: tests/mock/machine.c tests/mock/kernel.c tests/mock/frames.c tests/mock/usercopy.c tests/mock/slab.c tests/mock/swap.c
// DEFINES: CONFIG_DEBUG=1
#define REAL_OOM
#include "tests/unit/mm/reclaim_test.h"

#include "kernel/process.h"
#include "mm/oom/oom.h"

extern const struct oom_policy oom_policy_linux;

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

static bool dies_at_once; /* on another CPU, before whoever killed it goes on */

void signal_kill(struct process *p)
{
	p->exiting = true;
	killed++;
	if (dies_at_once)
		assert_int_equal(aspace_unmap(p->leader->aspace, BASE, 5 * PAGE_SIZE), 0);
}

static jmp_buf restarted;

void log_flush(void) {}

int sched_set(struct task *t, int policy, int rt_priority, int nice)
{
	t->sched.policy = policy;
	t->sched.rt_priority = rt_priority;
	t->sched.nice = nice;
	return 0;
}

NORETURN void machine_reset(void)
{
	longjmp(restarted, 1);
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

bool process_runs_on(struct process *p, const struct aspace *as)
{
	return p->leader->aspace == as;
}

uint32_t kstack_frames(void)
{
	return 4;
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
	oom_record_forget();
	count = killed = 0;
}

/* ---- Groups: a process's is numbered by exit_signal, 0 the root; group 2 lies in 1 ---- */

struct cgroup {
	int number, parent;
	bool whole;
	uint64_t room;
	int refs, kills;
};

static struct cgroup groups[] = { { .number = 0, .parent = -1 },
				  { .number = 1 },
				  { .number = 2, .parent = 1 } };

static void group_get(struct cgroup *g)
{
	g->refs++;
}

static void group_put(struct cgroup *g)
{
	g->refs--;
}

static bool group_holds(const struct cgroup *g, const struct process *p)
{
	for (int n = p->exit_signal; n >= 0; n = groups[n].parent)
		if (n == g->number)
			return true;
	return false;
}

static struct cgroup *group_unit(const struct process *p, const struct cgroup *top)
{
	struct cgroup *unit = NULL;

	for (int n = p->exit_signal; n > 0; n = groups[n].parent) {
		if (groups[n].whole)
			unit = &groups[n];
		if (&groups[n] == top)
			break;
	}
	return unit;
}

static void group_killed(struct process *p)
{
	groups[p->exit_signal].kills++;
}

static uint64_t group_limit(const struct cgroup *g)
{
	(void)g;
	return 100;
}

static uint64_t group_room(const struct cgroup *g)
{
	return g->room;
}

static void group_path(const struct process *p, char *buf, size_t size)
{
	snprintf(buf, size, "/group%d", p->exit_signal);
}

static bool group_describe(const struct cgroup **g, char *buf, size_t size)
{
	if (*g == NULL || (*g)->number == 0)
		return false;
	snprintf(buf, size, "/group%d: limits", (*g)->number);
	*g = &groups[(*g)->parent];
	return true;
}

static const struct oom_groups group_ops = { group_get,  group_put,    group_holds,
					     group_unit, group_killed, group_limit,
					     group_room, group_path,   group_describe };

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
		       *rt_unlocked = process_with("rt2", 5, NULL),
		       *deadline = process_with("deadline", 5, NULL),
		       *vforked = process_with("spawned", 0, rt->leader->aspace);
	struct process *zombie = process_with("zombie", 3, NULL);
	struct oom_left_out left;
	unsigned n;

	(void)state;
	process_gone(zombie);
	spared->oom_score_adj = -1000;
	rt->leader->sched.policy = rt_unlocked->leader->sched.policy = SCHED_FIFO;
	deadline->leader->sched.policy = SCHED_DEADLINE;
	rt->leader->aspace->locked_pages = deadline->leader->aspace->locked_pages = 5;
	n = oom_collect(&oom_policy_linux, NULL, table, &left);
	assert_int_equal(n, 8);
	assert_int_equal(left.processes[0] + left.processes[1], 0);
	assert_string_equal(find(n, vforked->pid)->exempt, "shares memory");
	assert_string_equal(find(n, init->pid)->exempt, "init");
	assert_string_equal(find(n, sharer->pid)->exempt, "shares memory");
	assert_null(find(n, small->pid)->exempt);
	assert_int_equal(find(n, small->pid)->rss, 2);
	assert_string_equal(find(n, small->pid)->name, "small");
	assert_string_equal(find(n, spared->pid)->exempt, "oom_score_adj");
	assert_string_equal(find(n, rt->pid)->exempt, "real-time");
	assert_null(find(n, rt_unlocked->pid)->exempt);
	assert_string_equal(find(n, deadline->pid)->exempt, "real-time");
	assert_true(find(n, deadline->pid)->urgency > find(n, rt->pid)->urgency);
	/* What /proc/PID/oom_score asks. */
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(oom_spares(&processes[table[i].pid - 1]), table[i].exempt != NULL);
	assert_true(oom_spares(zombie));
	rt->leader->aspace->locked_pages = deadline->leader->aspace->locked_pages = 0;
	all_gone();
}

/* More processes than places: the highest scores are kept, and of those who are exempt the largest,
 * as many as have a place; the others are counted. */
static void test_collect_many(void **state)
{
	struct oom_left_out left;
	unsigned n, exempt = 0;

	(void)state;
	process_with("init", 1, NULL);
	for (unsigned i = 1; i < MAX_PROCESSES; i++) {
		bool spared = i % 3 == 0;

		process_with("p", spared ? i / 3 : 1, NULL)->oom_score_adj =
			spared ? -1000 : (int)((i * 37) % 63);
	}
	n = oom_collect(&oom_policy_linux, NULL, table, &left);
	assert_int_equal(n, OOM_CANDIDATES);
	for (unsigned i = 0; i < n; i++) {
		exempt += table[i].exempt != NULL;
		if (table[i].exempt != NULL)
			assert_true(table[i].rss > 21 - OOM_EXEMPT);
	}
	assert_int_equal(exempt, OOM_EXEMPT);
	/* 22 are exempt, init and 21 of 1 to 21 pages; 42 others have a place for 36. */
	assert_int_equal(left.processes[1], 22 - OOM_EXEMPT);
	assert_int_equal(left.processes[0], 42 - (OOM_CANDIDATES - OOM_EXEMPT));
	assert_in_range(left.pages[1], 1 + 9 * 10 / 2, 1 + 9 * 10 / 2 + 10 * 3); /* with tables */
	for (unsigned i = 1; i < MAX_PROCESSES; i++)
		if (i % 3 != 0 && find(n, (int)i + 1) == NULL)
			for (unsigned k = 0; k < n; k++)
				assert_true(table[k].exempt != NULL ||
					    table[k].adj >= processes[i].oom_score_adj);
	all_gone();
}

/* With nobody else there all places are theirs; who may be chosen always has one. */
static void test_collect_exempt(void **state)
{
	struct oom_left_out left;
	unsigned n;

	(void)state;
	for (unsigned i = 0; i < MAX_PROCESSES; i++)
		process_with("p", 1, NULL)->oom_score_adj = i == 40 || i == 60 ? 0 : -1000;
	n = oom_collect(&oom_policy_linux, NULL, table, &left);
	assert_int_equal(n, OOM_CANDIDATES);
	assert_non_null(find(n, 41));
	assert_non_null(find(n, 61));
	assert_int_equal(left.processes[0], 0);
	assert_int_equal(left.processes[1], MAX_PROCESSES - OOM_CANDIDATES);
	oom_set_groups(&group_ops);
	oom_report(&(struct oom_request){ .name = "asks",
					  .alloc_flags = ALLOC_USER | 2 << ALLOC_ORDER_SHIFT },
		   oom_policy(), table, n, &left, OOM_NOBODY);
	assert_non_null(strstr(mock_log(), "needs 16 KB for its program (order 2, flags 0x8)"));
	assert_non_null(strstr(mock_log(), "and 16 more that are spared"));
	assert_null(strstr(mock_log(), "lower scores"));
	oom_set_groups(NULL);
	all_gone();
}

/* ---- A round ---- */

/* What the other threads do while somebody waits: the OOM thread decides; waits of its own let
 * the reaper work, and the page daemon where it has something to write. */
static int reaped_at; /* the reaper's priority when it last worked */
static bool writes;

static void others(void)
{
	static bool deciding;

	if (deciding) {
		reaped_at = daemon_task->sched.boost;
		(void)oom_reap_next();
		if (writes)
			(void)reclaim_round(true);
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
	watermarks = (struct watermarks){ 0 };
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
	assert_true(oom_kill(ALLOC_USER, NULL));
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
	assert_non_null(
		strstr(mock_log(), "Killed process 4 (sharer) total-vm:80kB, anon-rss:80kB"));
	assert_non_null(strstr(mock_log(), "; 80 KB unmapped, 80 by the reaper"));
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
	assert_null(oom_end(&c, NULL));
	assert_int_equal(killed, 0);
	c.start_time = p->start_time;
	as = oom_end(&c, NULL);
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
	assert_true(oom_kill(0, NULL));
	assert_true(first->exiting && !second->exiting);
	assert_in_range(time_now() - start, NSEC_PER_SEC, 4 * NSEC_PER_SEC);
	assert_true(oom_kill(0, NULL));
	assert_true(second->exiting);
	assert_false(oom_kill(0, NULL));
	assert_int_equal(killed, 2);
	assert_non_null(strstr(mock_log(), "nobody may be ended"));
	/* Who asks again and again does not push this report out of the log. */
	mock_log_clear();
	for (int i = 0; i < 50; i++)
		assert_false(oom_kill(0, NULL));
	assert_null(strstr(mock_log(), "oom:"));
	mock_time_advance(10 * NSEC_PER_SEC);
	assert_false(oom_kill(0, NULL));
	assert_non_null(strstr(mock_log(), "50 more were refused"));
	assert_non_null(strstr(mock_log(), "nobody may be ended"));
	frames_again();
	all_gone();
}

/* Who asks is real-time: it waits for a victim no longer than that has something, needs no more
 * than ordinary tasks leave, and the reaper has its priority. */
static void test_realtime_asks(void **state)
{
	struct process *first, *second;
	uint64_t start = time_now();

	(void)state;
	process_with("init", 1, NULL);
	first = process_with("first", 280, NULL);
	second = process_with("second", 270, NULL);
	short_of_frames();
	watermarks.low = watermarks.high = frames_free() + 1000;
	watermarks.min = frames_free() + 285 + 100;
	watermarks.rt = 100;
	current()->sched.prio = 40;
	assert_true(oom_kill(ALLOC_USER, NULL));
	assert_true(first->exiting && !second->exiting);
	assert_int_equal(reaped_at, 40);
	assert_in_range(time_now() - start, NSEC_PER_MSEC / 2, 20 * NSEC_PER_MSEC);
	assert_true(oom_kill(ALLOC_USER, NULL));
	assert_true(second->exiting);
	assert_int_equal(daemon_task->sched.boost, PRIO_FAIR);
	current()->sched.prio = PRIO_FAIR;
	frames_again();
	all_gone();
}

/* Nobody answers: what ends the wait is what happens to who waits. */
static struct task *asker;

static void asker_ends(void)
{
	struct process *p = asker->process;
	struct oom_candidate c = { .pid = p->pid, .start_time = p->start_time };

	mock_on_block = NULL;
	aspace_put(oom_end(&c, NULL));
}

static void asker_becomes_realtime(void)
{
	mock_on_block = NULL;
	asker->sched.prio = 30;
	oom_look_again(); /* as the thread does while it waits for a victim */
}

/* Who waits holds what a victim needs, perhaps: when it is the victim itself, or inherits a
 * real-time priority, it goes on, also where a signal would not wake it. */
static void test_who_need_not_wait(void **state)
{
	struct task *self = current();
	struct process *p = process_with("p", 5, NULL);
	uint64_t start = time_now();

	(void)state;
	short_of_frames();
	mock_set_current(asker = p->leader);
	mock_on_block = asker_becomes_realtime;
	assert_true(oom_kill(0, NULL));
	current()->sched.prio = PRIO_FAIR;
	mock_on_block = asker_ends;
	assert_true(oom_kill(0, NULL));
	assert_true(p->leader->oom_victim);
	assert_int_equal(time_now(), start);
	mock_set_current(self);
	frames_again();
	oom_answer(); /* what was asked is there */
	assert_int_equal(killed, 1);
	all_gone();
}

/* What the log says that a victim has is what it had before it was killed. */
static void test_described_alive(void **state)
{
	struct process *p = process_with("quick", 5, NULL);
	struct oom_candidate c = { .pid = p->pid, .start_time = p->start_time };

	(void)state;
	dies_at_once = true;
	aspace_put(oom_end(&c, NULL));
	dies_at_once = false;
	assert_int_equal(aspace_rss(p->leader->aspace), 0);
	assert_non_null(strstr(mock_log(), "(quick) total-vm:20kB, anon-rss:20kB"));
	all_gone();
}

/* A victim that has left its memory and is still about to empty it: the reaper comes there all the
 * same. */
static void test_victim_empties_itself(void **state)
{
	struct process *p = process_with("p", 5, NULL);
	struct oom_candidate c = { .pid = p->pid, .start_time = p->start_time };
	struct aspace *as;

	(void)state;
	as = oom_end(&c, NULL);
	assert_non_null(as);
	p->leader->aspace = NULL;
	assert_true(oom_reap_next());
	assert_int_equal(aspace_rss(as), 0);
	assert_false(oom_reap_next());
	p->leader->aspace = as;
	aspace_put(as);
	all_gone();
}

static void test_frames_came_meanwhile(void **state)
{
	(void)state;
	process_with("init", 1, NULL);
	process_with("hog", 20, NULL);
	watermarks = (struct watermarks){ .min = 1, .low = 2, .high = 3 };
	mock_on_block = others;
	assert_true(oom_kill(ALLOC_USER, NULL));
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
	assert_true(oom_kill(ALLOC_USER, NULL));
	assert_true(dying->leader->oom_victim);
	assert_false(processes[1].exiting);
	frames_again();
	all_gone();
}

/* A group's limit ends the largest of the group and of those below it, whatever lies outside. */
static void test_group(void **state)
{
	struct process *in, *below;

	(void)state;
	oom_set_groups(&group_ops);
	process_with("init", 1, NULL);
	process_with("outside", 30, NULL);
	in = process_with("in", 4, NULL);
	below = process_with("below", 9, NULL);
	in->exit_signal = 1;
	below->exit_signal = 2;
	mock_on_block = others;
	assert_true(oom_kill(ALLOC_USER, &groups[1]));
	assert_int_equal(killed, 1);
	assert_true(below->exiting);
	assert_int_equal(groups[2].kills, 1);
	assert_int_equal(aspace_rss(below->leader->aspace), 0);
	assert_non_null(strstr(mock_log(), "oom: group /group1"));
	assert_non_null(
		strstr(mock_log(), "Memory cgroup out of memory: Killed process 4 (below)"));
	assert_null(strstr(mock_log(), "outside"));
	/* It came back to the group: nobody else. */
	groups[1].room = 9;
	assert_true(oom_kill(ALLOC_USER, &groups[1]));
	assert_int_equal(killed, 1);
	groups[1].room = 0;
	assert_int_equal(groups[1].refs, 0);
	frames_again();
	all_gone();
}

/* memory.oom.group: all of the group goes, but who is exempt by oom_score_adj; also when the whole
 * machine is short. */
static void test_group_as_one(void **state)
{
	struct process *p[4];

	(void)state;
	groups[1].whole = true;
	for (unsigned i = 0; i < ARRAY_SIZE(p); i++)
		p[i] = process_with("p", i + 1, NULL);
	p[1]->exit_signal = p[2]->exit_signal = 1;
	p[3]->exit_signal = 2;
	p[1]->oom_score_adj = -1000;
	short_of_frames();
	watermarks.low = frames_free() + 7;
	assert_true(oom_kill(0, NULL));
	assert_true(p[2]->exiting && p[3]->exiting);
	assert_false(p[0]->exiting || p[1]->exiting);
	while (oom_reap_next())
		;
	assert_int_equal(aspace_rss(p[2]->leader->aspace) + aspace_rss(p[3]->leader->aspace), 0);
	groups[1].whole = false;
	frames_again();
	all_gone();
}

/* Whoever runs on the memory of a group that ends as one ends with it, wherever he is: memory of
 * the living stays theirs. One end for each memory, in the group's name. */
static void test_group_shared(void **state)
{
	struct process *outside, *spawned, *sibling, *eater;
	uint64_t kills = vm_events(VM_OOM_KILL);

	(void)state;
	groups[1].whole = true;
	groups[0].kills = groups[1].kills = 0;
	process_with("init", 1, NULL);
	outside = process_with("outside", 3, NULL);
	spawned = process_with("spawned", 0, outside->leader->aspace);
	eater = process_with("eater", 9, NULL);
	sibling = process_with("sibling", 0, eater->leader->aspace);
	spawned->exit_signal = eater->exit_signal = 1;
	mock_on_block = others;
	assert_true(oom_kill(0, &groups[1]));
	while (oom_reap_next())
		;
	assert_true(eater->exiting && spawned->exiting);
	assert_true(outside->exiting && outside->leader->oom_victim);
	assert_true(sibling->exiting);
	assert_int_equal(killed, 4);
	assert_int_equal(vm_events(VM_OOM_KILL) - kills, 2);
	assert_int_equal(groups[1].kills, 2);
	assert_int_equal(groups[0].kills, 0);
	assert_int_equal(aspace_rss(outside->leader->aspace), 0);
	groups[1].whole = false;
	frames_again();
	all_gone();
}

/* Of a group that ends as one, those stay that may never be chosen, and who runs on their
 * memory. */
static void test_group_spares(void **state)
{
	struct process *init, *rt, *outside, *eater, *spared[4];

	(void)state;
	groups[1].whole = true;
	spared[0] = init = process_with("init", 1, NULL);
	spared[1] = rt = process_with("rt", 2, NULL);
	outside = process_with("outside", 3, NULL);
	spared[2] = process_with("spawned", 0, outside->leader->aspace);
	spared[3] = process_with("vforked", 0, init->leader->aspace);
	eater = process_with("eater", 9, NULL);
	eater->exit_signal = 1;
	for (unsigned i = 0; i < ARRAY_SIZE(spared); i++)
		spared[i]->exit_signal = 1;
	rt->leader->sched.policy = outside->leader->sched.policy = SCHED_FIFO;
	rt->leader->aspace->locked_pages = outside->leader->aspace->locked_pages = 1;
	mock_on_block = others;
	assert_true(oom_kill(0, &groups[1]));
	while (oom_reap_next())
		;
	assert_true(eater->exiting);
	assert_int_equal(killed, 1);
	assert_int_equal(aspace_rss(init->leader->aspace), 1);
	assert_int_equal(aspace_rss(rt->leader->aspace), 2);
	assert_int_equal(aspace_rss(outside->leader->aspace), 3);
	rt->leader->aspace->locked_pages = outside->leader->aspace->locked_pages = 0;
	groups[1].whole = false;
	frames_again();
	all_gone();
}

/* Nobody in the group may be ended: that is no answer for others. */
static void test_group_of_nobody(void **state)
{
	(void)state;
	process_with("init", 1, NULL)->exit_signal = 1;
	process_with("outside", 5, NULL);
	mock_on_block = others;
	assert_false(oom_kill(0, &groups[1]));
	assert_int_equal(killed, 0);
	frames_again();
	all_gone();
}

/* Thrashing: frames are there, somebody is ended all the same, and nobody waits for it. */
static void test_thrashing(void **state)
{
	struct process *hog;

	(void)state;
	process_with("init", 1, NULL);
	hog = process_with("hog", 20, NULL);
	watermarks = (struct watermarks){ .min = 1, .low = 2, .high = 3 };
	assert_true(oom_ask(OOM_THRASHING, NULL));
	assert_false(oom_ask(OOM_THRASHING, NULL));
	assert_int_equal(killed, 0);
	mock_on_block = others;
	others();
	assert_true(hog->exiting);
	assert_non_null(strstr(mock_log(), "(thrashing)"));
	frames_again();
	all_gone();
}

/* What the dying still copy from memory that was taken is an error, never zeroes. */
static void test_reaped_memory_is_an_error(void **state)
{
	struct process *hog;
	char c = 1;

	(void)state;
	process_with("init", 1, NULL);
	hog = process_with("hog", 20, NULL);
	mock_on_block = others;
	assert_true(oom_ask(OOM_THRASHING, NULL));
	others();
	run(hog->leader->aspace);
	assert_true(copy_from_user(&c, BASE, 1) < 0);
	assert_true(copy_to_user(BASE, &c, 1) < 0);
	run(NULL);
	frames_again();
	all_gone();
}

/* ---- A real-time task, and a file that has dirty pages ---- */

static int medium_error;

static int medium_write(struct object *o, struct page **pages, unsigned n)
{
	(void)o, (void)pages, (void)n;
	return medium_error;
}

static struct disk_object file;

/* The process maps the file and asks; swap takes nothing. */
static struct process *with_dirty_file(unsigned others)
{
	static const struct object_ops ops = { .write_pages = medium_write };
	struct process *rt;

	process_with("init", 1, NULL);
	mock_store.fail_append = 1;
	mock_store.append_error = -ENOSPC;
	assert_int_equal(evict_all(), 0);
	mock_store.fail_append = 0;
	assert_false(swap_writable());
	process_with("other", others, NULL);
	rt = process_with("rt", 3, NULL);
	disk_object_init(&file, &ops, 8 * PAGE_SIZE);
	map_object(rt->leader->aspace, BASE + MB, 8 * PAGE_SIZE, RW | AREA_SHARED, &file.object);
	run(rt->leader->aspace);
	fill(BASE + MB, 8, 1);
	run(NULL);
	rt->leader->sched.policy = SCHED_FIFO;
	rt->leader->sched.prio = 40;
	short_of_frames();
	watermarks.low = watermarks.high = frames_free() + 1000;
	watermarks.min = frames_free() + 5 + 100;
	watermarks.rt = 100;
	writes = true;
	return rt;
}

static void dirty_file_gone(void)
{
	writes = false;
	all_gone();
	object_put(&file.object);
	frames_again();
}

/* Before it is ended, or the machine restarts, what is dirty is written; when nobody may be ended,
 * it is told so at once. */
static void test_dirty_first(void **state)
{
	struct task *self = current();

	(void)state;
	medium_error = 0;
	for (unsigned i = 0; i < 3; i++) {
		struct process *rt = with_dirty_file(2);
		uint64_t start = time_now();

		assert_int_equal(oom_policy_choose(i == 2 ? "panic" : "linux"), 0);
		if (i == 1) { /* all are exempt */
			rt->leader->aspace->locked_pages = 1;
			processes[1].oom_score_adj = -1000;
		}
		mock_set_current(rt->leader);
		assert_int_equal(oom_kill(ALLOC_USER, NULL), i != 1);
		mock_set_current(self);
		assert_int_equal(killed, 0);
		assert_true(i != 1 || time_now() == start);
		assert_int_equal(strstr(mock_log(), "policy") != NULL, i > 0); /* of i == 1 */
		rt->leader->aspace->locked_pages = 0;
		dirty_file_gone();
	}
	assert_int_equal(oom_policy_choose("linux"), 0);
}

/* Somebody else can be ended who has memory to give, or the medium fails: then it does not wait, or
 * not for ever. */
static void test_dirty_in_vain(void **state)
{
	struct task *self = current();

	(void)state;
	medium_error = -EIO;
	for (unsigned i = 0; i < 3; i++) {
		struct process *rt = with_dirty_file(i == 0 ? 300 : 2);
		uint64_t start = time_now();

		if (i == 0)
			watermarks.min += 350; /* more than it has: the round ends with it */
		processes[1].oom_score_adj = i < 2 ? 1000 : 0;
		mock_set_current(rt->leader);
		assert_true(oom_kill(ALLOC_USER, NULL));
		mock_set_current(self);
		assert_int_equal(killed, 1);
		assert_true((i < 2 ? &processes[1] : rt)->exiting);
		assert_int_equal(time_now() - start >= 2 * NSEC_PER_SEC, i > 0);
		dirty_file_gone();
	}
}

/* Nobody may be ended, but swap takes what they have: then it waits for that. */
static void test_swap_first(void **state)
{
	struct process *rt;
	struct task *self = current();

	(void)state;
	process_with("init", 1, NULL);
	process_with("spared", 20, NULL)->oom_score_adj = -1000;
	rt = process_with("rt", 3, NULL);
	rt->leader->sched.policy = SCHED_FIFO;
	rt->leader->sched.prio = 40;
	rt->leader->aspace->locked_pages = 1;
	assert_true(swap_writable());
	short_of_frames();
	watermarks.low = watermarks.high = frames_free() + 1000;
	watermarks.min = frames_free() + 5 + 100;
	watermarks.rt = 100;
	writes = true;
	mock_set_current(rt->leader);
	assert_true(oom_kill(ALLOC_USER, NULL));
	mock_set_current(self);
	writes = false;
	assert_int_equal(killed, 0);
	assert_null(strstr(mock_log(), "policy"));
	rt->leader->aspace->locked_pages = 0;
	frames_again();
	all_gone();
}

static void test_restart(void **state)
{
	(void)state;
	process_with("init", 1, NULL);
	process_with("hog", 20, NULL)->exit_signal = 1;
	assert_int_equal(oom_policy_choose("panic"), 0);
	mock_on_block = others;
	assert_true(oom_kill(0, &groups[1])); /* of a group: as linux */
	assert_int_equal(killed, 1);
	assert_true(oom_ask(OOM_THRASHING, NULL));
	mock_on_block = NULL;
	if (setjmp(restarted) == 0) {
		oom_answer();
		fail_msg("the machine did not restart");
	}
	assert_non_null(strstr(mock_log(), "the machine restarts"));
	assert_int_equal(killed, 1);
	assert_int_equal(oom_policy_choose("linux"), 0);
	assert_int_equal(oom_policy_choose("dice"), -EINVAL);
	frames_again();
	all_gone();
}

/* A real-time task does not wait for what swap would take: that is no end of memory. */
static void test_no_restart_beside_swap(void **state)
{
	(void)state;
	process_with("init", 1, NULL);
	process_with("hog", 20, NULL);
	assert_int_equal(oom_policy_choose("panic"), 0);
	assert_true(swap_writable());
	short_of_frames();
	current()->sched.prio = 40;
	if (setjmp(restarted) == 0)
		assert_true(oom_kill(ALLOC_USER, NULL));
	else
		fail_msg("the machine restarted");
	current()->sched.prio = PRIO_FAIR;
	assert_int_equal(killed, 1);
	assert_int_equal(oom_policy_choose("linux"), 0);
	frames_again();
	all_gone();
}

static char text[20000];
static size_t text_length;

static void put(void *arg, const char *s, size_t n)
{
	(void)arg;
	memcpy(text + text_length, s, n);
	text_length += n;
}

/* The last reports, whole lines of them, never more than the ring holds. */
static void test_record(void **state)
{
	(void)state;
	for (int i = 0; i < 2000; i++)
		oom_say(LOG_DEBUG, "line %d", i);
	oom_record_read(put, NULL);
	assert_in_range(text_length, 16000, 16384);
	assert_memory_equal(text, "line ", 5);
	assert_memory_equal(text + text_length - 10, "line 1999\n", 10);
	all_gone();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_collect),
		TEST(test_collect_many),
		TEST(test_collect_exempt),
		TEST(test_described_alive),
		TEST(test_kill),
		TEST(test_another_of_that_number),
		TEST(test_stubborn_victim),
		TEST(test_realtime_asks),
		TEST(test_who_need_not_wait),
		TEST(test_victim_empties_itself),
		TEST(test_frames_came_meanwhile),
		TEST(test_dying),
		TEST(test_group),
		TEST(test_group_as_one),
		TEST(test_group_shared),
		TEST(test_group_spares),
		TEST(test_group_of_nobody),
		TEST(test_thrashing),
		TEST(test_reaped_memory_is_an_error),
		TEST(test_dirty_first),
		TEST(test_dirty_in_vain),
		TEST(test_swap_first),
		TEST(test_restart),
		TEST(test_no_restart_beside_swap),
		TEST(test_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
