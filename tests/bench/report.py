#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""report.py [--update]: what figures.sh, linux.sh and allocators.sh left in .build/bench, as a table on standard output and as a page with charts,
.build/bench/figures.html. Fails when a figure is more than 5 % worse than the table in README.md beside this file says. --update writes that table anew."""

import html
import math
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
ROWS = ROOT / ".build" / "bench"
README = HERE / "README.md"
WORSE = 1.05
# They depend on how fast the host's disk answers or how the turns of four CPUs lie to each other, or are judged by figures.sh against limits of
# their own.
JUDGED_ELSEWHERE = re.compile(r"thrash_disk_|^faults_per_|oom_victim_|_rt_(avg|worst|major_faults)$|^free_after_boot_kb$")
BUCKETS = ["< 2 µs", "< 5 µs", "< 10 µs", "< 20 µs", "< 50 µs", "< 100 µs", "< 1 ms", "more"]


def rows(path):
    """Figures and histograms by name, in their order."""
    figures, histograms = {}, {}
    for line in path.read_text().splitlines():
        words = line.split()
        if not words or words[0] == "#":
            continue
        if words[0].endswith("_histogram"):
            histograms[words[0].removesuffix("_rt_histogram")] = [int(n) for n in words[1].split(",")]
        else:
            figures[words[0]] = float(words[1])
    return figures, histograms


def title(path):
    return path.read_text().split("\n", 1)[0].lstrip("# ")


def recorded_linux():
    """What linux-6.1.txt has, for where the kernels cannot be fetched."""
    columns = {}, {}
    for line in (HERE / "linux-6.1.txt").read_text().splitlines():
        words = line.split()
        if not words or words[0] == "#":
            continue
        for column, word in zip(columns, words[1:]):
            column[words[0]] = float(word)
    return columns


def number(value):
    if value is None:
        return "-"
    return f"{value:.0f}" if value == int(value) else f"{value:.1f}"


def ratio(ours, theirs):
    return theirs / ours if ours and theirs is not None else None


def table(ours, linux, rt, names):
    out = [f"{'':34} {'Granule':>12} {names[0]:>12} {names[1]:>12} {'ratio':>8}"]
    for name, value in ours.items():
        times = ratio(value, linux.get(name))
        out.append(f"{name:34} {number(value):>12} {number(linux.get(name)):>12} {number(rt.get(name)):>12} "
                   f"{f'{times:.2f}' if times else '-':>8}")
    return out


def committed():
    """The table of README.md: what a figure was, and the compiler it was taken with."""
    text = README.read_text()
    compiler = re.search(r"GCC (\d+)", text.split("## Figures", 1)[1])
    was = {}
    for line in text.split("## Figures", 1)[1].splitlines():
        words = line.split()
        if line.startswith("    ") and len(words) == 5 and re.fullmatch(r"[0-9.]+", words[1]):
            was[words[0]] = float(words[1])
    return was, compiler and compiler.group(1)


def compiler_here():
    run = subprocess.run(["aarch64-linux-gnu-gcc", "-dumpversion"], capture_output=True, text=True)
    return run.stdout.strip().split(".")[0]


def regressions(ours, was):
    return [f"{name}: {number(value)}, {100 * (value / was[name] - 1):.1f} % more than {number(was[name])}"
            for name, value in ours.items()
            if name in was and not JUDGED_ELSEWHERE.search(name) and value > was[name] * WORSE + 1]


def update(lines):
    text = README.read_text()
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    text = re.sub(r"Measured at commit \w+, GCC \d+", f"Measured at commit {commit}, GCC {compiler_here()}", text)
    body = "\n".join("    " + line for line in lines)
    text = re.sub(r"(?m)^ {4,}Granule .*\n(^    \S.*\n)+", lambda _: body + "\n", text, count=1)
    README.write_text(text)


# ---- The page ----

STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #68758a; --line: #d9dfe8; --paper: #fff; --ours: #0b7285; --theirs: #c92a2a; --third: #e8590c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ebf2; --soft: #94a1b5; --line: #323c4b; --paper: #151a21; --ours: #3bc9db; --theirs: #ff8787; --third: #ffa94d; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: .2rem } h2 { font-size: 1.15rem; margin-top: 2.2rem } p { color: var(--soft); max-width: 44rem }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100% }
th, td { text-align: right; padding: .15rem .6rem; border-bottom: 1px solid var(--line) } th:first-child, td:first-child { text-align: left }
svg { width: 100%; height: auto; display: block } svg text { font: 12px system-ui, sans-serif; fill: var(--ink) } .soft { fill: var(--soft) }
.ours { fill: var(--ours) } .theirs { fill: var(--theirs) } .third { fill: var(--third) } .grid { stroke: var(--line) }
"""


def bars(items):
    """Horizontal bars of ratios on a logarithmic scale, which has 1 where both need the same."""
    left, right, step = 230, 640, 18
    most = max(value for _, value in items)
    top = 10 ** math.ceil(math.log10(max(most, 10)))
    low = min(0.5, min(value for _, value in items))

    def x(value):
        return left + (right - left) * math.log(value / low) / math.log(top / low)
    out = [f'<svg viewBox="0 0 720 {step * len(items) + 30}" role="img" aria-label="ratios">']
    for mark in (m for m in (0.5, 1, 2, 5, 10, 100, 1000, 10000) if low <= m <= top):
        out.append(f'<line class="grid" x1="{x(mark):.1f}" y1="18" x2="{x(mark):.1f}" y2="{step * len(items) + 22}"/>'
                   f'<text class="soft" x="{x(mark):.1f}" y="12" text-anchor="middle">{mark}×</text>')
    for i, (name, value) in enumerate(items):
        y = 22 + i * step
        begin, end = sorted((x(1), x(value)))
        out.append(f'<text x="{left - 8}" y="{y + 12}" text-anchor="end">{html.escape(name)}</text>'
                   f'<rect class="{"ours" if value >= 1 else "theirs"}" x="{begin:.1f}" y="{y + 3}" width="{max(end - begin, 1):.1f}" height="{step - 6}" rx="2"/>'
                   f'<text x="{end + 5:.1f}" y="{y + 12}">{value:.1f}</text>')
    return "".join(out) + "</svg>"


def histogram(series):
    """Shares of wake-ups by latency, kernels beside each other; the root of a share is drawn, so that a single late one can be seen."""
    height, left, width = 150, 30, 84
    out = [f'<svg viewBox="0 0 720 {height + 60}" role="img" aria-label="latency histogram">']
    for i, (name, kind, _) in enumerate(series):
        out.append(f'<rect class="{kind}" x="{left + i * 160}" y="2" width="10" height="10"/><text x="{left + 15 + i * 160}" y="11">{html.escape(name)}</text>')
    for bucket, label in enumerate(BUCKETS):
        for i, (_, kind, counts) in enumerate(series):
            if bucket >= len(counts) or counts[bucket] == 0:
                continue
            share = counts[bucket] / sum(counts)
            tall = max(2, (height - 20) * share ** 0.5)
            x = left + bucket * width + i * 22
            out.append(f'<rect class="{kind}" x="{x}" y="{height + 20 - tall:.1f}" width="19" height="{tall:.1f}" rx="2"/>'
                       f'<text class="soft" x="{x + 9}" y="{height + 14 - tall:.1f}" text-anchor="middle" style="font-size:9px">{counts[bucket]}</text>')
        out.append(f'<text class="soft" x="{left + bucket * width + 30}" y="{height + 38}" text-anchor="middle">{html.escape(label)}</text>')
    out.append(f'<line class="grid" x1="{left}" y1="{height + 21}" x2="710" y2="{height + 21}"/></svg>')
    return "".join(out)


def page(ours, linux, rt, names, histograms, allocators):
    out = [f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Granule: figures</title><style>{STYLE}</style>',
           "<h1>Granule: figures</h1><p>Executed instructions per operation on one emulated Cortex-A72: QEMU counts them, so every kernel runs the same programs on the "
           "same machine, and a nanosecond is an instruction.</p>",
           f"<h2>How many times less than {html.escape(names[0])}</h2><p>Logarithmic. Right of 1×, Granule needs less.</p>"]
    ratios = [(name, ratio(value, linux.get(name))) for name, value in ours.items()
              if not name.endswith("_major_faults") and name != "populate_anon"]
    ratios = [(name, value) for name, value in ratios if value]
    out.append(bars(sorted(ratios, key=lambda item: -item[1])))
    series = [(name, kind, counts["thrash_disk"])
              for name, kind, counts in zip(["Granule", *names], ["ours", "theirs", "third"], histograms) if "thrash_disk" in counts]
    if series:
        out.append("<h2>A real-time thread beside paging</h2><p>Wake-ups of a 1 kHz thread by lateness while a process works on 128 MB in 128 MB of RAM with swap on "
                   "a disk. Heights are roots of shares; the numbers are counts.</p>" + histogram(series))
    if allocators:
        out.append("<h2>Allocators</h2><p>Instructions per call on the host, beside the C library's malloc.</p><table><tr><th>workload<th>Granule<th>malloc<th>ratio</tr>")
        for name, mine, theirs in allocators:
            out.append(f"<tr><td>{name}<td>{mine:.1f}<td>{theirs:.1f}<td>{theirs / mine:.2f}</tr>")
        out.append("</table>")
    out.append(f"<h2>All figures</h2><table><tr><th>operation<th>Granule<th>{html.escape(names[0])}<th>{html.escape(names[1])}<th>ratio</tr>")
    for name, value in ours.items():
        times = ratio(value, linux.get(name))
        out.append(f"<tr><td>{name}<td>{number(value)}<td>{number(linux.get(name))}<td>{number(rt.get(name))}<td>{f'{times:.2f}' if times else '–'}</tr>")
    out.append("</table></html>")
    return "\n".join(out)


def main():
    if sys.argv[1:] not in ([], ["--update"]):
        sys.exit(f"usage: {pathlib.Path(__file__).name} [--update]")
    try:
        ours, histogram_ours = rows(ROWS / "granule.rows")
    except OSError:
        sys.exit("report: there are no figures: run tests/bench/figures.sh first (tests/run bench does)")
    if (ROWS / "linux.rows").exists() and (ROWS / "linux-rt.rows").exists():
        (linux, histogram_linux), (rt, histogram_rt) = rows(ROWS / "linux.rows"), rows(ROWS / "linux-rt.rows")
        full = title(ROWS / "linux.rows"), title(ROWS / "linux-rt.rows")
        names = tuple("Linux " + ".".join(re.split(r"[.-]", name)[:2]) + ("-rt" if "-rt" in name else "") for name in full)
        print(f"Linux is {full[0]} and {full[1]}, with the same programs on the same machine.")
    else:
        (linux, rt), histogram_linux, histogram_rt, names = recorded_linux(), {}, {}, ("Linux 6.1", "6.1-rt")
        print("Linux's kernels were not run: their columns are what linux-6.1.txt recorded.")
    path = ROWS / "allocators.rows"
    allocators = [(w[0], float(w[1]), float(w[2])) for w in (line.split() for line in path.read_text().splitlines())] if path.exists() else []

    lines = table(ours, linux, rt, names)
    print("\n".join(lines))
    (ROWS / "figures.html").write_text(page(ours, linux, rt, names, (histogram_ours, histogram_linux, histogram_rt), allocators))
    print(f"\nCharts: {(ROWS / 'figures.html').relative_to(ROOT)}")
    if sys.argv[1:]:
        update(lines)
        return
    was, compiler = committed()
    if compiler != compiler_here():
        print(f"Not judged against tests/bench/README.md, which has GCC {compiler}'s figures: this is GCC {compiler_here()}.")
        return
    worse = regressions(ours, was)
    if worse:
        print("FAIL: worse than tests/bench/README.md says (after a decision that this is right: tests/bench/report.py --update)")
        print("\n".join(worse))
        sys.exit(1)


main()
