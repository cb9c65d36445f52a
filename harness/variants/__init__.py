# SPDX-License-Identifier: GPL-2.0-or-later
"""The built-in history of the percpu allocator's locking, as semantic patches, and what applies them.

Belongs here: the `.cocci` patches (one concern a file, each with the goals that it must reach),
`history.toml` (which patches make which variant, and what history expects of it), the code that reads and
applies them, and what makes variants of a series.
Does not belong here: where trees come from (`harness.source`) and how a variant is built or judged.
"""

from harness.variants.allocators import ALLOCATORS
from harness.variants.candidate import Candidate, candidates
from harness.variants.catalogue import AS_IS, Variant, catalogue
from harness.variants.materialise import VariantCommit, materialise, tree_stage

__all__ = [
    "ALLOCATORS",
    "AS_IS",
    "Candidate",
    "Variant",
    "VariantCommit",
    "candidates",
    "catalogue",
    "materialise",
    "tree_stage",
]
