# SPDX-License-Identifier: GPL-2.0-or-later
"""From a commit to a kernel that boots: config, make, ccache, the module, and the cache of what was built.

Belongs here: config fragments and their check, how make is run (in a sandbox, if the source is foreign) and
its errors are read, the order of builds, the toolchain, the cache of kernels. Does not belong here: where
source comes from, what boots a kernel, and anything about percpu (the module and the fragments are only paths
here).
"""

from harness.build.builder import Builder
from harness.build.cache import KernelCache
from harness.build.decode import decode, has_debug_info
from harness.build.order import order
from harness.build.progress import BuildProgress
from harness.build.sandbox import Sandbox, find_sandbox
from harness.build.toolchain import toolchain_versions
from harness.build.warnings import read_warnings

__all__ = [
    "BuildProgress",
    "Builder",
    "KernelCache",
    "Sandbox",
    "decode",
    "find_sandbox",
    "has_debug_info",
    "order",
    "read_warnings",
    "toolchain_versions",
]
