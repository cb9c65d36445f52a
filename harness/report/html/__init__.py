# SPDX-License-Identifier: GPL-2.0-or-later
"""One HTML file that tells a run, with everything that it needs inside.

Belongs here: how the page is put together, its drawings and its looks. Does not belong here: what a run holds
and where files of it lie.
"""

from harness.report.html.page import html

__all__ = ["html"]
