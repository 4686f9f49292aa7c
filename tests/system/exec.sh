# SPDX-License-Identifier: MIT
# CPUS: 1
# RELEASE ONLY: its contract is that of run and init
#
# The contract of run --exec: the command's output to the byte and nothing else, its status, its input.
. "$(dirname "$0")/lib.sh"

expect_output hello 'echo hello'
expect_status 0 'true'
expect_status 7 'exit 7'
expect_status 255 'exit 255'

guest_run 'printf "a\n\nb"; echo err >&2'
printf 'a\n\nberr\n' | cmp -s - "$SCRATCH/output" || fail "output is not byte for byte"

printf 'one\ntwo\n' >"$SCRATCH/input"
GUEST_INPUT=$SCRATCH/input
expect_output 2 'wc -l'

# A pipe that has ended is a file too; one that lasts reaches the guest's terminal.
OUTPUT=$(printf 'x\0y' | "$RUN" --timeout "$GUEST_LIMIT" --exec 'wc -c' 2>"$SCRATCH/errors") || fail "pipe: status $?"
[[ $OUTPUT == 3 ]] || fail "pipe: '$OUTPUT', not 3"
OUTPUT=$( (echo one; sleep 2; echo two) | "$RUN" --timeout "$GUEST_LIMIT" --exec 'cat; echo end' 2>"$SCRATCH/errors") ||
	fail "lasting pipe: status $?"
[[ $OUTPUT == $'one\ntwo\nend' ]] || fail "lasting pipe: '$OUTPUT'"

mkdir -p "$SCRATCH/root/etc" "$SCRATCH/root/bin"
echo laid over >"$SCRATCH/root/etc/mark"
printf '#!/bin/sh\necho mine "$@"\n' >"$SCRATCH/root/bin/mine"
chmod +x "$SCRATCH/root/bin/mine"
expect_output $'laid over\nmine 1 2' --root "$SCRATCH/root" 'cat /etc/mark; mine 1 2'
