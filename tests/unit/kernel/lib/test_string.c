// SPDX-License-Identifier: MIT
// SOURCES: kernel/lib/parse.c
// The kernel's string functions, under other names, against the host's; and numbers from text.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/errno.h"
#include "kernel/lib/string.h"

#define strnlen k_strnlen
#define strlen  k_strlen
#define memchr  k_memchr
#define strncmp k_strncmp
#define strcmp  k_strcmp
#define strchr  k_strchr
#define strrchr k_strrchr
#define strstr  k_strstr
size_t k_strnlen(const char *s, size_t max);
size_t k_strlen(const char *s);
void *k_memchr(const void *s, int c, size_t n);
int k_strncmp(const char *a, const char *b, size_t n);
int k_strcmp(const char *a, const char *b);
char *k_strchr(const char *s, int c);
char *k_strrchr(const char *s, int c);
char *k_strstr(const char *haystack, const char *needle);
#include "kernel/lib/string.c"
#undef strnlen
#undef strlen
#undef memchr
#undef strncmp
#undef strcmp
#undef strchr
#undef strrchr
#undef strstr

static int sign(int v)
{
	return v < 0 ? -1 : v > 0;
}

/* Few different characters, high ones among them, so that matches and near matches are common. The
 * heap copy is exact: an access past the terminator is seen. */
static char *random_text(unsigned max)
{
	static const char letters[] = "aab\xff";
	unsigned n = (unsigned)rand() % (max + 1);
	char *s = malloc(n + 1);

	for (unsigned i = 0; i < n; i++)
		s[i] = letters[(unsigned)rand() % 4];
	s[n] = '\0';
	return s;
}

static void compare(const char *a, const char *b)
{
	size_t n = (size_t)rand() % 12;
	char c = "ab\xff"[rand() % 4]; /* the terminator is looked for as well */

	assert_int_equal(k_strlen(a), strlen(a));
	assert_int_equal(k_strnlen(a, n), strnlen(a, n));
	assert_int_equal(sign(k_strcmp(a, b)), sign(strcmp(a, b)));
	assert_int_equal(sign(k_strncmp(a, b, n)), sign(strncmp(a, b, n)));
	assert_ptr_equal(k_strchr(a, c), strchr(a, c));
	assert_ptr_equal(k_strrchr(a, c), strrchr(a, c));
	assert_ptr_equal(k_strstr(a, b), strstr(a, b));
	assert_ptr_equal(k_memchr(a, c, strlen(a)), memchr(a, c, strlen(a)));
}

static void test_random(void **state)
{
	(void)state;
	srand(3);
	for (int i = 0; i < 20000; i++) {
		char *a = random_text(10), *b = random_text(rand() % 2 ? 3 : 10);

		compare(a, b);
		free(a);
		free(b);
	}
}

static void parses(const char *text, uint64_t want, const char *rest)
{
	const char *end;
	uint64_t v;

	assert_int_equal(parse_size(text, &end, &v), 0);
	assert_int_equal(v, want);
	assert_string_equal(end, rest);
}

static void test_parse(void **state)
{
	const char *end;
	uint64_t v;

	(void)state;
	parses("0", 0, "");
	parses("64M", 64ull << 20, "");
	parses("256k(env),-(swap)", 256 << 10, "(env),-(swap)");
	parses("0x1fG", 31ull << 30, "");
	parses("3t", 3ull << 40, "");
	parses("0x1P", 1ull << 50, "");
	parses("15E", 15ull << 60, "");
	parses("1Q", 1, "Q");
	parses("0x", 0, "x");
	parses("017", 15, "");
	parses("08", 0, "8");
	parses("18446744073709551615", UINT64_MAX, "");
	parses("17179869183G", 17179869183ull << 30, "");
	assert_int_equal(parse_size("18446744073709551616", &end, &v), -ERANGE);
	assert_int_equal(parse_size("17179869184G", &end, &v), -ERANGE);
	assert_int_equal(parse_size("16E", &end, &v), -ERANGE);
	assert_int_equal(parse_uint("0x10k", &end, &v), 0);
	assert_int_equal(v, 16);
	assert_string_equal(end, "k");
	assert_int_equal(parse_size("", &end, &v), -EINVAL);
	assert_int_equal(parse_size("-1", &end, &v), -EINVAL);
	assert_int_equal(parse_size(" 1", &end, &v), -EINVAL);
	assert_int_equal(parse_size("k", &end, &v), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_parse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
