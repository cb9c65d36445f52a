# SPDX-License-Identifier: GPL-2.0-or-later
"""A second kernel of the default tree for the tests that need another, built once for all."""

from __future__ import annotations

DESCRIBED = ("--variants", "as-is", "--kconfig", "faults", "--kconfig", "vmcore")
"""Options of `run` for a kernel that can inject faults, and whose memory can be read by its types."""
