# SPDX-License-Identifier: GPL-2.0-or-later
"""What a kernel boots on.

Belongs here: the `Guest` protocol, the QEMU driver behind it, the accelerator probe, the initramfs, the
control channel, the console file and the naming of a guest's end. Does not belong here: what is run in the
guest, what its console means, and anything about percpu. The room is asyncio.
"""

from harness.machine.accelerator import choose_accelerator
from harness.machine.compiler import SHARED, STATIC, compiled
from harness.machine.guest import Completed, Guest, SavingGuest
from harness.machine.initrd import build_initrd
from harness.machine.inspect import dump, open_gdb
from harness.machine.qemu import QemuGuest, boot
from harness.machine.terminal import interactive, shell
from harness.machine.vm import BootSpec

__all__ = [
    "SHARED",
    "STATIC",
    "BootSpec",
    "Completed",
    "Guest",
    "QemuGuest",
    "SavingGuest",
    "boot",
    "build_initrd",
    "choose_accelerator",
    "compiled",
    "dump",
    "interactive",
    "open_gdb",
    "shell",
]
