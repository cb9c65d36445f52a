# SPDX-License-Identifier: GPL-2.0-or-later
"""The accelerator is what boots the probe guest; a demand is met or refused, never replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.machine import accelerator, choose_accelerator
from harness.words import Accelerator, InfraError


async def test_probe_comes_up_under_tcg() -> None:
    choice = await choose_accelerator(Accelerator.TCG)
    assert choice.accelerator is Accelerator.TCG
    assert "the probe guest came up under TCG" in choice.reason


async def test_without_kvm_tcg_is_chosen_and_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(accelerator, "KVM", tmp_path / "kvm")
    choice = await choose_accelerator(None)
    assert choice.accelerator is Accelerator.TCG
    assert str(tmp_path / "kvm") in choice.reason


async def test_demand_for_kvm_is_refused_where_there_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(accelerator, "KVM", tmp_path / "kvm")
    with pytest.raises(InfraError, match="KVM was asked for, but there is no"):
        await choose_accelerator(Accelerator.KVM)


async def test_kvm_that_never_boots_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(image: Path, deadline: float) -> accelerator._Finding:
        return await accelerator._probe(endless(image), Accelerator.TCG, 1)

    def endless(image: Path) -> Path:
        # The success byte never reaches its port: the probe then halts for ever, as a broken KVM would.
        image.with_name("endless").write_bytes(image.read_bytes().replace(b"\xe6\xf4", b"\xe6\xf5"))
        return image.with_name("endless")

    monkeypatch.setattr(accelerator, "_try_kvm", hang)
    choice = await choose_accelerator(None)
    assert choice.accelerator is Accelerator.TCG
    assert "did not come up" in choice.reason
    assert "within 1 s" in choice.reason


async def test_probe_that_fails_everywhere_is_an_infra_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerator, "_SUCCESS", 1)
    with pytest.raises(InfraError, match="QEMU runs no guest at all"):
        await choose_accelerator(None, 1)
