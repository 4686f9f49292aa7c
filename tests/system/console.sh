# SPDX-License-Identifier: MIT
#
# An interactive session as somebody at a terminal has it: prompt, line editing, ^C, ^Z, ^D, the window's size, the end by
# exit and by Ctrl-A X, and the terminal's modes as they were.
. "$(dirname "$0")/lib.sh"

python3 - "$RUN" >"$SCRATCH/output" 2>"$SCRATCH/errors" <<'END' || fail "the session went wrong"
import fcntl, os, pty, select, struct, sys, termios, time

class Session:
    def __init__(self, rows, columns):
        self.seen = b""
        self.pid, self.tty = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))
            script = 'stty -g; "$0"; echo "status=$?"; stty -g; read end'
            os.execvp("bash", ["bash", "-c", script, sys.argv[1]])

    def expect(self, text):
        """Waits for the text behind what was expected before; gives what came before it."""
        limit = time.monotonic() + 40
        while text not in self.seen:
            if not select.select([self.tty], [], [], max(0, limit - time.monotonic()))[0]:
                sys.exit(f"no {text!r} in {self.seen!r}")
            data = os.read(self.tty, 65536)
            sys.stdout.buffer.write(data)
            self.seen += data
        before, self.seen = self.seen.split(text, 1)
        return before

    def send(self, text):
        os.write(self.tty, text)

    def line(self, text, answer):
        self.send(text + b"\r")
        self.expect(answer)
        self.expect(b"# ")

    def start(self, command):
        """Runs it in the foreground; gives back when it has begun."""
        self.send(b"(echo rea''dy; exec " + command + b")\r")
        self.expect(b"\nready\r")

    def end(self, status):
        self.expect(b"status=%d\r\n" % status)
        modes = self.expect(b"\r\n")
        self.send(b"\r")
        os.waitpid(self.pid, 0)
        return modes

s = Session(41, 123)
modes = s.expect(b"\r\n")
s.expect(b"granule:/root# ")
s.line(b"stty size", b"\r\n41 123\r")
s.line(b"echo $((6*8))\x1b[D\x1b[D\x7f7", b"\r\n42\r")  # the 8 becomes a 7
s.start(b"sleep 1000")
s.send(b"\x03")
s.expect(b"# ")
s.line(b"echo after=$?", b"\r\nafter=130\r")
s.start(b"sleep 1000")
s.send(b"\x1a")
s.expect(b"Stopped")
s.expect(b"# ")
s.line(b"kill %1; fg; echo gone", b"\r\ngone\r")  # what is stopped takes the signal when it goes on
s.start(b"wc -c")
s.send(b"four\r\x04")
s.expect(b"5\r")
s.expect(b"# ")
s.send(b"exit 7\r")
if s.end(7) != modes:
    sys.exit("exit left the terminal in other modes")

s = Session(24, 80)
modes = s.expect(b"\r\n")
s.expect(b"granule:/root# ")
s.send(b"\x01x")
if s.end(0) != modes:
    sys.exit("Ctrl-A X left the terminal in other modes")
END

# A command has a terminal too, and ^C ends the run, whatever it is at.
script -qec "stty rows 33 columns 99; '$RUN' --exec 'stty size'" /dev/null </dev/null >"$SCRATCH/output" 2>&1
grep -q '33 99' "$SCRATCH/output" || fail "--exec: not the terminal's size"
for delay in 0.2 0.7 2; do
	mkdir "$SCRATCH/$delay"
	(sleep "$delay" && printf '\003') | TMPDIR=$SCRATCH/$delay timeout "$GUEST_LIMIT" \
		script -qec "'$RUN' --exec 'sleep 1000'" /dev/null >"$SCRATCH/output" 2>&1
	STATUS=$?
	(( STATUS == 130 )) || fail "^C after $delay seconds: status $STATUS"
	rmdir "$SCRATCH/$delay" || fail "^C after $delay seconds left files behind"
done
