# SPDX-License-Identifier: MIT
# TIMEOUT: 600
# CPUS: 1
#
# What damaged input gets: an error or a signal to the guilty, a message, and the system goes on.
. "$(dirname "$0")/lib.sh"

# Every pointer and every length of every call, wrong in every way: as Linux answers, and nothing is left behind.
guest=tests/system/guest
expected_answers "$guest/badargs-differs.txt" "$guest/badargs-linux-6.1.txt" >"$SCRATCH/expected-answers"
GUEST_LIMIT=240 guest_run badargs
(( STATUS == 0 )) || fail "badargs: status $STATUS"
diff "$SCRATCH/expected-answers" "$SCRATCH/output" >"$SCRATCH/differences" || {
	cp "$SCRATCH/differences" "$SCRATCH/output"
	fail 'answers are not those expected (<)'
}

# Times, clocks and flags that timers and sleeps cannot have.
expected_answers "$guest/badtimes-differs.txt" "$guest/badtimes-linux-6.1.txt" >"$SCRATCH/expected-times"
guest_run badtimes
diff "$SCRATCH/expected-times" "$SCRATCH/output" || fail 'answers to bad times are not those expected (<)'

# Programs cut off at every interesting length, or damaged: refused, or ended by a signal, never more.
cat >"$SCRATCH/elf" <<'END'
cd /tmp
for n in 0 1 4 16 63 64 65 100 120 200 500 4096 5000 100000 300000; do
	dd if=/bin/busybox of=cut bs=$n count=1 2>/dev/null || : >cut
	chmod +x cut
	(exec ./cut true) >/dev/null 2>&1 </dev/null
	s=$?
	[ $s != 0 ] || [ $n = 0 ] || echo "cut at $n runs"
done
# Bytes of the headers, one after the other, set to all ones.
dd if=/bin/busybox of=head bs=512 count=1 2>/dev/null
for at in $(seq 16 5 150); do
	cp head bad
	printf '\377\377' | dd of=bad bs=1 seek=$at conv=notrunc 2>/dev/null
	chmod +x bad
	(exec timeout 5 ./bad true) >/dev/null 2>&1 </dev/null
done
mkdir dir; ./dir 2>/dev/null || echo dir $?
echo '#!/no/such' >s; chmod +x s; (exec ./s) 2>/dev/null || echo script $?
echo '#!/tmp/s' >s; (exec ./s) 2>/dev/null || echo loop $?
echo alive
END
mkdir -p "$SCRATCH/root/root"
cp "$SCRATCH/elf" "$SCRATCH/root/root/elf"
expect_output $'dir 126\nscript 127\nloop 127\nalive' --root "$SCRATCH/root" 'sh /root/elf 2>/dev/null'

# No flash, hence no swap: said so, and the rest works.
expect_output works --swap none 'echo works'

# A partition that holds something else is left alone, with advice, and the system runs without swap.
head -c 67108864 /dev/zero | tr '\0' '\377' >"$SCRATCH/flash"
yes 'somebody else lives here' | head -c 1048576 | dd of="$SCRATCH/flash" bs=262144 seek=1 conv=notrunc 2>/dev/null
cp "$SCRATCH/flash" "$SCRATCH/flash.before"
expect_output 1 --keep-flash "$SCRATCH/flash" 'wc -l </proc/swaps'
expect_log 'swap.*(foreign|format|content)'
cmp -s "$SCRATCH/flash" "$SCRATCH/flash.before" || fail "foreign content of the swap partition was changed"

# An initramfs that ends too soon, or is none: a message, and a clear end.
cut_initrd()
{
	cp "$1" "$SCRATCH/cut.cpio"
	timeout 30 qemu-system-aarch64 -nodefaults -display none -no-reboot -M virt -cpu cortex-a72 -m 64M \
		-kernel .build/kernel/Image -initrd "$SCRATCH/cut.cpio" -serial file:"$SCRATCH/errors" \
		-semihosting-config enable=on,target=native -append console=ttyAMA0 </dev/null >"$SCRATCH/output" 2>&1
	STATUS=$?
	(( STATUS != 124 && STATUS != 0 )) || fail "initramfs $2: status $STATUS"
	grep -aqi 'initramfs\|init' "$SCRATCH/errors" || fail "initramfs $2: nothing is said"
}
head -c 100000 .build/kernel/root.cpio >"$SCRATCH/part"
cut_initrd "$SCRATCH/part" "cut off"
head -c 100000 /dev/urandom >"$SCRATCH/noise"
cut_initrd "$SCRATCH/noise" "of noise"
