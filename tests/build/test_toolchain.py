# SPDX-License-Identifier: GPL-2.0-or-later
"""What of the tools is here, and what is said of those that are not."""

from __future__ import annotations

import pytest

from harness.build import toolchain
from harness.words import InfraError


@pytest.fixture(autouse=True)
def _fresh():
    toolchain.version.cache_clear()
    yield
    toolchain.version.cache_clear()


def test_versions_are_found() -> None:
    versions = toolchain.toolchain_versions()
    assert versions["gcc"].startswith("gcc ")
    assert versions["make"].startswith("GNU Make ")
    assert set(versions) == {tool.name for tool in toolchain.TOOLS}
    assert "gcc" in toolchain.fingerprint()


def test_a_missing_tool_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert toolchain.toolchain_versions()["spatch"] == "missing (Debian package coccinelle)"
    with pytest.raises(InfraError, match=r"apt-get install gcc binutils make flex bison bc"):
        toolchain.fingerprint()
