# SPDX-License-Identifier: GPL-2.0-or-later
"""`pytest tests/dmesg --update` rewrites the corpus' expectations for review."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite the expectations in tests/corpus")
