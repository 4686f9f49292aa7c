# SPDX-License-Identifier: MIT
# TIMEOUT: 180
# CPUS: 1
# RELEASE ONLY: the unit tests of the store have the checks
#
# The write budget of swap: a leak stops at it and is ended, everything else goes on; it is raised at run time; a reboot does not renew it. And swapstat, which
# shows it: with swap, without, and asked wrongly.
. "$(dirname "$0")/lib.sh"

# figure NAME: of /proc/swapstore, when the command printed that at its end
figure() { sed -nE "s/^$1 (-?[0-9]+)$/\\1/p" "$SCRATCH/output"; }

FLASH=$SCRATCH/flash
truncate -s 8M "$SCRATCH/disk"
small=(--mem 32M --smp 1 --append zpool=0% --keep-flash "$FLASH")
overdraft=$((1 << 20)) # a batch and its cleaning

# ---- A leak ----
guest_run "${small[@]}" --append swap_budget=24M,4M 'sleep 1000 & eater 48; echo $?; kill $! && echo alive; cat /proc/swapstore'
[[ $OUTPUT == *$'137\nalive\n'* ]] || fail "the leak was not ended, or not alone"
spent=$(figure bytes_programmed)
(( spent > 3 << 20 && spent < (4 << 20) + overdraft )) || fail "$spent bytes were written with a budget of 4 MB at once"
(( $(figure budget_spent) == 1 && $(figure budget_refusals) > 0 )) || fail "the budget is not said to be spent"
expect_log 'swap: the write budget of swap is spent: counts as full'
expect_log 'oom: swap takes nothing: its write budget is spent$'

# ---- The next boot: nothing is left; more is given while it runs ----
guest_run "${small[@]}" --append swap_budget=24M,4M 'eater 48; cat /proc/swapstore; cd /proc/sys/vm; cat swap_budget swap_burst
	echo 200M >swap_burst && echo 0x40000000 >swap_budget && echo 0 >swap_budget && eater 48; cat swap_budget swap_burst
	for bad in -1 x 1x "1 M" 32768G; do echo "$bad" >swap_budget; done 2>/dev/null; cat swap_budget; echo auto >swap_burst 2>/dev/null; echo auto >swap_budget; cat swap_budget swap_burst'
(( $(figure bytes_programmed) < overdraft )) || fail "$(figure bytes_programmed) bytes were written by a boot that had nothing left"
[[ $OUTPUT == *$'\n25165824\n4194304\nate\n0\n209715200\n0\nauto\n209715200' ]] || fail "the settings"

# ---- What is wrong changes nothing: auto stays, and is said to ----
guest_run --smp 1 --append swap_budget=1G,x 'cat /proc/sys/vm/swap_budget'
[[ $OUTPUT == auto ]] || fail "swap_budget=1G,x was taken"
expect_log 'swap_budget=1G,x cannot be read; .*Auto stays in force'

# ---- One for one area alone, by its name: on the command line, and at run time ----
budgets='sed -n "s/^medium //p; s/^budget_b.* //p" /proc/swapstore'
expect_output $'swap\n25165824\n4194304\n/dev/vda\n1048576\n1048576\nInvalid argument\nNo such device\nswap\n1048576\n1048576\n/dev/vda\n0\n-' \
	--smp 1 --disk "$SCRATCH/disk" --append 'swap_budget=1M swap_budget:swap=24M,4M' "mkswap /dev/vda >/dev/null; swapon /dev/vda; $budgets; cd /proc
	for b in '/dev/vda lots' '/dev/vdb 1G' '/dev/vda 0' 'swap default'; do echo \"\$b\" 2>&1 >swapstore | sed 's/.*: //'; done; $budgets"

# ---- swapstat ----
expect_match '^ +32  (9|0)' "${small[@]}" --append swap_budget=24M,4M --append swap_cycles=10 'swapstat | cat
	cd /proc; cat swapstore_map | md5sum; dd if=swapstore_map bs=37 2>/dev/null | md5sum; wc -c <swapstore_map'
[[ $(tail -n 3 "$SCRATCH/output" | uniq -c | awk '{ print $1, $2 }') =~ ^2\ [0-9a-f]+$'\n1 '$((255 * 32))$ ]] || fail "parts of the map are not the whole"
for line in 'swap: 255 segments of 256 KB, [0-9]+ free, 0 retired; 0 pages are there' '  written   0 bytes since boot, .*; [0-9]+ MB since it was new' \
	'  wear      segments were erased .* of the 10 they are rated for' '  budget    24 MB a day, 4.0 MB at once; .* left.*; lasts [0-9]+ days or more' '  errors    none since boot'; do
	grep -Eq "^$line$" "$SCRATCH/output" || fail "swapstat does not say '$line'"
done
if grep -q $'\033' "$SCRATCH/output"; then fail "colours in a pipe"; fi
(( $(grep -Ec '^ *[0-9]+  [0-9X]' "$SCRATCH/output") == 8 )) || fail "not eight rows of 32 segments"

expect_output $'There is no swap. swapon adds some; a flash partition named swap is found at boot.\n0\n2\n2\n2\n0' --smp 1 --swap none \
	'swapstat; echo $?; swapstat -x 2>/dev/null; echo $?; swapstat -w 0 2>/dev/null; echo $?; swapstat -w 1 2 2>/dev/null; echo $?; wc -c </proc/swapstore_map'
expect_match $'\033\\[32m0-' --smp 1 --append swap_budget=auto,1M 'swapstat -w 1 & sleep 2.5; kill $!; wait $! 2>/dev/null; swapstat >/dev/null'
(( $(grep -c 'swap: 255 segments' "$SCRATCH/output") >= 2 )) || fail "swapstat -w shows itself once"
if grep -q 'swap_budget=auto,1M cannot' "$SCRATCH/errors"; then fail "swap_budget=auto,1M is complained of"; fi
