# SPDX-License-Identifier: MIT
# CPUS: 1
# AFTER: figures linux allocators
#
# The table of all figures, and a page with charts. Fails when a figure became more than 5 % worse than the table in README.md.
exec python3 tests/bench/report.py
