# SPDX-License-Identifier: GPL-2.0-or-later
"""Console text in, typed events out.

Belongs here: what the kernel's own messages look like, and the model that is read from them. Does not belong
here: files, processes, verdicts. What is about one allocator or driver stands in a rule file of its own under
`rules/`.
"""

from harness.dmesg.lockdep import LockdepEvent
from harness.dmesg.reader import Reader, parse
from harness.dmesg.render import to_dict, to_text

__all__ = ["LockdepEvent", "Reader", "parse", "to_dict", "to_text"]
