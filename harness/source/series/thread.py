# SPDX-License-Identifier: GPL-2.0-or-later
"""The mails of a thread, or of several, to the one series that was meant."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from harness.source.series.mail import Mail
from harness.words import UserError


@dataclass(slots=True)
class Roll:
    """The mails of one version.

    `rerolls` is the version that it replaces single patches of, None for a whole.
    """

    version: int
    total: int
    cover: Mail | None = None
    patches: dict[int, Mail] = field(default_factory=dict)
    rerolls: int | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def missing(self) -> list[int]:
        """Return the numbers of the patches that are not there."""
        return [number for number in range(1, self.total + 1) if number not in self.patches]

    @property
    def mails(self) -> list[Mail]:
        """Return the cover letter, if there is one, and the patches in order."""
        patches = [self.patches[number] for number in sorted(self.patches)]
        return [self.cover, *patches] if self.cover else patches

    def __str__(self) -> str:
        title = self.mails[0].body.subject or self.mails[0].subject
        what = f"{len(self.patches)} of {self.total} patches" if self.missing else _patches(self.total)
        again = f", re-rolls of v{self.rerolls}" if self.rerolls else ""
        return f"v{self.version} ({what}{again}: {title!r})"


def choose(mails: Sequence[Mail], wanted: int | None, where: str) -> Roll:
    """Return the version of the series that was asked for; without a choice there must be only one.

    `UserError` lists what is there, or names the patches that are missing.
    """
    rolls = _with_rerolls(_rolls(_distinct(mails), where))
    if not rolls:
        raise UserError(f"{where} holds no patch: of {len(mails)} mails none brings a diff that is no reply")
    if wanted is None:
        replaced = {roll.rerolls for roll in rolls.values()}
        open_ = [roll for roll in rolls.values() if roll.version not in replaced]
        if len(open_) > 1:
            raise UserError(
                f"{where} holds several versions: choose one by writing @vN behind it; there is "
                f"{_listed(rolls.values())}"
            )
        roll = open_[0]
    elif wanted in rolls:
        roll = rolls[wanted]
    else:
        raise UserError(f"{where} holds no v{wanted}: there is {_listed(rolls.values())}")
    if roll.missing:
        lacks = ", ".join(f"{number}/{roll.total}" for number in roll.missing)
        raise UserError(f"v{roll.version} in {where} lacks patch {lacks}: fetch the whole thread")
    return roll


def _distinct(mails: Iterable[Mail]) -> list[Mail]:
    """Drop replies, and what came twice (by two lists, say)."""
    seen: dict[str, Mail] = {}
    for number, mail in enumerate(mails):
        if not mail.reply:
            seen.setdefault(mail.message_id or f"{number} has none", mail)
    return list(seen.values())


def _rolls(mails: Sequence[Mail], where: str) -> dict[int, Roll]:
    """Sort mails by version; `UserError` where two of one version claim the same place."""
    rolls: dict[int, Roll] = {}
    loose: dict[int, list[Mail]] = {}
    tagged = [mail for mail in mails if mail.tag and (mail.tag.number == 0 or mail.body.diff)]
    for mail in tagged or [mail for mail in mails if mail.body.diff]:
        tag = mail.tag
        if tag is None or tag.number is None or tag.total is None:
            loose.setdefault(tag.version if tag else 1, []).append(mail)
            continue
        roll = rolls.setdefault(tag.version, Roll(tag.version, tag.total))
        if roll.total != tag.total or tag.number > tag.total:
            raise UserError(
                f"{where} mixes two series: v{tag.version} has patches of {roll.total} and {mail.subject!r}; "
                "leave the mails of only one"
            )
        _add(roll, tag.number, mail, where)
    for version, singles in sorted(loose.items()):
        if version in rolls:
            rolls[version].notes.append(f"left out, because v{version} is numbered: {_subjects(singles)}")
        else:
            rolls[version] = _unnumbered(version, singles, where)
    # A cover letter may be the only mail of its version that the mailbox has: that is no version to choose.
    return {version: rolls[version] for version in sorted(rolls) if rolls[version].patches}


def _add(roll: Roll, number: int, mail: Mail, where: str) -> None:
    there = roll.patches.get(number) if number else roll.cover
    if there is None:
        if number:
            roll.patches[number] = mail
        else:
            roll.cover = mail
        return
    if number and there.patch().patch_id != mail.patch().patch_id:
        raise UserError(
            f"{where} mixes two series: v{roll.version} has two different patches {number}/{roll.total} "
            f"({there.subject!r} by {there.sender}, {mail.subject!r} by {mail.sender}); leave the mails of "
            "only one"
        )
    if number:
        roll.notes.append(f"patch {number}/{roll.total} is there twice, which changes nothing")


def _unnumbered(version: int, mails: Sequence[Mail], where: str) -> Roll:
    """Take patches without numbers in the order in which they stand, if one person sent them."""
    if len({mail.sender for mail in mails}) > 1:
        raise UserError(
            f"{where} mixes patches of several people that no numbers put in order: {_subjects(mails)}; "
            "leave the mails of only one series"
        )
    return Roll(version, len(mails), patches=dict(enumerate(mails, 1)))


def _with_rerolls(rolls: dict[int, Roll]) -> dict[int, Roll]:
    """Complete a version that is a reply to an earlier one and has only some of its patches anew."""
    done: dict[int, Roll] = {}
    for version, roll in rolls.items():
        done[version] = roll
        for base in [earlier for earlier in reversed(done.values()) if earlier is not roll]:
            if _is_reroll(roll, base):
                done[version] = _merged(roll, base)
                break
    return done


def _is_reroll(roll: Roll, base: Roll) -> bool:
    known = {mail.message_id for mail in base.mails if mail.message_id}
    single = roll.total == base.total or (roll.total == 1 and base.total > 1)
    answers = all(mail.parents & known for mail in roll.patches.values())
    few = roll.cover is None and (roll.missing or roll.total < base.total)
    return bool(single and answers and few and _places(roll, base))


def _places(roll: Roll, base: Roll) -> dict[int, Mail]:
    """Return the re-rolled patches by their number in `base`.

    A patch without a number has that of the mail which it answers, and only if that is certain.
    """
    if roll.total == base.total:
        return roll.patches
    by_id = {mail.message_id: number for number, mail in base.patches.items() if mail.message_id}
    (mail,) = roll.patches.values()
    numbers = {by_id[parent] for parent in mail.parents if parent in by_id}
    return {numbers.pop(): mail} if len(numbers) == 1 else {}


def _merged(roll: Roll, base: Roll) -> Roll:
    fresh = _places(roll, base)
    told = [f"patch {number} is the re-roll {mail.subject!r}" for number, mail in sorted(fresh.items())]
    return dataclasses.replace(
        base,
        version=roll.version,
        patches=base.patches | fresh,
        rerolls=base.version,
        notes=[*base.notes, *roll.notes, *told],
    )


def _listed(rolls: Iterable[Roll]) -> str:
    return ", ".join(map(str, rolls))


def _subjects(mails: Iterable[Mail]) -> str:
    return ", ".join(repr(mail.subject) for mail in mails)


def _patches(number: int) -> str:
    return "1 patch" if number == 1 else f"{number} patches"
