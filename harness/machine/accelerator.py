# SPDX-License-Identifier: GPL-2.0-or-later
"""Which accelerator really runs a guest: found out by booting one, never by looking at /dev/kvm.

A nested host can offer /dev/kvm, open it and create a VM, and yet never execute a kernel, or execute it so
slowly that none comes up: measured on one such host, 7 s for what TCG does in 0.3 s. So a probe guest of a
few instructions (`images/probe/probe.S`) is booted under a deadline, and under TCG too, which proves that the
probe itself and QEMU are sound and says what KVM has to beat.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from harness.data import data_dir
from harness.machine.compiler import compiled
from harness.machine.launch import KVM, Handover, spawn
from harness.words import Accelerator, AcceleratorChoice, InfraError

_FLAGS = ("-nostdlib", "-static", "-no-pie", "-m64", "-Wl,-Ttext=0x200000,-e,start")
_SUCCESS = 0x2A << 1 | 1  # what isa-debug-exit makes of PROBE_OK
_TCG_SECONDS = 30.0  # a busy host is slow, not broken
_QUICK = 1.0  # seconds that KVM may take in any case


@dataclass(frozen=True, slots=True)
class _Finding:
    works: bool
    said: str
    seconds: float = 0.0


async def choose_accelerator(wanted: Accelerator | None, deadline: float = 5.0) -> AcceleratorChoice:
    """Return what guests run on: KVM if the probe comes up under it in time and not slower than TCG, else
    TCG.

    `deadline` is in seconds.

    `wanted` is the user's demand, which is met or refused with `InfraError`, but never replaced.
    """
    with tempfile.TemporaryDirectory(prefix="percpu-harness-") as folder:
        image = Path(folder) / "probe.elf"
        image.write_bytes(compiled([data_dir("images") / "probe" / "probe.S"], _FLAGS))
        if wanted is Accelerator.TCG:
            tcg = await _sound_tcg(image)
            return AcceleratorChoice(Accelerator.TCG, f"TCG was asked for; {tcg.said}")
        kvm = await _try_kvm(image, deadline)
        tcg = await _sound_tcg(image)
    if kvm.works and kvm.seconds <= max(_QUICK, tcg.seconds):
        return AcceleratorChoice(Accelerator.KVM, kvm.said)
    if wanted is Accelerator.KVM:
        raise InfraError(
            f"KVM was asked for, but {kvm.said}, whereas {tcg.said}; leave the demand out to run under TCG"
        )
    return AcceleratorChoice(Accelerator.TCG, f"{kvm.said}, whereas {tcg.said}: TCG")


async def _try_kvm(image: Path, deadline: float) -> _Finding:
    if not KVM.exists():
        return _Finding(False, f"there is no {KVM}")
    return await _probe(image, Accelerator.KVM, deadline)


async def _sound_tcg(image: Path) -> _Finding:
    found = await _probe(image, Accelerator.TCG, _TCG_SECONDS)
    if not found.works:
        raise InfraError(f"QEMU runs no guest at all here, as even without KVM {found.said}")
    return found


async def _probe(image: Path, accelerator: Accelerator, seconds: float) -> _Finding:
    name = accelerator.upper()
    handover = Handover()
    try:
        arguments = [
            *("-nodefaults", "-no-user-config", "-nic", "none", "-display", "none", "-no-reboot"),
            *("-machine", "pc", "-accel", accelerator.value, "-m", "32", "-kernel", handover.image(image)),
            *("-cpu", "host" if accelerator is Accelerator.KVM else "max"),
            *("-device", "isa-debug-exit,iobase=0xf4,iosize=1"),
        ]
        pipe, null = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        process = await spawn(arguments, accelerator, handover, stdin=null, stdout=null, stderr=pipe)
    finally:
        handover.close()
    began = time.monotonic()
    try:
        async with asyncio.timeout(seconds):
            _, stderr = await process.communicate()
    except TimeoutError:
        opens = f"{KVM} opens and QEMU starts, but " if accelerator is Accelerator.KVM else ""
        return _Finding(False, f"{opens}the probe guest did not come up under {name} within {seconds:g} s")
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    if process.returncode == _SUCCESS:
        took = time.monotonic() - began
        return _Finding(True, f"the probe guest came up under {name} in {took:.1f} s", took)
    lines = stderr.decode(errors="replace").strip().splitlines() or [f"exit code {process.returncode}"]
    return _Finding(False, f"the probe guest did not come up under {name} ({lines[-1]})")
