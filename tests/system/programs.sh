# SPDX-License-Identifier: MIT
# TIMEOUT: 420
# CPUS: 1
# RELEASE ONLY: what they ask of the kernel others ask with the checks on
#
# Programs that nobody here wrote, from Debian's arm64 packages, with Debian's C library: databases and interpreters doing work whose
# result is known, in enough memory and in too little, and the tools that read /proc.
. "$(dirname "$0")/lib.sh"

need_packages
TESTS_ROOT= # our own programs would only take memory

# run WHAT ROOT [FLAGS...] COMMAND
run()
{
	WHAT=$1
	guest_run --root "$2" "${@:3}"
	(( STATUS == 0 )) || fail "$WHAT: status $STATUS"
}

# ---- A database ----
package_files "$SCRATCH/sqlite" usr/bin/sqlite3
cat >"$SCRATCH/sqlite/work.sql" <<'END'
PRAGMA temp_store = memory;
CREATE TABLE t(id INTEGER PRIMARY KEY, v INTEGER, text TEXT);
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
	INSERT INTO t SELECT i, i * 7919 % 10007, printf('%0200d', i) FROM n;
COMMIT;
CREATE INDEX by_v ON t(v);
SELECT count(*), sum(v), sum(length(text)) FROM t;
SELECT id FROM t WHERE v = 4242;
UPDATE t SET v = v + 1 WHERE id % 2;
DELETE FROM t WHERE id > 9000;
VACUUM;
PRAGMA integrity_check;
SELECT count(*), sum(v) FROM t;
END
# The same computed here.
sums=$(awk 'BEGIN { for (i = 1; i <= 10000; i++) { v = i * 7919 % 10007; a += v; if (v == 4242) id = i; if (i <= 9000) b += v + i % 2 }
	printf "10000|%d|2000000\n%d\nok\n9000|%d", a, id, b }')
run sqlite "$SCRATCH/sqlite" --mem 64M '/usr/bin/sqlite3 /tmp/db </work.sql && /usr/bin/sqlite3 /tmp/db "SELECT max(id) FROM t"'
[[ $OUTPUT == "$sums"$'\n9000' ]] || fail "sqlite: wrong results"
# Five times as large, in memory, which is paged out.
sed -i 's/%0200d/%01000d/' "$SCRATCH/sqlite/work.sql"
run "sqlite paging" "$SCRATCH/sqlite" --mem 24M '/usr/bin/sqlite3 :memory: </work.sql && grep pswpout /proc/vmstat'
[[ $OUTPUT == "${sums/2000000/10000000}"* ]] || fail "sqlite paging: wrong results"
grep -Eq '^pswpout [1-9][0-9]{2}' "$SCRATCH/output" || fail "$WHAT: nothing was paged out"

# ---- Interpreters ----
package_files "$SCRATCH/lua" usr/bin/lua5.4
cat >"$SCRATCH/lua/work.lua" <<'END'
local words, n = {}, 0
for i = 1, 120000 do
	local w = string.format("w%05d", i * 7919 % 50021)
	words[w] = (words[w] or 0) + 1
end
local keys = {}
for w in pairs(words) do keys[#keys + 1] = w end
table.sort(keys)
local co = coroutine.wrap(function() for _, w in ipairs(keys) do coroutine.yield(words[w]) end end)
for _ = 1, #keys do n = n + co() end
print(#keys, n, keys[1], keys[#keys])
END
run lua "$SCRATCH/lua" --mem 48M '/usr/bin/lua5.4 /work.lua'
[[ $OUTPUT == $'50021\t120000\tw00000\tw50020' ]] || fail "lua: wrong results"

python=$(readlink "$PACKAGES/usr/bin/python3")
library=usr/lib/$python
package_files "$SCRATCH/python" "usr/bin/$python"
for module in "$PACKAGES/$library"/*; do
	case ${module##*/} in
	test | lib-dynload | pydoc_data | idlelib | tkinter | ensurepip | lib2to3 | asyncio | email | unittest | xml* | http | config-*) ;;
	*) package_files "$SCRATCH/python" "$library/${module##*/}" ;;
	esac
done
for module in _json mmap; do
	for file in "$PACKAGES/$library/lib-dynload/$module".*; do
		[[ ! -e $file ]] || package_files "$SCRATCH/python" "$library/lib-dynload/${file##*/}"
	done
done
cat >"$SCRATCH/python/work.py" <<'END'
import hashlib, json, os, subprocess, sys, threading, time

# Eight threads share one lock and one table.
table, lock = {}, threading.Lock()
def work(k):
    for i in range(2000):
        with lock:
            table[i] = table.get(i, 0) + k
threads = [threading.Thread(target=work, args=(k,)) for k in range(1, 9)]
[t.start() for t in threads]
[t.join() for t in threads]
print("threads", len(table), sum(table.values()))

# Text there and back again.
data = {"n%d" % i: [i, i / 4, None, "\u00e4" * (i % 7)] for i in range(3000)}
text = json.dumps(data, sort_keys=True)
print("json", json.loads(text) == data, len(text))

# Programs started and talked to by pipes.
p = subprocess.run([sys.executable, "-c", "import sys; print(sys.stdin.read()[::-1])"], input="olleh", capture_output=True, text=True)
print("subprocess", p.returncode, p.stdout.strip())
out = subprocess.check_output("seq 1000 | sort -rn | head -n 1", shell=True, text=True)
print("shell", out.strip())

# Memory: a few megabytes, written and read again after children have been forked off them.
block = bytearray(6 << 20)
for i in range(0, len(block), 4096):
    block[i:i + 2] = (i >> 12).to_bytes(2, "little")
children = []
for c in range(4):
    pid = os.fork()
    if pid == 0:
        good = all(int.from_bytes(block[i:i + 2], "little") == i >> 12 for i in range(0, len(block), 4096))
        for i in range(0, len(block), 8192):
            block[i] = c
        os._exit(10 + c if good else 1)
    children.append(pid)
print("children", [os.waitstatus_to_exitcode(os.waitpid(p, 0)[1]) for p in children])
print("memory", hashlib.sha256(block).hexdigest()[:16])
t = time.monotonic(); time.sleep(0.05)
print("time", 0.05 <= time.monotonic() - t < 20)
END
memory=$(python3 -c 'import hashlib
b = bytearray(6 << 20)
for i in range(0, len(b), 4096): b[i:i + 2] = (i >> 12).to_bytes(2, "little")
print(hashlib.sha256(b).hexdigest()[:16])')
length=$(python3 -c 'import json
print(len(json.dumps({"n%d" % i: [i, i / 4, None, "\u00e4" * (i % 7)] for i in range(3000)}, sort_keys=True)))')
expected="threads 2000 72000
json True $length
subprocess 0 hello
shell 1000
children [10, 11, 12, 13]
memory $memory
time True"
for mem in 96M 44M; do
	run "python in $mem" "$SCRATCH/python" --mem "$mem" "/usr/bin/$python -S /work.py && grep pswpout /proc/vmstat"
	[[ $OUTPUT == "$expected"$'\n'* ]] || fail "python in $mem: wrong results"
done
grep -Eq '^pswpout [1-9][0-9]{2}' "$SCRATCH/output" || fail "$WHAT: nothing was paged out"
