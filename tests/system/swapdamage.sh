# SPDX-License-Identifier: MIT
# TIMEOUT: 120
# CPUS: 1
#
# Bits that flip on the NOR flash under two programs that are paged: no byte is ever wrong. Whose page it was gets SIGBUS with BUS_MCEERR_AR, the other one and all other
# pages go on; the segments are retired, also for the next boot. And flash that may not be written: swap is off or full, programs stay in RAM.
. "$(dirname "$0")/lib.sh"
FLASH=$SCRATCH/flash
BANK=$((64 << 20)) BLOCK=$((256 << 10)) # bank 1 begins at 64 MB; its first block is no swap

# figure NAME: of /proc/swapstore, when the command printed that at its end
figure() { sed -nE "s/^$1 ([0-9]+)$/\\1/p" "$SCRATCH/output"; }

mkdir -p "$SCRATCH/root/bin"
cp "$TESTS_ROOT/bin/damage" "$SCRATCH/root/bin" || fail "the program is not built"
"$RUN" --log --timeout "$GUEST_LIMIT" --mem 32M --smp 1 --append zpool=0% --keep-flash "$FLASH" --root "$SCRATCH/root" --exec 'damage 5000 4; cat /proc/swapstore' \
	-- -chardev socket,id=gdb,path="$SCRATCH/gdb",server=on,wait=off -gdb chardev:gdb \
	>"$SCRATCH/output" 2>"$SCRATCH/errors" </dev/null &
for (( i = 0; i < 400; i++ )); do
	! grep -q '^ready' "$SCRATCH/output" || break
	sleep 0.1
done
# In the middle of the second record of segments far apart; the first ones have pages of the shell's.
for (( i = 20; i < 64; i += 4 )); do addresses+=($((BANK + BLOCK * (i + 1) + 64 + 4112 + 2000))); done
tests/system/norflip "$SCRATCH/gdb" "${addresses[@]}" || fail "the flash could not be damaged"
wait $! || fail "damage: status $?"
grep -q '^damage: all others right$' "$SCRATCH/output" || fail "a wrong byte, or a signal where there should be none"
lost=$(awk '/^[01]: / { n += $2 } END { print n }' "$SCRATCH/output")
(( lost >= 4 && lost <= ${#addresses[@]} )) || fail "$lost pages were lost by ${#addresses[@]} flips"
(( $(figure checksum_failures) >= lost )) || fail "$(figure checksum_failures) checksum failures"
ERRORS=$(<"$SCRATCH/errors")
expect_log 'swap store swap: slot [0-9]+ cannot be read back from segment [0-9]+'
expect_log 'swap: slot [0-9]+ cannot be read back \(error 5\): its users get SIGBUS'
expect_log 'segment [0-9]+ retired: a program failed or a checksum was wrong'
retired=$(figure segments_retired)
(( retired >= 1 )) || fail "no segment was retired"

guest_run --smp 1 --keep-flash "$FLASH" 'cat /proc/swapstore; swapstat | grep -o XX | wc -l'
(( $(figure segments_retired) == retired )) || fail "$(figure segments_retired) segments are retired after a reboot, not $retired"
[[ $OUTPUT == *$'\n'$((retired + 1)) ]] || fail "swapstat does not mark the retired segments"

# ---- Flash that may not be written ----
expect_output $'ate\nKilled\nalive' --mem 32M --smp 1 --append 'mtdparts=pflash1:256k(env),-(swap)ro' 'eater 16; eater 60 >/dev/null; echo alive'
