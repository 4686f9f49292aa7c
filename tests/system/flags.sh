# SPDX-License-Identifier: MIT
#
# What run does with requests it cannot meet: one line on stderr, status 2, no guest.
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
refused --gic 4
refused --swap tape
refused --swap virtio
refused --swap-size 100K
refused --swap-size 64M
refused --swap none --swap-size 1M
refused --keep-flash "$SCRATCH/short"
refused --keep-flash "$SCRATCH/no/such/file"
refused --root "$SCRATCH/nowhere" --exec true
refused --exec ''
refused --timeout soon
refused --uboot
refused --log

"$RUN" --help >"$SCRATCH/output" 2>"$SCRATCH/errors" || fail "--help: status $?"
grep -q -- --keep-flash "$SCRATCH/output" || fail "--help does not tell the flags"
