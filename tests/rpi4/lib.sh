# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Helpers of the tests on QEMU's raspi4b: those of the system tests (tests/system/lib.sh), with boards/rpi4/run in the place of virt's. Where no QEMU knows the
# board and none can be fetched, a test is left out.
. "$(dirname "${BASH_SOURCE[0]}")/../system/lib.sh"
RUN=$PWD/boards/rpi4/run
PATH=$PATH:/usr/sbin:/sbin
ROOT_AT=$(( 68 << 20 )) # boards/common/mkcard
BOOT_AT=$(( 4 << 20 ))

(
	ME=tests/rpi4
	. boards/common/lib.sh
	. boards/common/tools.sh
	need_qemu_rpi4
) 2>"$SCRATCH/errors" || { echo "left out: $(<"$SCRATCH/errors")"; exit 77; }

# clean CARD WHEN: the root file system on the card is whole
clean()
{
	e2fsck -fn "$1?offset=$ROOT_AT" >"$SCRATCH/fsck" 2>&1 || fail "e2fsck -fn after $2: $(<"$SCRATCH/fsck")"
}

# figure NAME: what the command printed of it
figure() { sed -n "s/^$1 //p" "$SCRATCH/output"; }
