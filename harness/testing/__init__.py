# SPDX-License-Identifier: GPL-2.0-or-later
"""A plan's cells as pytest's test items.

Belongs here: what pytest asks of a plugin. Does not belong here: how a cell is run and judged.
"""
