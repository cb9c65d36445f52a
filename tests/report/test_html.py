# SPDX-License-Identifier: GPL-2.0-or-later
"""The page as a document: what leads where, what is escaped, what is cut."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import pytest

from harness.dmesg import parse, to_dict
from harness.report.comparison import (
    Change,
    Comparison,
    Contrast,
    Evidence,
    Examined,
    Pair,
    Statement,
    Step,
    Waiting,
)
from harness.report.html import html, page
from harness.report.html.console import LINE_BYTES, read_console
from harness.report.html.course import TRIALS_SHOWN, courses
from harness.report.html.cycle import draw
from harness.report.html.latency import duration, histograms, latencies, quantile
from harness.report.results import Results
from harness.report.stacks import Decoding, frame_of, in_order
from harness.report.stored import StoredRun, read_run
from harness.verdict import judge_cell
from harness.words import Event, Outcome, Tally, Trial
from tests.making import MEASURED, event, observation, results, store, trial

CORPUS = Path(__file__).parents[1] / "corpus"
HOSTILE = (
    b"Linux version 6.12.0\n<script>document.title='owned'</script>\n]]> --> </pre></details></style>\n"
    b"\x00\x1b[31mred\x1b[0m \x9b31m \xff\xfe <img src=x onerror=alert(1)> &lt;b&gt; {{ 7 * 7 }} {% raw %}\n"
    b"\xe2\x80\xaeesrever\n"
)


class Page(HTMLParser):
    """Reads a page: its elements, anchors and links, and whether each element is closed by its own end."""

    EMPTY = ("meta", "br", "link", "img", "rect", "path", "circle")

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.open: list[str] = []
        self.anchors: list[str] = []
        self.links: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self.anchors += [value or "" for name, value in attrs if name == "id"]
        self.links += [value or "" for name, value in attrs if name == "href"]
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.EMPTY:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def undecoded(key: str, frames: Sequence[str]) -> Decoding:
    return Decoding(why_not="nobody asked")


def circular() -> tuple[Event, dict[str, object]]:
    """Return a real circular report of the corpus, and what events.json holds of it."""
    for log in sorted(CORPUS.glob("*.log")):
        _, _, console = log.read_bytes().partition(b"\n\n")
        for found in parse(console):
            if found.subtype == "circular" and len(found.cycle) > 2:
                return found, json.loads(json.dumps(to_dict(found)))
    raise AssertionError("the corpus has a circular report")


def made(folder: Path, found: Results, console: bytes = b"Linux version 6.12.0\n", **options: object) -> Page:
    run = read_run(store(folder, found, console))
    return Page(html(dataclasses.replace(run, **options), undecoded))  # type: ignore[arg-type]


def failing(**changes: object) -> Results:
    return results(trial(Outcome.FAIL, events=(event(),), **changes))


def test_the_page_is_well_formed_and_every_link_leads_somewhere(tmp_path: Path) -> None:
    read = made(tmp_path, failing(), b"line\n" * 30)
    assert read.open == []
    assert len(set(read.anchors)) == len(read.anchors)
    assert {link.removeprefix("#") for link in read.links} <= {*read.anchors}
    assert "2 of 2 cells are as expected" in read.text


def test_nothing_is_fetched_and_nothing_runs(tmp_path: Path) -> None:
    text = html(read_run(store(tmp_path, failing())), undecoded)
    read = Page(text)
    assert not {"script", "img", "link", "iframe", "form", "object", "base"} & set(read.tags)
    assert all(link.startswith("#") for link in read.links)
    assert not [name for name, _ in read.attributes if name.startswith("on") or name in ("src", "style")]
    policy = next(
        value for name, value in read.attributes if name == "content" and "default-src" in str(value)
    )
    style = re.search("<style>(.*)</style>", text, re.S)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert "url(" not in style[1]
    assert "@import" not in style[1]


def test_text_of_a_kernel_is_never_markup(tmp_path: Path) -> None:
    text = HOSTILE.decode("utf-8", "surrogateescape").replace("\udcff", "\ud800")
    evil = event(title=text)
    evil = dataclasses.replace(
        evil, raw=text, comm=text, function=text, cycle=(text, "b"), line=1, end_line=4
    )
    seen = observation(notes=(text,), counters={text: 1})
    found = results(trial(Outcome.FAIL, events=(evil,), reasons=(text,), observation=seen))
    read = made(tmp_path, found, HOSTILE)
    quiet = made(tmp_path / "quiet", failing())
    assert read.open == []
    assert set(read.tags) <= {*quiet.tags, "b"}
    assert "<script>document.title='owned'</script>" in read.text
    assert "{{ 7 * 7 }}" in read.text
    assert "\u2400\u241b[31mred" in read.text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\ud800-\udfff]", read.text)
    assert not [name for name, _ in read.attributes if name.startswith("on")]


def test_variants_of_equal_source_show_their_trials_once(tmp_path: Path) -> None:
    read = made(tmp_path, failing())
    assert read.tags.count("pre") < 2 * sum(anchor.startswith("cell") for anchor in read.anchors) + 9
    assert [anchor for anchor in read.anchors if re.fullmatch(r"trial\d+", anchor)] == ["trial1", "trial2"]
    assert "these are the trials" in read.text


def test_many_trials_are_listed_but_few_are_shown_whole(tmp_path: Path) -> None:
    many = [
        trial(
            Outcome.FAIL if index % 3 else Outcome.PASS, index=index, folder=f"trials/as-is/exhaust/{index}"
        )
        for index in range(1, 31)
    ]
    read = made(tmp_path, results(*many))
    whole = [anchor for anchor in read.anchors if re.fullmatch(r"trial\d+", anchor)]
    assert len(whole) == 2 * page.WHOLE_TRIALS + 1
    assert "All 30 trials" in read.text
    assert "failed in 20 of 30: " in read.text


def test_an_event_that_came_before_is_told_once(tmp_path: Path) -> None:
    twice = [
        trial(Outcome.FAIL, index=index, folder=f"trials/as-is/exhaust/{index}", events=(event(),))
        for index in (1, 2)
    ]
    read = made(tmp_path, results(*twice))
    assert read.text.count("What the kernel printed") == 1
    assert "The same as this one." in " ".join(read.text.split())


def test_a_flood_of_events_is_cut(tmp_path: Path) -> None:
    flood = tuple(
        dataclasses.replace(event(), line=line, end_line=line, fingerprint=f"{line:016}")
        for line in range(1, 101)
    )
    read = made(tmp_path, results(trial(Outcome.FAIL, events=flood)), b"line\n" * 100)
    assert f"{100 - page.TRIAL_EVENTS} more events stand in" in read.text
    assert sum(value == "event" for name, value in read.attributes if name == "class") == page.TRIAL_EVENTS


def test_events_are_marked_in_the_console(tmp_path: Path) -> None:
    console = b"".join(b"line %d\n" % number for number in range(1, 41))
    read = made(tmp_path, failing(), console)
    assert "trial1L10" in read.anchors
    assert "#trial1L10" in read.links
    assert sum(value == "event" for name, value in read.attributes if name == "class") == 11


def test_an_event_of_a_line_that_is_not_shown_leads_nowhere(tmp_path: Path) -> None:
    read = made(tmp_path, failing(), b"line\n" * 3)
    assert "console lines 10 to 20" in read.text
    assert "#trial1L10" not in read.links


def test_a_console_that_is_gone_is_said_to_be(tmp_path: Path) -> None:
    run = read_run(store(tmp_path, failing()))
    (tmp_path / "trials/as-is/exhaust/1/console.log").unlink()
    assert "the console is not in the run&#39;s folder any more" in html(run, undecoded)


def test_the_page_stays_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "CONSOLE_BUDGET", 10)
    assert "the page is long enough" in made(tmp_path, failing(), b"x" * 50).text


def test_a_huge_console_is_cut_in_the_middle(tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    log.write_bytes(b"".join(b"line %d\n" % number for number in range(1, 10_001)))
    found = dataclasses.replace(event(), line=9_999, end_line=20_000)
    shown = read_console(log, [found], end_lines=100)
    assert shown.left_out == 9_800
    assert shown.lines == 10_000
    assert (shown.head[-1].number, shown.tail[0].number) == (100, 9_901)
    assert shown.tail[-1].text == "line 10000"
    assert [line.number for line in shown.tail if line.event == 0] == [9_999, 10_000]
    assert [line.number for line in shown.tail if line.opens] == [9_999]
    assert [shown.shows(number) for number in (0, 1, 100, 101, 9_900, 9_901, 10_000, 10_001)] == [
        *(False, True, True, False, False, True, True, False)
    ]


def test_a_line_without_end_is_cut_and_its_successor_keeps_its_number(tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    log.write_bytes(b"x" * 1_000_000 + b"\nnext\r\n\nlast")
    shown = read_console(log, [])
    assert [line.text for line in shown.head[1:]] == ["next", "", "last"]
    assert len(shown.head[0].text) < LINE_BYTES + 50
    assert shown.head[0].text.endswith("left out]")


def test_lines_are_numbered_as_events_number_them(tmp_path: Path) -> None:
    for log in sorted(CORPUS.glob("*circular*.log"))[:5]:
        events = parse(log.read_bytes())
        shown = read_console(log, events)
        for place, found in enumerate(events):
            first = next(line for line in shown.head if line.event == place and line.opens)
            assert first.text.strip() in found.raw


def test_a_cycle_is_drawn_with_each_edges_trace() -> None:
    found, model = circular()
    drawn = draw(found, model, {})
    assert drawn is not None
    assert {node.name for node in drawn.nodes} == set(found.cycle)
    assert [edge.number for edge in drawn.edges] == list(range(1, len(drawn.nodes) + 1))
    assert [edge.new for edge in drawn.edges] == [False] * (len(drawn.nodes) - 1) + [True]
    assert all(edge.trace for edge in drawn.edges)
    following = dict(zip(found.cycle, (*found.cycle[1:], found.cycle[0]), strict=True))
    assert {edge.held: edge.taken for edge in drawn.edges} == following
    assert draw(event(), None, {}) is not None, "without a model the locks are there, without traces"
    assert draw(dataclasses.replace(found, cycle=()), {}, {}) is None
    assert draw(dataclasses.replace(found, cycle=()), {"chain": [{"depth": 1}]}, {}) is None


def test_each_frame_of_a_trace_has_its_own_place() -> None:
    """One function may stand in several traces, each time at another offset."""
    text = "-> #1 (b):\n f+0x10/0x20\n g+0x1/0x9 [mod]\n-> #0 (a):\n f+0x18/0x20\n"
    chain = [
        {"depth": 1, "lock": {"name": "b"}, "trace": ["f", "g"]},
        {"depth": 0, "lock": {"name": "a"}, "trace": ["f"]},
    ]
    places = {"f+0x10/0x20": "b.c:1", "g+0x1/0x9 [mod]": "g.c:2", "f+0x18/0x20": "a.c:3"}
    drawn = draw(dataclasses.replace(event(), raw=text), {"chain": chain}, places)
    assert drawn is not None
    assert [[frame.place for frame in edge.trace] for edge in drawn.edges] == [["b.c:1", "g.c:2"], ["a.c:3"]]


def test_frames_of_a_text() -> None:
    assert frame_of("[    1.0][ T1]  ? pcpu_alloc+0x531/0x8a0") == "pcpu_alloc+0x531/0x8a0"
    assert frame_of("ffff (lock){+.+.}-{3:3}, at: run+0x26/0x100 [probe]") == "run+0x26/0x100 [probe]"
    assert frame_of("no frame, 1+0x2/0x3") is None
    assert in_order(["b", "x", "a"], "a+0x1/0x9 b+0x2/0x9 a+0x3/0x9") == ["b+0x2/0x9", None, "a+0x3/0x9"]


def test_source_lines_stand_beside_frames(tmp_path: Path) -> None:
    asked: list[tuple[str, list[str]]] = []

    def decoder(key: str, frames: Sequence[str]) -> Decoding:
        asked.append((key, list(frames)))
        return Decoding({frames[0]: "mm/percpu.c:1837"}, "it takes too long")

    found, _ = circular()
    run = read_run(store(tmp_path, results(trial(Outcome.FAIL, events=(found,)))))
    read = Page(html(run, decoder))
    assert len(asked) == 1
    assert "mm/percpu.c:1837" in read.text
    assert "Stacks of as-is are shown without source lines: it takes too long." in read.text


def storm(**counters: int) -> Trial:
    return trial(observation=observation(counters=counters))


def test_latencies_are_read_from_counters() -> None:
    found = results(
        storm(nofs_scope_latency_log2ns_13=98, nofs_scope_latency_log2ns_20=2, nofs_scope_calls=100)
    )
    (measured,) = latencies(found)
    (chart,) = measured.charts
    assert chart.caller == "nofs_scope"
    assert [strip.variant for strip in chart.strips] == ["as-is"], "variants of equal source once"
    assert chart.strips[0].quantiles == ("16 µs", "2.1 ms", "2.1 ms")
    assert chart.columns == 8
    assert chart.strips[0].bars[-1].text == "2 of 100 calls took 1 ms to 2.1 ms"


def test_quantiles_are_bounds() -> None:
    histogram = histograms({"a_latency_log2ns_3": 1, "a_latency_log2ns_5": 99, "a_calls": 7})["a"]
    assert [quantile(histogram, share) for share in (0.01, 0.011, 1.0)] == [16, 64, 64]
    assert [duration(value) for value in (1, 999, 1e3, 8192, 2e9)] == [
        "1 ns",
        "1000 ns",
        "1 µs",
        "8.2 µs",
        "2 s",
    ]


def scanned(index: int, found: int, **series: tuple[tuple[int, int], ...]) -> Trial:
    return trial(
        Outcome.FAIL if found < 193 else Outcome.PASS,
        index=index,
        folder=f"trials/as-is/exhaust/{index}",
        observation=observation(series=series, tally=Tally(found, 193)),
    )


def test_figures_over_time_are_stairs_on_equal_axes() -> None:
    lost = scanned(1, 24, disks=((500, 0), (2000, 24)), refused=((2500, 7),))
    whole = scanned(2, 193, disks=((1000, 0), (7500, 193)), refused=())
    (course,) = courses(results(lost, whole))
    assert [(chart.figure, chart.top) for chart in course.charts] == [("disks", 193), ("refused", 7)]
    disks, refused = course.charts
    assert [text for _, text in disks.ticks] == ["0 s", "2 s", "4 s", "6 s", "8 s"]
    assert disks.ticks[-1][0] == 280
    (plot,) = disks.plots
    assert plot.variant == "as-is", "variants of equal source once"
    assert plot.text == "disks of as-is at the end: 24, 193"
    assert [line.outcome for line in plot.lines] == [Outcome.FAIL, Outcome.PASS]
    assert plot.lines[0].path == "M0 90H17.5V90.0H70.0V78.8H87.5"
    assert plot.lines[1].path == "M0 90H35.0V90.0H262.5V0.0H262.5"
    assert [line.path for line in refused.plots[0].lines] == ["M0 90H87.5V0.0H87.5", "M0 90H262.5"]
    assert refused.plots[0].lines[1].text == "trial 2: pass, 0 refused"


def test_where_nothing_was_measured_over_time_there_is_no_plot() -> None:
    assert list(courses(results(trial()))) == []
    assert list(courses(results(scanned(1, 193, disks=((0, 0),))))) == []


def test_the_page_shows_what_was_found_and_when(tmp_path: Path) -> None:
    trials = [scanned(index, 24, disks=((500, 0), (2000, 24))) for index in range(1, TRIALS_SHOWN + 3)]
    read = made(tmp_path, results(*trials))
    assert read.open == []
    assert "#course" in read.links
    assert "2 more trials are not drawn" in read.text
    assert read.tags.count("path") >= TRIALS_SHOWN
    assert "24, 24" in read.text
    assert "of 193" in read.text


def test_a_review_stands_first_and_links_to_its_evidence(tmp_path: Path) -> None:
    evidence = (Evidence("as-is", "exhaust"), Evidence("gone", "exhaust"))
    meaning = Statement("not observed: below 1 % at 95 %", evidence)
    compared = Comparison(
        (Statement("Both fail.", evidence),),
        (
            Examined(
                "v3",
                "mm: <script>",
                "a tree",
                "0123",
                (
                    Step(1, "mm: a", "f" * 40, "builds", (), Statement("needed: it fails", evidence)),
                    Step(2, "mm: b", "", "adds 1 warning", (Statement("exhaust: turns", evidence),)),
                ),
            ),
        ),
        (
            Pair(
                "v2 <b>",
                "v3",
                (Contrast("exhaust", "1 of 300", "0 of 300", meaning),),
                (Waiting("storm", "kernel", "99 %", "1 ms", "2 ms", "+1 ms"),),
                (Change("2: abc ! 2: def", " same\n-old\n+new", ()),),
                "which change it is, is not known",
            ),
        ),
    )
    read = made(tmp_path, failing(), comparison=compared)
    assert read.open == []
    assert read.anchors.index("review") < read.anchors.index("matrix") < read.anchors.index("pair1")
    assert read.links.count("#cell1") >= 5
    text = " ".join(read.text.split())
    assert "v2 <b> beside v3" in text
    assert "mm: <script> (identity 0123), on a tree." in text
    assert "patch-id ffffffffffff, builds needed: it fails" in text
    assert "adds 1 warning exhaust: turns" in text
    assert "stormkernel99 %1 ms2 ms+1 ms" in text
    assert "which change it is, is not known." in text
    assert "Both fail. [as-is x exhaust]" in text
    assert "[gone" not in text
    assert "No difference in behaviour was seen that this causes." in text


def test_what_is_not_expected_is_told_before_the_cells(tmp_path: Path) -> None:
    base = failing()
    broken = judge_cell("as-is", "exhaust", [], MEASURED)
    found = dataclasses.replace(
        base,
        cells=[broken],
        controls=[trial(control=True, folder="controls/as-is/exhaust/1")],
        controls_proved={"exhaust": False},
    )
    read = made(tmp_path, found)
    text = " ".join(read.text.split())
    assert "0 of 1 cells are as expected; 1 prove nothing; without a control that failed" in text
    assert "surprises" in read.anchors
    assert "not run" in text


def test_a_run_without_any_folder_can_be_told(tmp_path: Path) -> None:
    """The engine's results are enough: what the folder lacks is said."""
    assert Page(html(StoredRun(tmp_path / "none", failing()), undecoded)).open == []
