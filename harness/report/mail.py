# SPDX-License-Identifier: GPL-2.0-or-later
"""A plain-text mail that tells a run, fit to be sent as a reply to the series that was run."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP

from harness.report.comparison import Comparison
from harness.report.finding import notes, of_cell
from harness.report.reproduce import command
from harness.report.results import Origin, Results, VariantReport
from harness.report.reviewed import at_length, in_short
from harness.report.text import one_line
from harness.words import Cell, Outcome

_WIDTH = 72
_BODY = SMTP.clone(linesep="\n", max_line_length=_WIDTH, cte_type="8bit", utf8=True)


def mail(results: Results, comparison: Comparison | None = None) -> str:
    """Return the mail; what a review found stands first in it.

    It has the header of a reply only when one series of the run came by mail; else it is the body alone.
    """
    body = "\n".join([*_review(comparison), *_body(results)]) + "\n"
    origins = {variant.origin for variant in results.variants if variant.origin}
    if len(origins) != 1:
        return body
    return _reply(origins.pop(), body)


def _reply(origin: Origin, body: str) -> str:
    subject = one_line(origin.subject)
    message_id = f"<{origin.message_id.strip().strip('<>')}>"
    message = EmailMessage(policy=_BODY)
    message["Subject"] = subject if subject.lower().startswith("re:") else f"Re: {subject}"
    message["In-Reply-To"] = message_id
    message["References"] = message_id
    message.set_content(body, charset="utf-8", cte="8bit")
    return message.as_string()


def _wrap(text: str, first: str = "", rest: str | None = None) -> list[str]:
    indent = first if rest is None else rest
    return textwrap.wrap(
        one_line(text), _WIDTH, initial_indent=first, subsequent_indent=indent, break_on_hyphens=False
    )


def _review(comparison: Comparison | None) -> Iterator[str]:
    if comparison is None:
        return
    for sentence in in_short(comparison):
        yield from _wrap(sentence)
        yield ""
    for depth, text in at_length(comparison):
        yield from _wrap(text, f"{'  ' * depth}{'- ' if depth else ''}", "  " * (depth + 1))
    yield ""


def _body(results: Results) -> Iterator[str]:
    accelerator = results.accelerator.accelerator
    yield from _wrap(
        f"Each variant below was built on {results.tree['name']} and booted in QEMU ({accelerator}) with "
        "lockdep on, and each workload was run on it. A verdict counts only if every witness of the trial is "
        "there, and a pass only if the sabotaged run of the same workload failed as it should."
    )
    for variant in results.variants:
        yield ""
        yield from _variant(results, variant)
    yield ""
    yield from _controls(results)
    for note in results.notes:
        yield from _wrap(note)
    yield from ("", "To repeat it:", "", *(f"  {line}" for line in command(results).splitlines()))
    yield ""
    yield from _wrap(
        f"The tree is {results.tree['source_id']}, built by {results.toolchain.get('gcc', '?')}."
    )
    yield from _tag(results)


def _variant(results: Results, variant: VariantReport) -> Iterator[str]:
    yield from _wrap(f"{variant.name}: {variant.summary}", rest="  ")
    if variant.first_error:
        yield from _wrap(f"does not build: {variant.first_error}", "  ")
        return
    if variant.same_as and any(other.name == variant.same_as for other in results.variants):
        yield from _wrap(f"its source is that of {variant.same_as}, and so is what it does", "  ")
        return
    for cell in results.cells:
        if cell.variant == variant.name:
            yield from _cell(cell)


def _cell(cell: Cell) -> Iterator[str]:
    finding = of_cell(cell)
    yield from _wrap(finding.headline, f"  {one_line(finding.name):<20} ", "      ")
    # A pass as expected needs no reason; notes are neither failure nor silence.
    reasons = () if cell.verdict is Outcome.PASS and cell.as_expected else finding.reasons
    for text in (*reasons, *(f"note: {note}" for note in notes(cell))):
        yield from _wrap(text, "    - ", "      ")


def _controls(results: Results) -> Iterator[str]:
    missing = [name for name, proved in results.controls_proved.items() if not proved]
    if not missing:
        yield from _wrap("Every workload's sabotaged run failed as it should.")
        return
    yield from _wrap(
        f"The sabotaged run of {', '.join(missing)} did not fail as it should: a pass there proves nothing."
    )


def _tag(results: Results) -> Iterator[str]:
    """Suggest a tag where every cell passed. The name under it is a person's own to write."""
    if not results.cells or any(cell.verdict is not Outcome.PASS for cell in results.cells):
        return
    yield ""
    yield from _wrap(
        f"All {len(results.cells)} cells passed: whoever answers for this run may add a Tested-by tag with "
        "their own name, for what is listed above and no more."
    )
