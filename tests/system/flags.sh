# SPDX-License-Identifier: MIT
# CPUS: 1
# RELEASE ONLY: they are of run
#
# What run does with requests it cannot meet: one line on stderr, status 2, no guest. And with odd descriptors, places
# and sizes that it can.
. "$(dirname "$0")/lib.sh"

refused()
{
	"$RUN" "$@" </dev/null >"$SCRATCH/output" 2>"$SCRATCH/errors"
	STATUS=$?
	(( STATUS == 2 )) || fail "run $*: status $STATUS, not 2"
	[[ ! -s $SCRATCH/output ]] || fail "run $*: wrote to standard output"
	(( $(wc -l <"$SCRATCH/errors") == 1 )) || fail "run $*: not one line of explanation"
}

echo short >"$SCRATCH/short"
refused --no-such-flag
refused --mem lots
refused --mem 1M
refused --mem
refused --smp 0
refused --smp 9
refused --smp 1000
refused --gic 3 --smp 17
refused --cpu no-such-cpu --exec true
refused --cpu cortex-a15 --exec true
refused --cpu cortex-a72,none=1 --exec true
refused --mem 900000000G --exec true
refused --gic 4
refused --swap tape
refused --swap virtio --keep-flash "$SCRATCH/flash"
refused --swap virtio --swap-size 100K
refused --swap-size 100K
refused --swap-size 64M
refused --swap none --swap-size 1M
refused --keep-flash "$SCRATCH/short"
refused --keep-flash "$SCRATCH/no/such/file"
refused --root "$SCRATCH/nowhere" --exec true
refused --disk "$SCRATCH/nowhere" --exec true
refused --disk "$SCRATCH/short" --exec true
refused --disk "$SCRATCH" --exec true
refused --disk
refused --root-on-disk
refused --root-on-disk "$SCRATCH" --exec true
refused --root-on-disk "$SCRATCH/no/such/disk" --exec true
refused --root-on-disk "$SCRATCH/short" --exec true
refused --exec ''
refused --timeout soon
refused --swap-size ''
refused --keep-flash ''
refused --exec true -- -no-such-flag
TMPDIR=$SCRATCH/nowhere refused --exec true
GRANULE_PRESET=unit refused --exec true
refused --uboot --root-on-disk "$SCRATCH/disk" --exec true
refused --uboot --mem 16M --exec true
refused --log

"$RUN" --help >"$SCRATCH/output" 2>"$SCRATCH/errors" || fail "--help: status $?"
grep -q -- --keep-flash "$SCRATCH/output" || fail "--help does not tell the flags"

# A root file system that QEMU has no place for says how much it takes, and that is enough.
mkdir "$SCRATCH/big"
head -c 40M /dev/urandom >"$SCRATCH/big/big"
refused --root "$SCRATCH/big" --exec true
mem=$(sed -n 's/.*give --mem \([0-9]*M\) or more$/\1/p' "$SCRATCH/errors")
OUTPUT=$("$RUN" --timeout "$GUEST_LIMIT" --mem "$mem" --root "$SCRATCH/big" --exec 'wc -c </big' 2>"$SCRATCH/errors")
[[ $OUTPUT == 41943040 ]] || fail "--mem $mem is not enough, although run said so"

expect_output 16 --gic 3 --smp 16 --mem 128M nproc
mkdir "$SCRATCH/a b, c"
TMPDIR="$SCRATCH/a b, c" expect_output kept --keep-flash "$SCRATCH/a b, c/flash" 'echo kept'
ln -s "$RUN" "$SCRATCH/run"
(cd / && "$SCRATCH/run" --exec 'exit 3' <&- >&- 2>&-)
(( $? == 3 )) || fail "through a link, from another directory, all descriptors closed"

# Without a terminal and a command, the shell reads its commands from standard input.
printf 'echo one\nexit 4\n' | "$RUN" --timeout "$GUEST_LIMIT" >"$SCRATCH/output" 2>"$SCRATCH/errors"
STATUS=$?
[[ $STATUS == 4 && $(<"$SCRATCH/output") == one ]] || fail "commands on standard input: status $STATUS"
expect_log 'init: exited with status 4'

mkdir "$SCRATCH/old"
printf '#!/bin/sh\necho "QEMU emulator version 5.2.0"\n' >"$SCRATCH/old/qemu-system-aarch64"
chmod +x "$SCRATCH/old/qemu-system-aarch64"
(unset GRANULE_NO_BUILD && PATH=$SCRATCH/old:$PATH refused --exec true) || exit
grep -q 'QEMU 5.2.0 is too old' "$SCRATCH/errors" || fail "an old QEMU is not named"
