// SPDX-License-Identifier: MIT
// Threads and futexes through the C library: mutexes, condition variables, thread-local storage,
// semaphores between processes, robust mutexes, time-outs, and requeueing by the bare system call.
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

#define THREADS 8
#define ROUNDS  10000

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static long counter;
static int turn;
static __thread int own = 5;

static void *count(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		pthread_mutex_lock(&mutex);
		counter++;
		pthread_mutex_unlock(&mutex);
	}
	return arg;
}

static void test_mutex(void)
{
	pthread_t t[THREADS];
	void *result;

	for (uintptr_t i = 0; i < THREADS; i++)
		CHECK(pthread_create(&t[i], NULL, count, (void *)i) == 0);
	for (uintptr_t i = 0; i < THREADS; i++) {
		CHECK(pthread_join(t[i], &result) == 0);
		CHECK((uintptr_t)result == i);
	}
	CHECK(counter == THREADS * ROUNDS);
}

static void *take_turns(void *arg)
{
	int me = (int)(uintptr_t)arg;

	for (int i = 0; i < 300; i++) {
		pthread_mutex_lock(&mutex);
		while (turn != me)
			pthread_cond_wait(&cond, &mutex);
		turn = !me;
		pthread_cond_broadcast(&cond);
		pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

static void test_cond(void)
{
	pthread_t t[2];

	for (uintptr_t i = 0; i < 2; i++)
		CHECK(pthread_create(&t[i], NULL, take_turns, (void *)i) == 0);
	for (int i = 0; i < 2; i++)
		CHECK(pthread_join(t[i], NULL) == 0);
}

static void *bump_own(void *arg)
{
	(void)arg;
	return (void *)(uintptr_t)++own;
}

static void test_tls(void)
{
	pthread_t t;
	void *result;

	for (int i = 0; i < 100; i++) { /* stacks and tids are used again */
		CHECK(pthread_create(&t, NULL, bump_own, NULL) == 0);
		CHECK(pthread_join(t, &result) == 0);
		CHECK((uintptr_t)result == 6);
	}
	CHECK(own == 5);
}

static void *shared_page(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

static struct timespec in_ms(long ms)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_nsec += ms * 1000000;
	ts.tv_sec += ts.tv_nsec / 1000000000;
	ts.tv_nsec %= 1000000000;
	return ts;
}

static void test_between_processes(void)
{
	sem_t *sem = shared_page();
	struct timespec ts;
	pid_t child;

	sem_init(sem, 1, 0);
	child = fork();
	if (child == 0) {
		usleep(10000);
		sem_post(sem);
		_exit(0);
	}
	CHECK(sem_wait(sem) == 0);
	CHECK(waitpid(child, NULL, 0) == child);
	ts = in_ms(20);
	CHECK(sem_timedwait(sem, &ts) == -1 && errno == ETIMEDOUT);
	munmap(sem, 4096);
}

static void test_robust(void)
{
	pthread_mutex_t *m = shared_page();
	pthread_mutexattr_t attr;
	pid_t child;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(m, &attr);
	child = fork();
	if (child == 0) {
		pthread_mutex_lock(m);
		_exit(0); /* with the lock held */
	}
	CHECK(waitpid(child, NULL, 0) == child);
	CHECK(pthread_mutex_lock(m) == EOWNERDEAD);
	CHECK(pthread_mutex_consistent(m) == 0);
	CHECK(pthread_mutex_unlock(m) == 0);
	munmap(m, 4096);
}

static pthread_mutex_t pi_mutex;
static long pi_counter;

static void *count_pi(void *arg)
{
	for (int i = 0; i < ROUNDS / 4; i++) {
		pthread_mutex_lock(&pi_mutex);
		pi_counter++;
		pthread_mutex_unlock(&pi_mutex);
	}
	return arg;
}

static void test_pi(void)
{
	pthread_mutexattr_t attr;
	pthread_t t[THREADS];
	pthread_mutex_t *m = shared_page();
	struct timespec ts;
	pid_t child;

	pthread_mutexattr_init(&attr);
	CHECK(pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT) == 0);
	CHECK(pthread_mutex_init(&pi_mutex, &attr) == 0);
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_create(&t[i], NULL, count_pi, NULL) == 0);
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_join(t[i], NULL) == 0);
	CHECK(pi_counter == THREADS * (ROUNDS / 4));
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(m, &attr);
	child = fork();
	if (child == 0) {
		pthread_mutex_lock(m);
		usleep(300000);
		_exit(0); /* with the lock held, and somebody waiting */
	}
	usleep(100000);
	ts = in_ms(20);
	CHECK(pthread_mutex_timedlock(m, &ts) == ETIMEDOUT);
	CHECK(pthread_mutex_lock(m) == EOWNERDEAD);
	CHECK(pthread_mutex_consistent(m) == 0 && pthread_mutex_unlock(m) == 0);
	CHECK(waitpid(child, NULL, 0) == child);
	munmap(m, 4096);
}

static uint32_t word_a, word_b;

static long futex(uint32_t *word, int op, uint32_t val, uint64_t arg4, uint32_t *word2,
		  uint32_t val3)
{
	return syscall(SYS_futex, word, op, val, arg4, word2, val3);
}

static void *wait_on_a(void *arg)
{
	(void)arg;
	return (void *)futex(&word_a, FUTEX_WAIT, 0, 0, NULL, 0);
}

static void test_requeue(void)
{
	pthread_t t[3];

	for (int i = 0; i < 3; i++)
		CHECK(pthread_create(&t[i], NULL, wait_on_a, NULL) == 0);
	usleep(50000);
	CHECK(futex(&word_a, FUTEX_CMP_REQUEUE, 1, 2, &word_b, 7) == -1 && errno == EAGAIN);
	CHECK(futex(&word_a, FUTEX_CMP_REQUEUE, 1, 2, &word_b, 0) == 3); /* one woken, two moved */
	CHECK(futex(&word_a, FUTEX_WAKE, 3, 0, NULL, 0) == 0);
	CHECK(futex(&word_b, FUTEX_WAKE, 3, 0, NULL, 0) == 2);
	for (int i = 0; i < 3; i++)
		CHECK(pthread_join(t[i], NULL) == 0);
}

static void test_bad_arguments(void)
{
	CHECK(futex((uint32_t *)((char *)&word_a + 1), FUTEX_WAKE, 1, 0, NULL, 0) == -1 &&
	      errno == EINVAL);
	CHECK(futex((uint32_t *)8, FUTEX_WAIT, 0, 0, NULL, 0) == -1 && errno == EFAULT);
	CHECK(futex((uint32_t *)0xffff000000000000, FUTEX_WAIT, 0, 0, NULL, 0) == -1 &&
	      errno == EFAULT);
	CHECK(futex(&word_a, FUTEX_WAIT, 1, 0, NULL, 0) == -1 && errno == EAGAIN);
	CHECK(futex(&word_a, FUTEX_WAIT_BITSET, 0, 0, NULL, 0) == -1 && errno == EINVAL);
	CHECK(futex(&word_a, 77, 0, 0, NULL, 0) == -1 && errno == ENOSYS);
}

/* The operation sets word_b to 5 and, since it was 0, wakes word_b's waiters too. */
static void test_wake_op(void)
{
	word_b = 0;
	CHECK(futex(&word_a, FUTEX_WAKE_OP, 1, 1, &word_b,
		    FUTEX_OP(FUTEX_OP_SET, 5, FUTEX_OP_CMP_EQ, 0)) == 0);
	CHECK(word_b == 5);
	CHECK(futex(&word_a, FUTEX_WAKE_OP, 1, 1, &word_b,
		    FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_LT, 0)) == 0);
	CHECK(word_b == 8);
}

int main(void)
{
	test_mutex();
	test_cond();
	test_tls();
	test_between_processes();
	test_robust();
	test_pi();
	test_requeue();
	test_bad_arguments();
	test_wake_op();
	return check_end();
}
