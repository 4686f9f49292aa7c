#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""boards/rpi4/flash: which devices it lists and refuses, in a made-up /sys and /proc; a file written, read back, and found different."""
import fcntl
import importlib.machinery
import importlib.util
import os
import select
import shutil
import subprocess
import sys
import tempfile
import termios
import unittest

FLASH = "boards/rpi4/flash"


def put(top, path, text=""):
    path = os.path.join(top, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def machine(top):
    """A disk, a stick with a mounted partition, an empty reader, a card, an eMMC, a card that RAID holds."""
    for name, removable, size in (("sda", 0, 1000000), ("sdb", 1, 62333952), ("sdc", 1, 0), ("sdd", 1, 31116288)):
        put(top, f"sys/block/{name}/removable", f"{removable}\n")
        put(top, f"sys/block/{name}/size", f"{size}\n")
        put(top, f"sys/block/{name}/device/model", f"Model of {name}\n")
    put(top, "sys/block/sdb/sdb1/partition", "1")
    put(top, "sys/class/block/sdd1/holders/md0/x")
    put(top, "sys/block/sdd/sdd1/partition", "1")
    for name, kind in (("mmcblk0", "SD"), ("mmcblk1", "MMC")):
        put(top, f"sys/block/{name}/removable", "0\n")
        put(top, f"sys/block/{name}/size", "15523840\n")
        put(top, f"sys/block/{name}/device/type", kind + "\n")
        put(top, f"sys/block/{name}/device/name", "SU08G\n")
    put(top, "sys/block/mmcblk0/mmcblk0p3/partition", "3")
    put(top, "proc/mounts", "/dev/sda1 / ext4 rw 0 0\n/dev/sdb1 /media/stick vfat rw 0 0\n")
    put(top, "proc/swaps", "Filename Type Size Used Priority\n/dev/mmcblk0p3 partition 1 0 -2\n")


def module(top):
    os.environ["GRANULE_SYS"], os.environ["GRANULE_PROC"] = os.path.join(top, "sys"), os.path.join(top, "proc")
    loader = importlib.machinery.SourceFileLoader("flash", FLASH)
    spec = importlib.util.spec_from_loader("flash", loader)
    flash = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode = True
    loader.exec_module(flash)
    return flash


class FlashTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.top = self.directory.name
        machine(self.top)
        self.flash = module(self.top)

    def tearDown(self):
        self.directory.cleanup()

    def run_flash(self, *args):
        return subprocess.run([FLASH, *args], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)

    def file(self, name, data):
        path = os.path.join(self.top, name)
        with open(path, "wb") as file:
            file.write(data)
        return path

    def test_candidates(self):
        found = self.flash.candidates()
        self.assertEqual([line.split()[0] for line in found], ["/dev/mmcblk0", "/dev/sdb", "/dev/sdd"])
        self.assertIn("31.9 GB", found[1])
        self.assertIn("Model of sdb", found[1])
        self.assertIn("/dev/sdb1 is mounted on /media/stick", found[1])
        self.assertIn("swap", found[0])
        self.assertIn("/dev/sdd1 belongs to md0", found[2])
        done = self.run_flash()
        self.assertEqual(done.returncode, 0)
        self.assertIn("/dev/mmcblk0", done.stdout)

    def test_use(self):
        self.assertEqual(self.flash.use_of("mmcblk1"), "")
        self.assertTrue(self.flash.removable("mmcblk0"))
        self.assertFalse(self.flash.removable("mmcblk1"))
        self.assertFalse(self.flash.removable("sda"))

    def refused(self, path, word, device=True):
        """With the device's node: a block device that is none of the host's is not to be had, so os.stat says it is one."""
        real = self.flash.os.stat
        block = os.stat_result((0o60660, 0, 0, 1, 0, 0, 0, 0, 0, 0))
        self.flash.os.stat = (lambda p: block if p == path else real(p)) if device else real
        stderr, sys.stderr = sys.stderr, open(os.path.join(self.top, "stderr"), "w+", encoding="ascii")
        try:
            with self.assertRaises(SystemExit) as ended:
                self.flash.check_device(path)
            sys.stderr.seek(0)
            said = sys.stderr.read()
        finally:
            sys.stderr.close()
            sys.stderr, self.flash.os.stat = stderr, real
        self.assertEqual(ended.exception.code, 2)
        self.assertEqual(said.count("\n"), 1)
        self.assertIn(word, said)

    def test_refused(self):
        self.refused("/dev/sda", "not removable")
        self.refused("/dev/mmcblk1", "not removable")
        self.refused("/dev/sdb", "mounted on /media/stick")
        self.refused("/dev/mmcblk0", "swap")
        self.refused("/dev/sdd", "belongs to md0")
        self.refused("/dev/sdb1", "part of a device")
        self.refused("/dev/null", "no card's device", False)
        self.refused(os.path.join(self.top, "nothing"), "No such file", False)

    def test_behind_a_loop(self):
        card = self.file("card", b"x")
        put(self.top, "sys/block/loop0/loop/backing_file", "/dev/sdd\n")
        put(self.top, "sys/block/loop1/loop/backing_file", card + "\n")
        os.rename(os.path.join(self.top, "sys/class/block/sdd1"), os.path.join(self.top, "sys/class/block/gone"))
        self.refused("/dev/sdd", "belongs to /dev/loop0")
        self.refused(card, "belongs to /dev/loop1", False)

    def test_file(self):
        image = self.file("image", os.urandom((9 << 20) + 512))
        card = self.file("card", b"x" * (10 << 20))
        done = self.run_flash("--image", image, "--dry-run", card)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        with open(card, "rb") as file:
            self.assertEqual(file.read(1), b"x")
        done = self.run_flash("--image", image, card)
        self.assertEqual(done.returncode, 2)
        self.assertIn("give --yes", done.stderr)
        done = self.run_flash("--image", image, "--yes", card)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        with open(card, "rb") as a, open(image, "rb") as b:
            written = b.read()
            self.assertEqual(a.read(len(written)), written)
            self.assertEqual(set(a.read()), {ord("x")})

    def answer(self, keys):
        """The exit status and what was said when a person types this at its terminal."""
        image, card = self.file("image", bytes(1 << 20)), self.file("card", b"x" * (2 << 20))
        try:
            here, there = os.openpty()
        except OSError as error:
            self.skipTest(f"no terminals here: {error.strerror}")
        with subprocess.Popen([FLASH, "--image", image, card], stdin=there, stdout=there, stderr=there, start_new_session=True,
                              preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)) as process:
            os.close(there)
            said = b""
            while b"[yes/no]" not in said:
                said += os.read(here, 4096)
            os.write(here, keys)
            try:
                while True:
                    if select.select([here], [], [], 0.5)[0]:
                        said += os.read(here, 4096)
                    elif process.poll() is None:  # a signal that came before the program read is not noticed
                        os.write(here, keys)
            except OSError:  # nobody has the other end any more
                pass
            status = process.wait()
        os.close(here)
        with open(card, "rb") as file:
            return status, said.decode(), file.read(1)

    def test_answers(self):
        self.assertEqual(self.answer(b"yes\n")[::2], (0, b"\0"))
        for keys in b"no\n", b"\n", b"\4", b"\3":
            status, said, first = self.answer(keys)
            self.assertEqual((status, first), (1, b"x"))
            self.assertIn("nothing was written", said)
            self.assertNotIn("Traceback", said)

    def test_no_disks(self):
        shutil.rmtree(os.path.join(self.top, "sys"))
        self.assertEqual(self.flash.candidates(), [])

    def test_small(self):
        image, card = self.file("image", bytes(1 << 20)), self.file("card", bytes((1 << 20) - 1))
        done = self.run_flash("--image", image, "--yes", card)
        self.assertEqual(done.returncode, 2)
        self.assertIn("needs 1 MB", done.stderr)

    def test_different(self):
        """A card that lies: what is read back is not what was written."""
        image, card = self.file("image", bytes(6 << 20)), self.file("card", bytes(5 << 20) + b"y" + bytes(1 << 20))
        fd = os.open(card, os.O_RDONLY)
        stderr, sys.stderr = sys.stderr, open(os.path.join(self.top, "stderr"), "w+", encoding="ascii")
        try:
            with open(image, "rb") as file, self.assertRaises(SystemExit) as ended:
                self.flash.verify(fd, file, 6 << 20, card)
            sys.stderr.seek(0)
            self.assertIn(f"at byte {5 << 20}", sys.stderr.read())
        finally:
            sys.stderr.close()
            sys.stderr = stderr
            os.close(fd)
        self.assertEqual(ended.exception.code, 1)


if __name__ == "__main__":
    unittest.main()
