# SPDX-License-Identifier: MIT
# CPUS: 1
#
# A dynamic program with Debian's own C library and loader: PT_INTERP, relocation, shared pages, dlopen's calls.
. "$(dirname "$0")/lib.sh"

# The cross toolchain brings both (libc6-arm64-cross); they are the libraries of Debian's arm64.
libc=$(aarch64-linux-gnu-gcc -print-file-name=libc.so.6)
loader=$(aarch64-linux-gnu-gcc -print-file-name=ld-linux-aarch64.so.1)
[[ -e $libc && -e $loader ]] || fail "the cross toolchain has no shared C library"
root=$SCRATCH/root
mkdir -p "$root/bin" "$root/lib/aarch64-linux-gnu"
cp -L "$loader" "$root/lib/ld-linux-aarch64.so.1"
cp -L "$libc" "$root/lib/aarch64-linux-gnu/libc.so.6"

cat >"$SCRATCH/plug.c" <<'END'
int answer(void) { return 42; }
END
cat >"$SCRATCH/dynamic.c" <<'END'
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static __thread int own = 5;
static void *work(void *p) { own++; return malloc(100000) && own == 6 ? p : NULL; }
int main(void)
{
	pthread_t t[8];
	void *r, *plug = dlopen("/lib/plug.so", RTLD_NOW);
	int (*answer)(void) = plug ? (int (*)(void))dlsym(plug, "answer") : NULL;

	for (int i = 0; i < 8; i++)
		if (pthread_create(&t[i], NULL, work, t))
			return 1;
	for (int i = 0; i < 8; i++)
		if (pthread_join(t[i], &r) || r != t)
			return 2;
	printf("%s %d %d\n", getenv("GREETING"), answer ? answer() : -1, own);
	return 7;
}
END
aarch64-linux-gnu-gcc -O2 -shared -fPIC -o "$root/lib/plug.so" "$SCRATCH/plug.c" || fail "no shared object can be built"
aarch64-linux-gnu-gcc -O2 -o "$root/bin/dynamic" "$SCRATCH/dynamic.c" || fail "no dynamic program can be built"
aarch64-linux-gnu-gcc -O2 -no-pie -o "$root/bin/dynamic-fixed" "$SCRATCH/dynamic.c" || fail "no dynamic program can be built"

expect_output $'hello 42 5\n7' --root "$root" 'GREETING=hello dynamic; echo $?'
expect_output $'hello 42 5\n7' --root "$root" 'GREETING=hello dynamic-fixed; echo $?'
expect_output $'hello 42 5\n7' --root "$root" 'GREETING=hello /lib/ld-linux-aarch64.so.1 /bin/dynamic; echo $?'

# Without its loader: an error, not a crash.
expect_match '^127$' --root "$root" 'rm /lib/ld-linux-aarch64.so.1; dynamic 2>/dev/null; echo $?'
