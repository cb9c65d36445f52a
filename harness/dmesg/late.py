# SPDX-License-Identifier: GPL-2.0-or-later
"""Sequences that are read when they are first asked for.

Most who read a console want to know what happened and where; few look at every call trace of a report.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar, overload

_T_co = TypeVar("_T_co", covariant=True)


class Late(Sequence[_T_co]):
    """What `read` gives, which is called once at most; equal to any sequence of the same."""

    __slots__ = ("_items", "_read")

    def __init__(self, read: Callable[[], Iterable[_T_co]]) -> None:
        self._read: Callable[[], Iterable[_T_co]] | None = read
        self._items: tuple[_T_co, ...] = ()

    def _all(self) -> tuple[_T_co, ...]:
        if self._read is not None:
            self._items = tuple(self._read())
            self._read = None  # it may hold the text of the report
        return self._items

    @overload
    def __getitem__(self, at: int) -> _T_co: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[_T_co, ...]: ...
    def __getitem__(self, at: int | slice) -> _T_co | tuple[_T_co, ...]:
        return self._all()[at]

    def __len__(self) -> int:
        return len(self._all())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self._all() == tuple(other)

    def __hash__(self) -> int:
        return hash(self._all())

    def __repr__(self) -> str:
        return repr(self._all())
