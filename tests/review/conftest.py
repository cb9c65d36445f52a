# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab, for every test here."""

from tests.review.lab import lab

__all__ = ["lab"]
