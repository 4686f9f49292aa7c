# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Helpers of the system tests. A test is a bash script that sources this file first:
#
#   . "$(dirname "$0")/lib.sh"
#   expect_output hello 'echo hello'            the guest's output, to the byte (a final newline is added)
#   expect_status 3 'exit 3'                    the command's exit status
#   expect_match 'worst [0-9]+ ns' --mem 32M 'mmbench'     an extended regular expression in the output
#
# The last argument is the command, those before it are flags for boards/qemu-virt/run. guest_run leaves the output in
# $OUTPUT, the status in $STATUS and the kernel's log and run's own words in $ERRORS. Guest programs of tests/system/
# guest and tests/bench are in /bin when the command names them. The first failure ends the test and shows the log's
# end, of a panic all of it.
set -uo pipefail

RUN=$PWD/boards/qemu-virt/run
PRESET=${GRANULE_PRESET:-kernel}
TESTS_ROOT=$PWD/.build/${PRESET/kernel-clang/kernel}/tests-root # Clang builds the kernel alone
GUEST_LIMIT=${GUEST_LIMIT:-180} # seconds for one guest, on a host that is busy with more
SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/granule-test.XXXXXX")
trap 'rm -rf "$SCRATCH"' EXIT
trap 'fail "ended before it was done: time is up, or interrupted"' INT TERM

fail()
{
	echo "FAIL: $*"
	echo "--- output"
	tail -n 40 "$SCRATCH/output" 2>/dev/null
	echo "--- log"
	if grep -q '\] PANIC: ' "$SCRATCH/errors" 2>/dev/null; then
		sed -n '/\] PANIC: /,$ p' "$SCRATCH/errors"
	else
		tail -n 60 "$SCRATCH/errors" 2>/dev/null
	fi
	exit 1
}

# The programs whose names are in the command or its input, in $SCRATCH/programs: the root file system lies in RAM, and
# all of them would not leave much of it.
named_programs()
{
	local text=$1 program
	[[ ! -f ${GUEST_INPUT-} ]] || text+=$(<"$GUEST_INPUT")
	rm -rf "$SCRATCH/programs"
	mkdir -p "$SCRATCH/programs/bin"
	for program in "$TESTS_ROOT"/bin/*; do
		[[ $text != *"${program##*/}"* ]] || cp "$program" "$SCRATCH/programs/bin"
	done
}

# guest_run [FLAGS...] COMMAND
guest_run()
{
	local flags=("${@:1:$#-1}") command=${!#}
	if [[ -d $TESTS_ROOT ]]; then
		named_programs "$command"
		flags+=(--root "$SCRATCH/programs")
	fi
	"$RUN" --log --timeout "$GUEST_LIMIT" "${flags[@]}" --exec "$command" \
		<"${GUEST_INPUT:-/dev/null}" >"$SCRATCH/output" 2>"$SCRATCH/errors"
	STATUS=$?
	OUTPUT=$(<"$SCRATCH/output")
	ERRORS=$(<"$SCRATCH/errors")
	# Debug kernels compare what groups are charged with their frames in the end (kernel/cgroup_members.c), whatever the test looks at.
	[[ $ERRORS != *'PANIC: groups:'* ]] || fail "groups' sums"
}

# expect_output TEXT [FLAGS...] COMMAND
expect_output()
{
	local text=$1
	shift
	guest_run "$@"
	printf '%s\n' "$text" >"$SCRATCH/expected"
	cmp -s "$SCRATCH/expected" "$SCRATCH/output" || fail "${!#}: the output is not '$text'"
	(( STATUS == 0 )) || fail "${!#}: status $STATUS"
}

# expect_status N [FLAGS...] COMMAND
expect_status()
{
	local wanted=$1
	shift
	guest_run "$@"
	(( STATUS == wanted )) || fail "${!#}: status $STATUS, not $wanted"
}

# expect_match REGEX [FLAGS...] COMMAND: in the output, and status 0
expect_match()
{
	local regex=$1
	shift
	guest_run "$@"
	(( STATUS == 0 )) || fail "${!#}: status $STATUS"
	grep -Eq -- "$regex" "$SCRATCH/output" || fail "${!#}: nothing in the output matches $regex"
}

# expected_answers OURS RECORDED: what another kernel answered, line by line, with ours in the place of theirs where they differ
expected_answers()
{
	awk 'FNR == 1 { file++ }
		/^#/ { next }
		{ name = substr($0, 1, index($0, ": ")) }
		file == 1 { ours[name] = $0; next }
		{ print name in ours ? ours[name] : $0 }' "$@"
}

# expect_log REGEX: in the kernel's log of the last run
expect_log() { grep -Eq -- "$1" "$SCRATCH/errors" || fail "nothing in the kernel's log matches $1"; }

# Programs of Debian's arm64 packages: need_packages [SET] fetches them once, package_files lays some of them into an overlay.
need_packages()
{
	local set=${1:-programs}
	PACKAGES=$PWD/.build/packages/arm64/$set
	boards/common/packages "$set" 2>"$SCRATCH/errors" || fail "the packages cannot be fetched"
}

# package_files DIR FILE...: with the libraries that they need
package_files()
{
	local to=$1 file need
	for file in "${@:2}"; do
		[[ ! -e $to/$file ]] || continue
		[[ -e $PACKAGES/$file ]] || fail "the packages have no $file"
		mkdir -p "$to/${file%/*}"
		cp -rL "$PACKAGES/$file" "$to/$file"
		for need in $(aarch64-linux-gnu-readelf -d "$PACKAGES/$file" 2>/dev/null | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
			package_files "$to" "usr/lib/aarch64-linux-gnu/$need"
		done
	done
	[[ -e $to/lib/ld-linux-aarch64.so.1 ]] || package_files "$to" lib/ld-linux-aarch64.so.1
}
