# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames and instruction pointers of every architecture name their function."""

from __future__ import annotations

import pytest

from harness.dmesg import stack

FRAMES = r"""
 foo+0x10/0x20
 ? foo+0x10/0x20
 foo+0x10/0x20 [mod]
 foo.isra.0+0x10/0x20
 [<ffffffff81234567>] foo+0x10/0x20
 [<ffffffff81234567>] ? foo+0x10/0x20
Call Trace:[<80101234>] foo+0x10/0x20
 <IRQ>  [<ffffffff81234567>] foo+0x10/0x20
 <<EOE>>  [<ffffffff81234567>] foo+0x10/0x20
 <IRQ> [   12.345678]  [<ffffffff81234567>] foo+0x10/0x20
[<c0012345>] (foo) from [<c0012345>] (show_stack+0x10/0x14)
[<c0012345>] (foo+0x0/0xf8) from [<c0012345>] (show_stack+0x10/0x14)
 foo from show_stack+0x10/0x14
([<0000000000112345>] foo+0x10/0x20)
[c000000001234567] [c000000001234567] foo+0x10/0x20 (unreliable)
[c000000001234567] [c000000001234567] .foo+0x10/0x20
Caller[0000000000456789]: foo+0x10/0x20
 foo (fs/foo.c:12 (discriminator 3)) mod
"""

POINTERS = """
RIP: 0010:foo+0x10/0x20
RIP: 0010:foo (fs/foo.c:12)
RIP: 0010:[<ffffffff81234567>]  [<ffffffff81234567>] foo+0x10/0x20
IP: [<ffffffff81234567>] foo+0x10/0x20
IP: foo+0x10/0x20
EIP: foo+0x10/0x20
EIP is at foo+0x10/0x20
PC is at foo+0x10/0x20
pc : foo+0x10/0x20
epc : foo+0x10/0x20 ra : bar+0x1/0x2
epc   : 80101234 foo+0x10/0x20
NIP [c000000000123456] .foo+0x10/0x20
Krnl PSW : 0704c00180000000 0000000000123456 (foo+0x10/0x20)
  ERA: 9000000000223344 foo+0x10/0x20
 IAOQ[0]: foo+0x10/0x20
TPC: <foo+0x10/0x20>
PC: <foo+0x10/0x20>
PC: [<00123456>] foo+0x10/0x20
pc is at foo+0x10/0x20
"""


def _lines(table: str) -> list[str]:
    return [line for line in table.split("\n") if line]


@pytest.mark.parametrize("line", _lines(FRAMES))
def test_frames(line: str) -> None:
    assert stack.is_frame(line)
    assert stack.frames(stack.with_offsets("head\n" + line)) == ["foo"]


@pytest.mark.parametrize("line", _lines(POINTERS))
def test_pointers(line: str) -> None:
    assert stack.guilty(stack.with_offsets(f"head\n{line}\n bar+0x1/0x2")) == "foo"


@pytest.mark.parametrize(
    "line",
    [
        "Something from elsewhere",
        "this is from a/b",
        "RIP: 0033:0x7f1234567890",
        "IP:           (null)",
        "a+0x1",
    ],
)
def test_what_is_no_frame(line: str) -> None:
    assert not stack.is_frame(line)
    assert stack.guilty("head\n" + line) is None
