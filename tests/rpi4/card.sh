# SPDX-License-Identifier: MIT
# TIMEOUT: 400
# CPUS: 1
#
# The whole way from a card image: U-Boot, the root file system and swap on the card; programs larger than RAM, whole to the last word, with a
# real-time task beside them that is never late; ext2 clean after each end; what the swap store remembers from boot to boot. Counted instructions on one CPU are
# exact here, too: the others stay in the spin table.
. "$(dirname "$0")/lib.sh"
GUEST_LIMIT=200
CARD=$SCRATCH/card.img
ONE=(--icount --append maxcpus=1)

# ---- A first boot: the card is made, and found by U-Boot and by the kernel ----
guest_run --card "$CARD" "${ONE[@]}" 'up=$(cut -d " " -f 1 /proc/uptime); echo up $up; cut -d " " -f 1-4 /proc/mounts | grep " / "
	awk "NR == 2 { print \$1, (\$3 > 100000) }" /proc/swaps; echo kept >/etc/kept; cat /proc/swapstore'
(( STATUS == 0 )) || fail "the first boot: status $STATUS"
grep -qx '/dev/mmcblk0p2 / ext2 rw,relatime' "$SCRATCH/output" && grep -qx '/dev/mmcblk0p3 1' "$SCRATCH/output" || fail "root or swap is elsewhere"
started=$(sed -nE 's/^\[ *([0-9.]+)\] Granule: .*/\1/p' "$SCRATCH/errors")
awk -v from="$started" -v to="$(figure up)" 'BEGIN { t = to - from; printf "U-Boot'"'"'s hand-over to shell: %.3f s\n", t; exit !(t >= 0 && t < 2) }' ||
	fail "from U-Boot's hand-over to the shell"
programmed=$(figure bytes_programmed_ever)
clean "$CARD" "a first boot"

# ---- Four CPUs, through the interactive shell's way: what was kept is there ----
expect_output $'kept\n4' --card "$CARD" 'cat /etc/kept; nproc; rm /etc/kept; head -c 3000000 /dev/urandom >/var/big; md5sum /var/big >/var/sum'
clean "$CARD" "files of megabytes"

# ---- The demonstration, in small: the clock counts instructions, so its limits hold ----
expect_match '^demo: all of it held$' "${ONE[@]}" --swap-size 12M --ram-limit 16M 'demo --work 18 --fork 4 --passes 1'

# ---- More than there is: every word, and the real-time task on time ----
expect_match '^thrash ok: 0 bad pages of 8192$' --card "$CARD" "${ONE[@]}" --ram-limit 24M --append zpool=0% 'thrash 32 1 rt; cat /proc/swapstore
	awk "\$3 == \"mmcblk0p3\" { print \"sectors_read\", \$6 }" /proc/diskstats'
(( $(figure sectors_read) > 4096 )) || fail "hardly a page came back from the card"
worst=$(sed -nE 's/^rt: .* worst ([0-9]+) ns; majflt 0;.*/\1/p' "$SCRATCH/output")
[[ -n $worst ]] && (( worst < 20000 )) || fail "the real-time task woke up ${worst:-?} ns late, or took major faults"
echo "real-time task beside 32 MB in 24 MB, paged to the card: at most $worst ns late"
# What was written in this boot adds up with what was before it.
now=$(figure bytes_programmed) ever=$(figure bytes_programmed_ever)
(( now > 500000 && ever >= programmed + now )) || fail "the wear record forgets: $programmed before, $now in this boot, $ever ever"
expect_match "^bytes_programmed_ever [0-9]+$" --card "$CARD" "${ONE[@]}" 'cat /proc/swapstore; md5sum -c /var/sum'
grep -qx '/var/big: OK' "$SCRATCH/output" || fail "what was written to a file has changed"
(( $(figure bytes_programmed_ever) >= ever )) || fail "the wear record forgets: $ever, then $(figure bytes_programmed_ever)"
expect_match '^all good$' --card "$CARD" --ram-limit 16M --timeout 150 'faultonce 17'
clean "$CARD" "programs larger than memory"
