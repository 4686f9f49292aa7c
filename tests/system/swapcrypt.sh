# SPDX-License-Identifier: MIT
# CPUS: 1
# RELEASE ONLY: others swap to disks in the kernel with its checks, encrypted as they are
#
# What swap leaves on a disk: with encryption nothing that can be read, without it what was stored; on by itself for disks, off for NOR. The cipher does what
# RFC 8439 says, and the vector registers that it works in are the program's again when that goes on.
. "$(dirname "$0")/lib.sh"

DISK=$SCRATCH/disk
TEXT='the-plain-text-that-nobody-may-read'

# A program keeps the text with a number behind it, so often that it has no room, and looks whether all is there: its word, what /proc/swapstore says of encryption, whether
# pages went out.
swap_out()
{
	guest_run --mem 16M --smp 1 --append zpool=0% "$@" "! test -e /dev/vda || { mkswap /dev/vda >/dev/null && swapon /dev/vda; }
		awk 'BEGIN { for (i = 0; i < 130000; i++) a[i] = \"$TEXT\" i; for (i = 0; i < 130000; i++) if (a[i] != \"$TEXT\" i) bad++; print bad + 0 }'
		sed -n 's/^encrypted //p' /proc/swapstore; awk '/^pswpout/ { print (\$2 > 1000) }' /proc/vmstat"
	(( STATUS == 0 )) || fail "status $STATUS"
}
blank() { rm -f "$DISK" && truncate -s 32M "$DISK"; }
readable() { grep -qaF "$TEXT" "$1"; }

blank && swap_out --swap none --disk "$DISK"
[[ $OUTPUT == $'0\n1\n1' ]] || fail "a disk: not encrypted by itself, or not swapped to"
expect_log 'swap store /dev/vda: .*, encrypted'
! readable "$DISK" || fail "what was swapped out can be read on the disk"

# So that the search can find something.
blank && swap_out --swap none --disk "$DISK" --append swap_encrypt=0
[[ $OUTPUT == $'0\n0\n1' ]] || fail "a disk with swap_encrypt=0: encrypted, or not swapped to"
readable "$DISK" || fail "the text is not found where it must be"

swap_out --keep-flash "$SCRATCH/flash"
[[ $OUTPUT == $'0\n0\n1' ]] || fail "NOR: encrypted by itself, or not swapped to"
readable "$SCRATCH/flash" || fail "NOR: the text is not found where it must be"
rm "$SCRATCH/flash"
swap_out --keep-flash "$SCRATCH/flash" --append swap_encrypt=1
[[ $OUTPUT == $'0\n1\n1' ]] || fail "NOR with swap_encrypt=1: not encrypted, or not swapped to"
! readable "$SCRATCH/flash" || fail "what was swapped out can be read on NOR"

# Two programs fault on pages that do not pack, and take turns with the page daemon, on one CPU.
guest_run --mem 20M --smp 1 --swap virtio --swap-size 80M --append zpool=0% \
	'chacha20; vectors 14 1 & vectors 14 1; wait; awk '"'"'/^pswpin/ { print ($2 > 1000) }'"'"' /proc/vmstat'
[[ $OUTPUT == $'0 failed\n0 changed\n0 changed\n1' ]] || fail "the cipher, or registers beneath it: $OUTPUT"
