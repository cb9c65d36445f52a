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
from harness.report.results import Results
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


def _terminal(results: Results) -> str:
    stream = io.StringIO()
    print_results(results, Console(file=stream))
    return stream.getvalue()


_WRITERS: dict[Format, Callable[[Results], str]] = {
    Format.TERMINAL: _terminal,
    Format.JUNIT: junit,
    Format.KTAP: ktap,
    Format.MAIL: mail,
    Format.B4: b4,
}


def render(run: StoredRun, form: Format, decoder: Decoder) -> str:
    """Return the text of a report. `decoder` finds the source lines of stacks for those that show them."""
    return html(run, decoder) if form is Format.HTML else _WRITERS[form](run.results)
