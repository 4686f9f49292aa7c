# SPDX-License-Identifier: MIT
# TIMEOUT: 240
#
# The root file system on a disk: made, kept, found by every name, remounted, clean after each end and repaired after a cut; programs that do
# not fit into memory run from it; an initramfs with a program of its own switches to it.
. "$(dirname "$0")/lib.sh"
TESTS_ROOT= # laid onto the disk each time, for nothing
PATH=$PATH:/usr/sbin:/sbin
ROOT=$SCRATCH/root.img

clean()
{
	e2fsck -fn "$ROOT" >"$SCRATCH/fsck" 2>&1 || fail "e2fsck -fn after $1: $(<"$SCRATCH/fsck")"
}

# ---- Made, used, kept ----
mkdir -p "$SCRATCH/a/opt" "$SCRATCH/b/opt"
echo one >"$SCRATCH/a/opt/text" && cp "$SCRATCH/a/opt/text" "$SCRATCH/a/opt/also" && ln -s text "$SCRATCH/a/opt/link"
printf '#!/bin/sh\necho ran $1\n' >"$SCRATCH/a/opt/script 1" && chmod 750 "$SCRATCH/a/opt/script 1"
expect_output $'/dev/vda / ext2 rw,relatime 0 0\none\none 1 750 0\nran x\n/dev/vda\nbusy' --root-on-disk "$ROOT" --root "$SCRATCH/a" '
	grep " / " /proc/mounts; cat /opt/text; set -- $(cat /opt/link) $(find /bin/ -samefile /bin/sh -name ash | wc -l) $(stat -c "%a %u" "/opt/script 1"); echo $*
	"/opt/script 1" x; df / | awk "NR == 2 { print \$1 }"; umount / 2>/dev/null || echo busy
	echo kept >/etc/kept; dd if=/dev/urandom of=/var/big bs=64k count=40 2>/dev/null; md5sum /var/big >/var/sum'
clean "a first run"
(( $(stat -c %b "$ROOT") < 100000 )) || fail "the disk's file is not sparse"
# The command of a former run is not that of the next; what is laid over it replaces and merges; a read-only root takes nothing.
echo two >"$SCRATCH/b/opt/text"
expect_output $'kept\n/var/big: OK\ntwo one\n1\nread-only\nvda ro\nagain' --root-on-disk "$ROOT" --root "$SCRATCH/b" --log '
	cat /etc/kept; md5sum -c /var/sum; echo $(cat /opt/text /opt/also); ls /etc/granule | grep -c exec
	mount -o remount,ro / && { touch /x 2>/dev/null || echo read-only; } && sed -n "s/^.dev.\(vda\) . ext2 \(r[ow]\),.*/\1 \2/p" /proc/mounts
	mount -o remount,rw / && echo again >/x && cat /x && mount -o remount,ro /'
clean "a root that was read-only in the end"
expect_status 7 --root-on-disk "$ROOT" '(exec 3</opt/text; rm /opt/text; sleep 100) & while test -e /opt/text; do :; done; exit 7'
clean "programs that still ran, and a file that was open without a name"
guest_run --root-on-disk "$ROOT" 'echo off >/var/off; poweroff; sleep 100'
[[ $STATUS == 0 && $(debugfs -R 'cat /var/off' "$ROOT" 2>/dev/null) == off ]] || fail "poweroff: status $STATUS"
clean poweroff

# ---- A machine that is cut off, and one that panics ----
"$RUN" --log --root-on-disk "$ROOT" --exec 'mkdir /kept; for i in $(seq 30); do echo $i >/kept/$i; done; cp /var/big /kept; sync; echo synced
	while :; do for i in $(seq 20); do echo $i >/lost$i; done; sync; rm /lost[0-9]*; done' </dev/null >"$SCRATCH/output" 2>"$SCRATCH/errors" &
for (( i = 0; i < GUEST_LIMIT * 10; i++ )); do
	! grep -q synced "$SCRATCH/output" || break
	sleep 0.1
done
sleep 1 # so that it is in the middle of something
kill $!
wait $!
[[ $? == 143 && $(<"$SCRATCH/output") == synced ]] || fail "the power did not go in the middle"
expect_output $'465\nsame' --root-on-disk "$ROOT" 'cat /kept/[0-9]* | awk "{ s += \$1 } END { print s }"; cmp /kept/big /var/big && echo same'
clean "a repair"

# ---- Found by each of its names ----
expect_output '/dev/vda / ext2 rw,relatime 0 0' --root-on-disk "$ROOT" 'grep " / " /proc/mounts' # this command stays on the disk
DISK=$SCRATCH/disk
UUID=$(dumpe2fs -h "$ROOT" 2>/dev/null | sed -n 's/^Filesystem UUID: *//p')
{
	head -c 440 /dev/zero
	printf '\357\276\255\336\0\0\0\0\0\0\203\0\0\0\0\10\0\0\0\0\10\0'
	head -c 48 /dev/zero
	printf '\125\252'
} >"$DISK"
truncate -s 1M "$DISK"
dd if="$ROOT" of="$DISK" bs=1M seek=1 conv=notrunc,sparse status=none
truncate -s 257M "$DISK"
for name in /dev/vda1 PARTUUID=DEADBEEF-01 "UUID=$UUID" LABEL=root; do
	expect_output '/dev/vda1 / ext2 ro,relatime 0 0' --disk "$DISK" --append "root=$name rootwait" 'grep " / " /proc/mounts'
done
guest_run --disk "$DISK" --append 'root=LABEL=other' true
(( STATUS == 125 )) || fail "a root that is not there: status $STATUS"
expect_log 'PANIC: root=LABEL=other cannot be mounted: there is no such device'
expect_log 'root: there is /dev/vda1, 262144 KB, PARTUUID=deadbeef-01'
guest_run --disk "$DISK" --append 'root=/dev/vda' true
expect_log 'PANIC: root=/dev/vda cannot be mounted: no file system that this kernel knows'

# ---- An initramfs that decides ----
mkdir -p "$SCRATCH/init"
cat >"$SCRATCH/init/init" <<'END'
#!/bin/sh
grep -q switch /proc/cmdline && mount -t ext2 /dev/vda1 /mnt && exec switch_root /mnt /bin/sh -c 'mount -t proc none /proc
	grep " / " /proc/mounts; cat /var/off; test -e /init || echo gone; poweroff -f'
mount -t ext2 /dev/vda1 /mnt && cd /mnt && mount -o move . /
exec chroot . /bin/sh -c 'mount -t proc none /proc; mkdir -p /second/first && mount -t tmpfs none /second && mkdir /second/first /second/proc
	cp -a /usr /bin /lib /sbin /second 2>/dev/null; cd /second && pivot_root . first && exec chroot . /bin/sh -c "
	mount -t proc none /proc; grep -c \" /first ext2 \" /proc/mounts; ls /first/var/off; umount /first/proc; umount /first && echo free; poweroff -f"'
END
chmod +x "$SCRATCH/init/init"
for how in switch pivot; do
	guest_run --disk "$DISK" --root "$SCRATCH/init" --append "root=/dev/vda1 $how" true
	echo "$how $STATUS: ${OUTPUT//$'\r'/}"
done >"$SCRATCH/switched"
e2fsck -p "$DISK?offset=1048576" >"$SCRATCH/fsck" 2>&1 || fail "after switching: $(<"$SCRATCH/fsck")"
cmp -s "$SCRATCH/switched" - <<'END' || { cp "$SCRATCH/switched" "$SCRATCH/output"; fail "switching the root"; }
switch 0: /dev/vda1 / ext2 rw,relatime 0 0
off
gone
pivot 0: 1
/first/var/off
free
END

# ---- Programs larger than memory ----
# 30 MB of text, a function a page, each called in turn, twice; then a database and an interpreter.
mkdir -p "$SCRATCH/c/usr/bin"
cat >"$SCRATCH/large.S" <<'END'
	.globl functions, functions_end
	.balign 4096
functions:
	.rept 7680
	add x0, x0, #1
	ret
	.balign 4096
	.endr
functions_end:
END
cat >"$SCRATCH/large.c" <<'END'
#include <stdio.h>
extern char functions[], functions_end[];
int main(void)
{
	long n = 0;
	for (int round = 0; round < 2; round++)
		for (char *f = functions; f < functions_end; f += 4096)
			n = ((long (*)(long))f)(n);
	printf("%ld\n", n);
	return 0;
}
END
aarch64-linux-gnu-gcc -O1 -static -o "$SCRATCH/c/usr/bin/large" "$SCRATCH/large.c" "$SCRATCH/large.S" || fail "no large program"
need_packages
package_files "$SCRATCH/c" usr/bin/sqlite3
python=$(readlink "$PACKAGES/usr/bin/python3")
package_files "$SCRATCH/c" "usr/bin/$python"
mkdir -p "$SCRATCH/c/usr/lib" && cp -r "$PACKAGES/usr/lib/$python" "$SCRATCH/c/usr/lib/" || fail "no library for $python"
cat >"$SCRATCH/c/work.py" <<'END'
import collections, json, random, re
random.seed(1)
words = ["w%d" % random.randrange(300) for _ in range(5000)]
count = collections.Counter(words)
print(sum(count.values()), len(json.dumps(count)) > 3000, re.sub("o+", "0", "foo boo"))
END
rm "$ROOT"
events='grep -E "^(pgmajfault|pswpout) " /proc/vmstat'
expect_match '^15360$' --mem 24M --smp 1 --swap none --root-on-disk "$ROOT" --root "$SCRATCH/c" "large; $events"
faults=$(sed -n 's/^pgmajfault //p' "$SCRATCH/output")
grep -qx 'pswpout 0' "$SCRATCH/output" || fail "text went to swap"
(( faults > 500 )) || fail "only $faults major faults for 60 MB of text"
expect_output $'5000 True f0 b0\n4501500\nok' --mem 24M --smp 1 --root-on-disk "$ROOT" "/usr/bin/$python /work.py
	/usr/bin/sqlite3 /var/db 'PRAGMA journal_mode = memory; CREATE TABLE t(a, b); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL
	SELECT i + 1 FROM n WHERE i < 3000) INSERT INTO t SELECT i, printf(\"%0300d\", i) FROM n; SELECT sum(a) FROM t; PRAGMA integrity_check' | grep -v memory"
clean "programs larger than memory"
