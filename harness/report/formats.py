# SPDX-License-Identifier: GPL-2.0-or-later
"""Every form that a run can be told in, made of the run's folder alone."""

from __future__ import annotations

import enum
import io
from collections.abc import Callable

from rich.console import Console

from harness.report.b4 import b4
from harness.report.html import html
from harness.report.junit import junit
from harness.report.ktap import ktap
from harness.report.mail import mail
from harness.report.stacks import Decoder
from harness.report.stored import StoredRun
from harness.report.terminal import print_results


class Format(enum.StrEnum):
    """The names that `--format` knows."""

    TERMINAL = "terminal"
    HTML = "html"
    JUNIT = "junit"
    KTAP = "ktap"
    MAIL = "mail"
    B4 = "b4"


def _terminal(run: StoredRun) -> str:
    stream = io.StringIO()
    print_results(run.results, Console(file=stream), run.comparison)
    return stream.getvalue()


_WRITERS: dict[Format, Callable[[StoredRun], str]] = {
    Format.TERMINAL: _terminal,
    Format.JUNIT: lambda run: junit(run.results),
    Format.KTAP: lambda run: ktap(run.results),
    Format.MAIL: lambda run: mail(run.results, run.comparison),
    Format.B4: lambda run: b4(run.results),
}


def render(run: StoredRun, form: Format, decoder: Decoder) -> str:
    """Return the text of a report. `decoder` finds the source lines of stacks for those that show them."""
    return html(run, decoder) if form is Format.HTML else _WRITERS[form](run)
