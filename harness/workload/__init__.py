# SPDX-License-Identifier: GPL-2.0-or-later
"""What is run on a booted kernel, one file a workload, and what its measurements mean.

Belongs here: which parameters the probe module gets, which witnesses a workload promises, which measured
figures are misbehaviour and in which words, and its positive control. Does not belong here: how a guest is
booted or spoken to, what the console says, and what outcome follows.

A new workload is a file here and its name in `_ALL` below, with its C source in `images/module/`, and perhaps
a fragment in `kconfigs/`.
"""

from __future__ import annotations

from harness.workload.base import CompletedLike, GuestLike, Parameters, Workload
from harness.workload.constrained_holder import CONSTRAINED_HOLDER
from harness.workload.exhaust import EXHAUST
from harness.workload.nofail import NOFAIL
from harness.workload.probe import MODULE
from harness.workload.reclaim_audit import RECLAIM_AUDIT
from harness.workload.reclaim_inversion import RECLAIM_INVERSION
from harness.workload.reclaim_recursion import RECLAIM_RECURSION
from harness.workload.refill import ATOMIC_REFILL
from harness.workload.scan import ISCSI_SCAN, ISCSI_SCAN_NEWEST, ISCSI_SCAN_NO_FLUSHER, SCSI_SCAN
from harness.workload.storm import STORM

__all__ = ["MODULE", "CompletedLike", "GuestLike", "Parameters", "Workload", "workloads"]

_ALL: tuple[Workload, ...] = (
    RECLAIM_INVERSION,
    CONSTRAINED_HOLDER,
    EXHAUST,
    RECLAIM_AUDIT,
    ATOMIC_REFILL,
    STORM,
    RECLAIM_RECURSION,
    NOFAIL,
    SCSI_SCAN,
    ISCSI_SCAN,
    ISCSI_SCAN_NO_FLUSHER,
    ISCSI_SCAN_NEWEST,
)


def workloads() -> dict[str, Workload]:
    """Return every workload by its name, in the order in which reports show them."""
    return {workload.name: workload for workload in _ALL}
