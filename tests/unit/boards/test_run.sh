#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What tests/run makes of tests that pass, fail, crash and never end: a copy of it with a ninja and a ctest of our own.
set -uo pipefail
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
trap 'exit 1' INT TERM
failed=0

mkdir -p "$top"/{bin,boards,tests,.build/unit,.build/unit-clang}
cp -r boards/common "$top/boards/"
cp tests/run "$top/tests/"
[[ ! -d .build/packages ]] || ln -s "$PWD/.build/packages" "$top/.build/packages"
for preset in unit unit-clang; do
	: >"$top/.build/$preset/build.ninja"
	echo "CMAKE_HOME_DIRECTORY:INTERNAL=$top" >"$top/.build/$preset/CMakeCache.txt"
done

# program NAME SCRIPT
program() { printf '#!/bin/bash\n%s\n' "$2" >"$top/bin/$1"; chmod +x "$top/bin/$1"; }

# counts NAME STATUS LAST-LINE: of the suite unit, which is two builds and two runs of ctest
counts()
{
	local status
	PATH=$top/bin:$PATH "$top/tests/run" unit >"$top/output" 2>&1
	status=$?
	[[ $status == "$2" && $(tail -n 1 "$top/output") == "$3" ]] && return
	echo "FAIL: $1: status $status, not $2, or the last line is not '$3'"
	cat "$top/output"
	failed=1
}

# names NAME LINE: that a line begins so
names() { grep -q "^$2" "$top/output" || { echo "FAIL: $1: no line begins with '$2'"; failed=1; }; }

program ninja 'exit 0'
program ctest 'echo "100% tests passed, 0 tests failed out of 7"'
counts "all pass" 0 "16 passed, 0 failed"

program ctest 'printf "40%% tests passed, 3 tests failed out of 5\n\nThe following tests FAILED:\n\t  2 - unit/a (Timeout)\n
\t  3 - unit/b (SEGFAULT)\n\t 15 - unit/c (Failed)\n"; exit 8'
counts "some fail" 1 "6 passed, 6 failed"
names "some fail" 'failed: unit/a (Timeout) of unit:'
names "some fail" 'failed: unit/c (Failed) of unit-clang:'

program ctest 'kill -SEGV $$'
counts "ctest crashes" 1 "2 passed, 2 failed"

program ctest 'exit 0'
counts "no test ran" 0 "2 passed, 0 failed"

program ninja 'exit 1'
counts "nothing can be built" 1 "0 passed, 2 failed"
names "nothing can be built" 'failed: build unit$'

# Interrupted while a test hangs: counted, and nothing goes on.
program ninja 'exit 0'
program ctest "echo \$\$ >'$top/pid'; sleep 1000"
PATH=$top/bin:$PATH "$top/tests/run" unit >"$top/output" 2>&1 &
run=$!
for ((tries = 0; tries < 100; tries++)); do
	[[ ! -s $top/pid ]] || break
	sleep 0.1
done
kill -TERM "$run"
wait "$run"
status=$?
[[ $status == 143 && $(tail -n 1 "$top/output") == "1 passed, 1 failed" ]] ||
	{ echo "FAIL: interrupted: status $status"; cat "$top/output"; failed=1; }
for ((tries = 0; tries < 100; tries++)); do
	[[ -e /proc/$(<"$top/pid") ]] || break
	sleep 0.1
done
(( tries < 100 )) || { echo "FAIL: interrupted: the test goes on"; failed=1; }
exit "$failed"
