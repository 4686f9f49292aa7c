#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""boards/common/mkinitramfs: what it packs, where file data lies, and that equal inputs give equal bytes."""
import os
import stat
import subprocess
import tempfile
import unittest

PACKER = "boards/common/mkinitramfs"


def read_archive(data):
    """[(name, mode, uid, gid, mtime, namesize, data offset, data, inode, links)] and the offset past the trailer."""
    entries, offset = [], 0
    while True:
        assert data[offset:offset + 6] == b"070701", offset
        fields = [int(data[offset + 6 + 8 * i:offset + 14 + 8 * i], 16) for i in range(13)]
        namesize, size = fields[11], fields[6]
        name = data[offset + 110:offset + 110 + namesize].split(b"\0")[0].decode()
        at = (offset + 110 + namesize + 3) & ~3
        if name == "TRAILER!!!":
            return entries, at
        entries.append((name, fields[1], fields[2], fields[3], fields[5], namesize, at, data[at:at + size],
                        fields[0], fields[4]))
        offset = (at + size + 3) & ~3


class Packing(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.top = self.directory.name

    def tearDown(self):
        self.directory.cleanup()

    def put(self, path, data=b"", mode=0o644):
        path = os.path.join(self.top, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
        os.chmod(path, mode)
        return path

    def pack(self, *args):
        out = os.path.join(self.top, "out.cpio")
        subprocess.run([PACKER, *args[:-1], out, *([os.path.join(self.top, args[-1])] if args[-1] else [])], check=True)
        with open(out, "rb") as file:
            data = file.read()
        self.assertEqual(len(data) % 4096, 0)
        entries, end = read_archive(data)
        self.assertEqual(data[end:].strip(b"\0"), b"")
        names = [entry[0] for entry in entries if entry[0] != "."]
        self.assertEqual(names, sorted(set(names)))
        for entry in entries:
            self.assertEqual(entry[2:5], (0, 0, 0))
            self.assertLessEqual(entry[5], 4096)
            if len(entry[7]) >= 4096 and stat.S_ISREG(entry[1]):
                self.assertEqual(entry[6] % 4096, 0, entry[0])
        return {entry[0]: entry for entry in entries}, data

    def test_data_lies_on_page_boundaries(self):
        for i in range(200):
            self.put(f"t/dir{i % 7}/{'n' * (i % 90 + 1)}{i}", bytes([i]) * (i * 97))
        entries, _ = self.pack("t")
        for i in range(200):
            self.assertEqual(entries[f"dir{i % 7}/{'n' * (i % 90 + 1)}{i}"][7], bytes([i]) * (i * 97))

    def test_modes_and_links(self):
        self.put("t/a/script", b"#!", 0o4755)
        os.symlink("../x y", os.path.join(self.top, "t/a/link"))
        os.makedirs(os.path.join(self.top, "t/empty"))
        os.chmod(os.path.join(self.top, "t/empty"), 0o1777)
        entries, _ = self.pack("t")
        self.assertEqual(entries["a/script"][1], stat.S_IFREG | 0o4755)
        self.assertEqual(entries["a/link"][1], stat.S_IFLNK | 0o777)
        self.assertEqual(entries["a/link"][7], b"../x y")
        self.assertEqual(entries["empty"][1], stat.S_IFDIR | 0o1777)

    def test_places_of_before_the_merge(self):
        self.put("t/bin/tool", b"1", 0o755)
        self.put("t/lib/aarch64-linux-gnu/libx.so", b"2")
        self.put("t/usr/lib/liby.so", b"3")
        entries, _ = self.pack("t")
        self.assertEqual(set(entries), {"usr", "usr/bin", "usr/bin/tool", "usr/lib", "usr/lib/aarch64-linux-gnu",
                                        "usr/lib/aarch64-linux-gnu/libx.so", "usr/lib/liby.so"})

    def test_base(self):
        self.put("t/etc/motd", b"hello", 0o600)
        entries, _ = self.pack("--base", "--program", self.put("p/prog", b"x"), "t")
        self.assertEqual(entries["etc/motd"][1], stat.S_IFREG | 0o644)
        self.assertEqual(entries["bin"][7], b"usr/bin")
        self.assertEqual(entries["tmp"][1], stat.S_IFDIR | 0o1777)
        self.assertEqual(entries["usr/bin/prog"][1], stat.S_IFREG | 0o755)

    def test_applets(self):
        names = ["[", "[["] + sorted(f"applet{i:02}" for i in range(60)) + ["sh", "yes", "zcat"]
        table = b"\x7fELF junk" + b"\0".join(name.encode() for name in names) + b"\0more\0words\0"
        box = self.put("box", b"[\0[[\0builtin\0" + table)
        self.put("t/bin/yes", b"ours", 0o755)
        entries, _ = self.pack("--busybox", box, "t")
        self.assertEqual(entries["usr/bin/yes"][7], b"ours")
        ours = [name for name in names if name != "yes"] + ["busybox"]
        links = {name for name in entries if entries[name][8] == entries["usr/bin/sh"][8]}
        self.assertEqual(links, {"usr/bin/" + name for name in ours})
        for name in links:
            self.assertEqual(entries[name][1], stat.S_IFREG | 0o755)
            self.assertEqual(entries[name][9], len(ours))
            self.assertEqual(len(entries[name][7]), os.path.getsize(box) if name == "usr/bin/busybox" else 0)

    def test_files_by_name(self):
        entries, _ = self.pack("--file", f"/etc/granule/exec={self.put('cmd', b'true')}:600", "")
        self.assertEqual(entries["etc/granule/exec"][1], stat.S_IFREG | 0o600)
        self.assertEqual(entries["etc/granule"][1], stat.S_IFDIR | 0o755)

    def test_same_bytes_again(self):
        self.put("t/z", b"z" * 5000)
        self.put("t/a/b", b"b")
        first = self.pack("t")[1]
        os.utime(os.path.join(self.top, "t/z"), (1, 1))
        self.assertEqual(first, self.pack("t")[1])

    def test_failures_leave_no_archive(self):
        out = os.path.join(self.top, "out.cpio")
        for args in ([out, self.top + "/nowhere"], ["--busybox", self.put("box", b"no table"), out],
                     ["--program", self.top + "/nowhere", out]):
            result = subprocess.run([PACKER, *args], stderr=subprocess.PIPE, check=False)
            self.assertNotEqual(result.returncode, 0)
            self.assertEqual(result.stderr.count(b"\n"), 1, result.stderr)
            self.assertFalse([name for name in os.listdir(self.top) if name.startswith("out.cpio")])


if __name__ == "__main__":
    unittest.main()
