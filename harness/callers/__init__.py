# SPDX-License-Identifier: GPL-2.0-or-later
"""Who calls an allocator of a tree, and with which GFP flags.

Belongs here: the search of a tree with Coccinelle, the following of flags through variables, wrappers and
macros, and what it could not tell. Does not belong here: any name of an allocator (those of percpu are in
`harness.variants.ALLOCATORS`), building, booting.
"""

from harness.callers.audit import Audit, Site, audit
from harness.callers.flags import Concern

__all__ = ["Audit", "Concern", "Site", "audit"]
