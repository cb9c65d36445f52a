# SPDX-License-Identifier: GPL-2.0-or-later
"""A regression harness for kernel patch series; see the README."""
