# SPDX-License-Identifier: GPL-2.0-or-later
"""What people and programs read of a run.

Belongs here: results.json and its schema, the terminal's matrix, the progress of a run, a run's folder read
back, and every form in which it is told. Does not belong here: judging, and anything that is not a function
of what the engine hands over or of a run's folder. What finds the source lines of stacks is handed in.
"""
