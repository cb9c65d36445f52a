# SPDX-License-Identifier: GPL-2.0-or-later
"""What the page shows of a run, made ready for the template."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup

from harness.report.finding import (
    CONTROLS,
    Finding,
    Sort,
    as_expected,
    findings,
    notes,
    of_cell,
    tallies,
    wanted,
)
from harness.report.fold import folded, shape, summed
from harness.report.html.console import Console, read_console
from harness.report.html.course import courses
from harness.report.html.cycle import Cycle, draw
from harness.report.html.latency import latencies
from harness.report.reproduce import command
from harness.report.results import Results, VariantReport, merge_counters, merge_witnesses
from harness.report.stacks import Decoder, Decoding, frame_of, frames
from harness.report.stored import StoredRun
from harness.report.text import visible
from harness.words import CallPath, Cell, Event, Expectation, Outcome, Trial

#: Trials of each outcome of a cell that are shown whole; the others are a line of a table.
WHOLE_TRIALS = 2
#: Bytes of console text of the whole page, events of a trial, and lines of one event.
CONSOLE_BUDGET = 8_000_000
TRIAL_EVENTS = 50
EVENT_LINES = 400


@dataclass(frozen=True, slots=True)
class EventView:
    """An event with its text. `seen` is the anchor of an earlier event of equal fingerprint in the cell."""

    anchor: str
    event: Event
    lines: Sequence[tuple[str, str]]
    cut: int
    cycle: Cycle | None
    seen: str | None


@dataclass(frozen=True, slots=True)
class TrialView:
    """A trial that is shown whole, but for `more` events beyond those that a page can hold.

    `why_no_console` says what lacks where `console` is None.
    """

    anchor: str
    trial: Trial
    events: Sequence[EventView]
    more: int
    console: Console | None
    why_no_console: str
    qemu: str


@dataclass(frozen=True, slots=True)
class Section:
    """A cell, or a control. `shared` is the anchor of the section that shows the same trials.

    `found` says how much each trial found where something was lost.
    """

    anchor: str
    finding: Finding
    expected: Expectation | None
    wanted: str
    witnesses: Mapping[str, bool]
    counters: Mapping[str, int]
    paths: Sequence[CallPath]
    notes: Sequence[str]
    trials: Sequence[Trial]
    whole: Sequence[TrialView]
    shared: str | None
    command: str
    found: str = ""


@dataclass(slots=True)
class _Evidence:
    """Reads what the run's folder holds, within the page's bounds."""

    run: StoredRun
    decoder: Decoder
    left: int
    numbers: Counter[str] = field(default_factory=Counter)
    decodings: dict[str, Decoding] = field(default_factory=dict)

    def anchor(self, sort: str) -> str:
        """Return an anchor that nothing else on the page has."""
        self.numbers[sort] += 1
        return f"{sort}{self.numbers[sort]}"

    def console(self, trial: Trial) -> tuple[Console | None, str]:
        """Return a trial's console, or why it is not shown."""
        path = self.run.file(f"{trial.folder}/console.log")
        if path is None:
            return None, "the console is not in the run's folder any more"
        if self.left <= 0:
            return None, f"the page is long enough: the console is in {trial.folder}/console.log"
        try:
            console = read_console(path, trial.events[:TRIAL_EVENTS])
        except OSError as error:
            return None, f"the console cannot be read: {error.strerror}"
        self.left -= console.size
        return console, ""

    def qemu(self, trial: Trial) -> str:
        """Return the command line that the guest had, empty where it is not known."""
        path = self.run.file(f"{trial.folder}/qemu-command.txt")
        return path.read_text(encoding="utf-8", errors="replace")[:10_000] if path else ""

    def decode(self, trials: Sequence[Trial]) -> None:
        """Find the places of all frames of these trials' events, at one go for each kernel."""
        kernels = {report.name: report.kernel for report in self.run.results.variants}
        wanted_frames: dict[str, dict[str, None]] = {}
        for trial in trials:
            kernel = kernels.get(trial.kernel)
            shown = trial.events[:TRIAL_EVENTS]
            found = [frame for event in shown for _, frame in frames(event.raw)]
            if kernel is not None and found:
                wanted_frames.setdefault(kernel.key, {}).update(dict.fromkeys(found))
        for key, found_frames in wanted_frames.items():
            self.decodings[key] = self.decoder(key, list(found_frames))

    def places(self, trial: Trial) -> Mapping[str, str]:
        """Return the places of the frames of a trial's kernel, none where they could not be found."""
        for report in self.run.results.variants:
            if report.name == trial.kernel and report.kernel is not None:
                return self.decodings.get(report.kernel.key, Decoding()).places
        return {}


def html(run: StoredRun, decoder: Decoder) -> str:
    """Return the page. `decoder` finds the source lines of stacks; without any it says why."""
    evidence = _Evidence(run, decoder, CONSOLE_BUDGET)
    results = run.results
    evidence.decode([*_whole([cell.trials for cell in results.cells]), *results.controls])
    cells = list(_cells(evidence))
    controls = [_control(evidence, trial) for trial in results.controls]
    anchors = {(section.finding.suite, section.finding.name): section.anchor for section in cells}
    style = resources.files("harness.report.html").joinpath("page.css").read_text(encoding="utf-8")
    rendered = (
        _environment()
        .get_template("page.html.jinja")
        .render(
            run=run,
            results=results,
            style=Markup(style),  # noqa: S704 - a file of ours
            style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
            as_expected=results.as_expected,
            verdict_text=_verdict(results),
            workloads=list(dict.fromkeys(cell.workload for cell in results.cells)),
            by_place={(section.finding.suite, section.finding.name): section for section in cells},
            by_control={section.finding.name: section for section in controls},
            cells=cells,
            controls=controls,
            anchors=anchors,
            surprises=[section for section in [*cells, *controls] if section.finding.sort is not Sort.PASSED],
            notes=_notes(results, anchors),
            latencies=list(latencies(results)),
            courses=list(courses(results)),
            undecoded=_undecoded(results, evidence.decodings),
            command=command(results),
            comparison=run.comparison,
        )
    )
    return rendered + "\n"


@cache
def _environment() -> jinja2.Environment:
    """Make the template engine: all that is filled in is escaped, and its control characters are shown."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("harness.report", "html"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=lambda value: visible(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _verdict(results: Results) -> str:
    found = list(findings(results))
    text = as_expected(results)
    broken = sum(finding.sort is Sort.BROKEN for finding in found if finding.suite != CONTROLS)
    if broken:
        text += f"; {broken} prove nothing"
    unproved = [
        finding.name for finding in found if finding.suite == CONTROLS and finding.sort is Sort.BROKEN
    ]
    if unproved:
        text += f"; without a control that failed as it should: {', '.join(unproved)}"
    return text


def _whole(cells: Sequence[Sequence[Trial]]) -> list[Trial]:
    """Choose the trials that are shown whole, each once however many variants share them."""
    chosen: dict[str, Trial] = {}
    for trials in cells:
        for outcome in Outcome:
            same = [trial for trial in trials if trial.outcome is outcome]
            chosen |= {trial.folder: trial for trial in same[:WHOLE_TRIALS]}
    return list(chosen.values())


def _cells(evidence: _Evidence) -> Iterator[Section]:
    shown: dict[str, str] = {}
    results = evidence.run.results
    for variant in results.variants:
        for cell in results.cells:
            if cell.variant == variant.name:
                yield _cell(evidence, cell, shown)


def _cell(evidence: _Evidence, cell: Cell, shown: dict[str, str]) -> Section:
    anchor = evidence.anchor("cell")
    shared = shown.get(cell.trials[0].folder) if cell.trials else None
    shown.update({trial.folder: anchor for trial in cell.trials if not shared})
    return Section(
        anchor=anchor,
        finding=of_cell(cell),
        expected=cell.expected,
        wanted=wanted(cell),
        witnesses=merge_witnesses(cell.trials),
        counters=merge_counters(cell.trials),
        paths=summed(path for trial in cell.trials for path in trial.observation.paths),
        notes=notes(cell),
        trials=() if shared else cell.trials,
        whole=() if shared else _trials(evidence, _whole([cell.trials])),
        shared=shared,
        command=command(evidence.run.results, [cell.variant], [cell.workload], len(cell.trials)),
        found=tallies(cell),
    )


def _control(evidence: _Evidence, trial: Trial) -> Section:
    results = evidence.run.results
    proved = results.controls_proved[trial.workload]
    finding = next(
        found for found in findings(results) if (found.suite, found.name) == (CONTROLS, trial.workload)
    )
    return Section(
        anchor=evidence.anchor("control"),
        finding=finding,
        expected=None,
        wanted="a failure, for the reason that the workload states" + ("" if proved else ", and was none"),
        witnesses=merge_witnesses([trial]),
        counters=merge_counters([trial]),
        paths=trial.observation.paths,
        notes=trial.observation.notes,
        trials=[trial],
        whole=_trials(evidence, [trial]),
        shared=None,
        command=command(results, [trial.kernel], [trial.workload], 1),
    )


def _trials(evidence: _Evidence, trials: Sequence[Trial]) -> list[TrialView]:
    seen: dict[str, str] = {}
    return [_trial(evidence, trial, seen) for trial in trials]


def _trial(evidence: _Evidence, trial: Trial, seen: dict[str, str]) -> TrialView:
    models = {(raw.get("line"), raw.get("fingerprint")): raw for raw in evidence.run.events(trial)}
    events = []
    for event in trial.events[:TRIAL_EVENTS]:
        events.append(_event(evidence, trial, event, models.get((event.line, event.fingerprint)), seen))
        seen.setdefault(event.fingerprint, events[-1].anchor)
    console, why = evidence.console(trial)
    more = len(trial.events) - len(events)
    return TrialView(evidence.anchor("trial"), trial, events, more, console, why, evidence.qemu(trial))


def _event(
    evidence: _Evidence, trial: Trial, event: Event, model: Mapping[str, Any] | None, seen: Mapping[str, str]
) -> EventView:
    places = evidence.places(trial)
    lines = event.raw.split("\n")
    return EventView(
        anchor=evidence.anchor("event"),
        event=event,
        lines=[(line, places.get(frame_of(line) or "", "")) for line in lines[:EVENT_LINES]],
        cut=max(0, len(lines) - EVENT_LINES),
        cycle=draw(event, model, places),
        seen=seen.get(event.fingerprint),
    )


def _notes(
    results: Results, anchors: Mapping[tuple[str, str], str]
) -> list[tuple[str, list[tuple[str, str]]]]:
    """List what is neither failure nor silence, each with the cells that it was seen in."""
    seen: dict[str, list[tuple[str, Cell]]] = {}
    for cell in results.cells:
        for note in (note for trial in cell.trials for note in trial.observation.notes):
            seen.setdefault(shape(note), []).append((note, cell))
    told: list[tuple[str, list[tuple[str, str]]]] = [(note, []) for note in results.notes]
    for said in seen.values():
        cells = dict.fromkeys((cell.variant, cell.workload) for _, cell in said)
        places = [(f"{variant} x {workload}", anchors[variant, workload]) for variant, workload in cells]
        told.append((folded(note for note, _ in said)[0], places))
    return told


def _undecoded(results: Results, decodings: Mapping[str, Decoding]) -> list[tuple[str, list[str]]]:
    """List why stacks could not be decoded, each with the variants that it is so for."""
    reasons: dict[str, list[str]] = {}
    for variant in results.variants:
        decoding = decodings.get(_key(variant))
        if decoding and decoding.why_not and not variant.same_as:
            reasons.setdefault(decoding.why_not, []).append(variant.name)
    return list(reasons.items())


def _key(variant: VariantReport) -> str:
    return variant.kernel.key if variant.kernel else ""
