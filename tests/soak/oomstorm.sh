# SPDX-License-Identifier: MIT
# TIMEOUT: 28800
#
# Two hundred rounds of each way in which memory ends, on one CPU and on four, with instructions counted: all frames are back after the last as after the first, and no victim needs the two seconds that it has.
# On one CPU no wake-up is late; on four, which QEMU runs one after the other, none by more than others run meanwhile.
# Some more in parallel, without that: emulated CPUs pass a contended lock on in the order of coming, each waiting until the host runs the next, so where it has fewer CPUs to give a victim may take seconds.
. "$(dirname "$0")/../system/lib.sh"
GUEST_LIMIT=7200
PATH=$PATH:/usr/sbin:/sbin

mkdir "$SCRATCH/files"
dd if=/dev/urandom of="$SCRATCH/files/file" bs=1M count=40 status=none
mke2fs -q -t ext2 -d "$SCRATCH/files" "$SCRATCH/disk.img" 50M >/dev/null 2>&1 || fail "mke2fs"

# storm FLAGS SETUP WAY: so many rounds of it, the worst wake-up within so many ns (0: any)
storm()
{
	local flags=$1 before=$2 way=$3 rounds=20 latest=0
	case $flags in
	*icount*smp\ 1*) rounds=200 latest=5000 ;;
	*icount*) rounds=200 latest=5000000 ;;
	esac
	[[ $way != cache ]] || latest=0 # the guest's clock follows the host's while a disk is waited for
	# shellcheck disable=SC2086 # several flags
	expect_match "^($way: [1-9]|nproc: 0|(many|bomb): [0-9])" $flags --append rt_reserve_kb=2048 "${before}oomstorm $way $rounds $latest; e=\$?; [ \$e = 0 ] && echo alive; exit \$e"
	grep -q '^alive$' "$SCRATCH/output" || fail "$flags, $way: the shell"
	cat "$SCRATCH/output"
	[[ $flags != *icount* ]] || ! grep 'is not gone' "$SCRATCH/errors" || fail "$flags, $way: a victim took two seconds"
}

for flags in '--icount --smp 1' '--icount --smp 4' '--smp 4'; do
	for way in one ten many tmpfs locked stopped threads vfork group nproc bomb; do
		storm "$flags --swap none" '' $way
	done
	storm "$flags --swap none --mem 32M --disk $SCRATCH/disk.img" 'mount -t ext2 -o ro /dev/vda /mnt; ' cache
	storm "$flags --mem 32M --swap-size 6M" '' pagein
done

# In circles, on a medium that counts as slow: a round is over, and a program has run, within two seconds of the end of one of those who thrash.
storm '--icount --smp 1 --mem 24M --swap-size 48M' 'echo 0 >/proc/sys/vm/thrash_wait_ms; ' thrash
grep -Eq 'back in (1?[0-9]{1,3}|2000) ms$' "$SCRATCH/output" || fail "thrash: the machine did not answer within two seconds"
storm '--smp 4 --mem 24M --swap-size 48M' 'echo 0 >/proc/sys/vm/thrash_wait_ms; ' thrash
