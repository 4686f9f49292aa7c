# SPDX-License-Identifier: MIT
# TIMEOUT: 200
# CPUS: 1
#
# What a shell and BusyBox's tools need: pipes, redirection, the environment, job control, status, files, tools.
. "$(dirname "$0")/lib.sh"

cat >"$SCRATCH/script" <<'END'
set -e
cd /tmp
echo one two three | tr ' ' '\n' | sort -r | head -n 2 | tr '\n' ' '; echo
printf 'b\na\nc\n' >f; sort <f >g; cat g - <<X | tr '\n' ,; echo
here
X
echo more >>g; wc -l <g; { echo out; echo err >&2; } 2>e | cat; cat e
A=x sh -c 'echo $A$B' ; export B=y; sh -c 'echo $A$B'; env | grep -c '^B=y$'
sh -c 'exit 9' || echo status $?; sh -c 'kill -PIPE $$' || echo status $?
(sleep 0.1; exit 4) & wait $! || echo waited $?
yes | head -n 100000 | wc -l
x=$(seq 1 1000 | awk '{ s += $1 } END { print s }'); echo $x; echo $((x / 7)) $((1 << 40))
mkdir -p d/e; echo hi >d/e/f; ln -s e/f d/l; ln d/e/f d/h; cat d/l d/h; find d | sort | tr '\n' ' '; echo
stat -c '%a %s %h' d/h; chmod 640 d/h; stat -c %a d/e/f; mv d/h d/i; test ! -e d/h; readlink d/l
tar cf t.tar d; rm -r d; tar xf t.tar; cat d/l; gzip -c t.tar | gunzip | cmp - t.tar && echo same
dd if=/dev/urandom of=r bs=64k count=16 2>/dev/null; md5sum r | cut -d' ' -f1 >m1; cp r r2; md5sum r2 | cut -d' ' -f1 | cmp - m1 && echo same
mkfifo p; (echo through >p) & read v <p; echo $v
trap 'echo trapped' USR1; kill -USR1 $$; trap - USR1
[ "$(cat /proc/self/comm)" = cat ] && grep -c '^MemTotal: *6[0-9]* kB$' /proc/meminfo
ps | grep -c '[/]sbin/init'; rm -f f g e p r r2 m1 t.tar; rm -r d; ls | wc -l
END
cat >"$SCRATCH/expected-lines" <<'END'
two three 
a,b,c,here,
4
out
err
x
y
1
status 9
status 141
waited 4
100000
500500
71500 1099511627776
hi
hi
d d/e d/e/f d/h d/l 
644 3 2
640
e/f
hi
same
same
through
trapped
1
1
0
END
mkdir -p "$SCRATCH/root/root"
cp "$SCRATCH/script" "$SCRATCH/root/root/script"
expect_output "$(<"$SCRATCH/expected-lines")" --root "$SCRATCH/root" 'sh /root/script'

# Job control of an interactive shell on its terminal: a job is stopped, goes on in the background and is ended.
expect_match '^done 143$' 'set -m; sleep 100 & kill -STOP %1; until jobs | grep -q Stopped; do usleep 20000; done; bg %1 >/dev/null; kill %1; wait %1; echo done $?'
expect_match '^broken 141$' 'sh -c "yes; true" | true; set -o pipefail; (exec yes) | head -n 1 >/dev/null; echo broken $?'
expect_status 124 'timeout 1 sleep 100 || exit $(( $? == 143 ? 124 : $? ))'
