# SPDX-License-Identifier: GPL-2.0-or-later
"""The functions in mm/percpu.c that allocate, and where their flags stand among the arguments."""

#: pcpu_alloc() is called pcpu_alloc_noprof() since v6.10. All others are wrappers, which a search finds.
ALLOCATORS = {"pcpu_alloc": 3, "pcpu_alloc_noprof": 3}
