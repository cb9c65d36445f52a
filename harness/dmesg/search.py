# SPDX-License-Identifier: GPL-2.0-or-later
"""Where in a console something may begin or end: one search for the words of all headlines, parts and marks.

A headline is told by its words first: only the rules that list them are tried.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import operator
import re
from typing import NamedTuple

from ahocorasick_rs import BytesAhoCorasick, Implementation

from harness.dmesg.line import TAG_WORDS, find_colours, without_colours
from harness.dmesg.report import MARKS
from harness.dmesg.rules import KTAP, PART_WORDS, RULES, WORDS
from harness.dmesg.rules.rule import Rule

_MAX_HEADLINE = 1024
"""Bytes of a line that a headline can have, as `PRINTKRB_RECORD_MAX` in kernel/printk/printk.c says."""

CUT = b"-[ cut here ]-"
BOOT = b"Linux version "
NMI = b"NMI backtrace for cpu "
_ALL_WORDS = (*WORDS, CUT, *PART_WORDS, BOOT, NMI, *MARKS, *TAG_WORDS)
OPENING_WORDS = _ALL_WORDS.index(BOOT)
"""The words before this one may open a report; those from it on matter only to a report that is open."""
_PARTS = range(len(WORDS) + 1, OPENING_WORDS)
"""Words of parts of a report: they open one only where none is open."""
_PLAIN_WORDS = _ALL_WORDS.index(NMI)
"""The words from this one on may stand in any line of a report."""
TAGS = _ALL_WORDS.index(TAG_WORDS[0])
"""The words from this one on say nothing of a line but that it may have a tag."""
_SEARCH = BytesAhoCorasick(_ALL_WORDS, implementation=Implementation.DFA)
"""Passes over text once, however many words there are."""
Hit = tuple[int, int, int]
"""The index of a word, and where it begins and ends."""
PLACE = operator.itemgetter(1)
"""Takes where it begins."""

BORROWS, PART, HEADLINE = (1 << bit for bit in range(len(MARKS), len(MARKS) + 3))
BEGINS_ANYWHERE = BORROWS | HEADLINE
MORE_THAN_MARKS = BEGINS_ANYWHERE | PART
_TELLING = [
    *(PART if word in _PARTS else HEADLINE for word in range(_PLAIN_WORDS)),
    BORROWS,
    *(1 << bit for bit in range(len(MARKS))),
]
"""What each word says of its line, as a bit: the end of a report, lines on a stall's behalf, a beginning."""


def find_words(block: bytes) -> list[Hit]:
    """Find all words; in a block with colours each is said to stand where its line begins."""
    if find_colours(block, 0, len(block)) == len(block):
        return _SEARCH.find_matches_as_indexes(block)
    bare = without_colours(block)
    begins = [0, *itertools.accumulate(len(line) + 1 for line in block.split(b"\n"))]
    line, at = 0, 0
    moved: list[Hit] = []
    for word, start, end in _SEARCH.find_matches_as_indexes(bare):
        line += bare.count(b"\n", at, start)
        at = start
        moved.append((word, begins[line], end))
    return moved


def marked_lines(block: bytes, hits: list[Hit], origin: int) -> list[tuple[int, int]]:
    """Give the indexes of the lines in which the hits are, and what they say of each."""
    found: list[tuple[int, int]] = []
    line, at, last, telling = 0, 0, -1, 0
    for word, start, _ in hits:
        if word >= TAGS:
            continue
        line += block.count(b"\n", at, start - origin)
        at = start - origin
        telling = telling * (line == last) | _TELLING[word]
        if line > last:
            found.append((line, telling))
            last = line
        else:
            found[-1] = (line, telling)
    return found


_RULES_WITH = [sum(1 << at for at, rule in enumerate(RULES) if word in rule.words) for word in _ALL_WORDS]
"""The rules that list each word, as bits."""


@functools.lru_cache(maxsize=4096)
def _rules_of_bits(bits: int) -> tuple[Rule, ...]:
    """Give the rules of these bits, in the order in which they are tried."""
    return tuple(rule for at, rule in enumerate(RULES) if bits >> at & 1)


@functools.lru_cache(maxsize=1)
def _rules_of(text: bytes) -> tuple[str, tuple[Rule, ...]]:
    """Give a line as text, and the rules that list any of its words; a line is asked for twice in a row."""
    line = text.decode("utf-8", "replace")
    if KTAP.match(line):
        return line, ()
    bits = 0
    for word, _, _ in _SEARCH.find_matches_as_indexes(text, overlapping=True):
        bits |= _RULES_WITH[word]
    return line, _rules_of_bits(bits)


class Headline(NamedTuple):
    """A rule, the match of its headline, and what stands before that on its line."""

    rule: Rule
    match: re.Match[str]
    quote: bytes = b""

    def behind(self, quote: bytes) -> Headline:
        """Give the same behind something: people quote headlines too, so it needs evidence below it."""
        return Headline(dataclasses.replace(self.rule, needs_evidence=True), self.match, quote)


def headline_of(text: bytes) -> Headline | None:
    """Find the rule whose headline this line is."""
    line, rules = _rules_of(text[:_MAX_HEADLINE])
    for rule in rules:
        match = rule.pattern.match(line)
        if match is not None:
            return Headline(rule, match)
    return None


def headline_within(text: bytes) -> Headline | None:
    """Find a headline behind what else stands on its line: half a stamp, somebody's unfinished line, blanks.

    Too general ones count behind blanks only.
    """
    line, rules = _rules_of(text[:_MAX_HEADLINE])
    if line.startswith("---[ end "):
        return None
    blanks = len(line) - len(line.lstrip())
    for rule in rules:
        if rule.is_part:
            continue
        found = None if rule.needs_evidence else rule.pattern.search(line)
        start = blanks if rule.needs_evidence else found.start() if found else len(line)
        match = rule.pattern.match(line[start:])
        if match is not None:
            quote = line[:start].encode("utf-8", "replace")
            return Headline(rule, match).behind(quote if text.startswith(quote) else b"")
    return None
