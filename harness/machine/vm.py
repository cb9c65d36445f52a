# SPDX-License-Identifier: GPL-2.0-or-later
"""One QEMU process: its command line, its pipes, its monitor. Knows what happened, not what it means."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from qemu.qmp import EventListener, Message, QMPError

from harness.machine.channel import PORT_NAME
from harness.machine.console import Console
from harness.machine.launch import Handover, spawn
from harness.machine.monitor import Monitor
from harness.machine.snapshot import Snapshot
from harness.words import Accelerator, InfraError

# Everything goes to the console, at once and whole: it is evidence. A panic ends in a reset, which `-action
# reboot=shutdown` turns into an event. The NMI that we inject into silent guests panics with a stack.
CMDLINE = (
    "console=ttyS0 ignore_loglevel panic=-1 oops=panic unknown_nmi_panic sysrq_always_enabled "
    "no_timer_check random.trust_cpu=on"
)
# QEMU's TCG never lets the time stamp counter go back while it lives (cpu_get_ticks(), cpu_ticks_prev), but
# all other clocks when a state is loaded. A kernel that trusts the counter then sees time leap and reports
# lockups that are none.
_CLOCKS = {Accelerator.TCG: "tsc=unstable clocksource=hpet", Accelerator.KVM: "tsc=reliable"}
# The machine is q35: i440fx ("pc") tells its interrupt routing by an AML loop, which costs 2.2 of the 5.4 s
# of processor time to the agent's greeting under TCG, and on a starved host runs into ACPICA's loop timeout
# (30 s: AE_AML_LOOP_TIMEOUT), which leaves virtio without an interrupt. q35's routing is a plain table.
# Without fast string instructions the kernel clears and copies pages in loops of plain stores, which TCG
# translates; it executes `rep stosb` byte by byte.
_TCG_CPU = "max,-erms,-fsrm"
_COMMAND = 60.0  # seconds for one command of the monitor
_STARTUP = 30.0  # seconds for QEMU itself to come up, before the guest runs


@dataclass(frozen=True, slots=True)
class BootSpec:
    """What to boot, where its console goes (`folder`), and how long things may take (seconds).

    `possible_cpus`, where more than `cpus`, counts those that the kernel leaves off as well. `snapshot`
    prepares for `save` and `restore`. `boot_deadline` is for the agent to greet, `deadline` for the guest's
    whole life or until it is restored, `silence` for how long the agent may leave a heartbeat unanswered.
    """

    image: Path
    initrd: Path
    folder: Path
    accelerator: Accelerator
    cpus: int = 2
    possible_cpus: int = 0
    memory_mib: int = 256
    cmdline: str = ""
    snapshot: bool = False
    boot_deadline: float = 60
    deadline: float = 300
    silence: float = 60


def _parked(spec: BootSpec) -> str:
    """Keep the kernel from starting more than `cpus`: those that could be plugged in it counts only if it was
    built for that.
    """
    return f"maxcpus={spec.cpus}" if spec.possible_cpus > spec.cpus else ""


class Vm:
    """A QEMU process that is started once and never again."""

    def __init__(
        self, spec: BootSpec, on_event: Callable[[Message], None], on_console_error: Callable[[OSError], None]
    ) -> None:
        self.console = Console(spec.folder / "console.log", on_console_error)
        self.agent: socket.socket | None = None
        self.process: asyncio.subprocess.Process | None = None
        self._spec = spec
        self._on_event = on_event
        self._qmp = Monitor("harness")
        self._snapshot = Snapshot(self._qmp, spec.memory_mib << 20) if spec.snapshot else None
        self._events: asyncio.Task[None] | None = None
        self._input = -1
        self._ending = asyncio.Lock()

    @property
    def stderr(self) -> Path:
        """File with what QEMU itself had to say."""
        return self._spec.folder / "qemu-stderr.log"

    async def start(self) -> None:
        """Start QEMU and let the guest run; `InfraError` with QEMU's own words if it does not come up."""
        handover = Handover()
        console_in, self._input = os.pipe()
        console_out, theirs_out = os.pipe()
        theirs = [console_in, theirs_out]
        try:
            await self._listen(console_out)
            arguments, qmp = self._arguments(handover)
            (self._spec.folder / "qemu-command.txt").write_text(shlex.join(arguments) + "\n")
            theirs.append(os.open(self.stderr, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644))
            self.process = await spawn(
                arguments,
                self._spec.accelerator,
                handover,
                stdin=console_in,
                stdout=theirs_out,
                stderr=theirs[2],
            )
        finally:
            handover.close()
            for fd in theirs:
                os.close(fd)
        await self._connect(qmp)

    @property
    def snapshot(self) -> Snapshot:
        """What saves and brings back the state; `InfraError` for a guest that was not meant for it."""
        if self._snapshot is None:
            raise InfraError("this guest was not started to be saved")
        return self._snapshot

    async def resume(self) -> None:
        """Let a stopped guest run; `InfraError` if it cannot."""
        if await self.command("cont") is None:
            raise InfraError("QEMU does not let the guest run")

    async def _listen(self, fd: int) -> None:
        pipe = os.fdopen(fd, "rb", buffering=0)
        await asyncio.get_running_loop().connect_read_pipe(lambda: self.console, pipe)

    def _arguments(self, handover: Handover) -> tuple[list[str], socket.socket]:
        spec = self._spec
        kvm = spec.accelerator is Accelerator.KVM
        agent, self.agent = handover.socket()
        monitor, qmp = handover.socket()
        arguments = [
            *("-nodefaults", "-no-user-config", "-nic", "none", "-display", "none", "-S"),
            *(
                "-machine",
                "q35",
                "-accel",
                "kvm" if kvm else "tcg,thread=multi",
                "-cpu",
                "host" if kvm else _TCG_CPU,
            ),
            *("-smp", str(max(spec.cpus, spec.possible_cpus)), "-m", str(spec.memory_mib)),
            *("-action", "reboot=shutdown,shutdown=pause,panic=none"),
            *("-chardev", f"socket,id=qmp,fd={monitor}", "-mon", "chardev=qmp,mode=control"),
            *("-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"),
            *("-chardev", f"socket,id=agent,fd={agent}", "-device", "virtio-serial-pci"),
            *("-device", f"virtserialport,chardev=agent,name={PORT_NAME},id=agent", "-device", "pvpanic-pci"),
            *("-device", "vmcoreinfo"),
            *("-initrd", handover.image(spec.initrd)),
            *("-append", f"{CMDLINE} {_CLOCKS[spec.accelerator]} {_parked(spec)} {spec.cmdline}".strip()),
            *(
                self._snapshot.arguments(spec.image, handover)
                if self._snapshot
                else ("-kernel", handover.image(spec.image))
            ),
        ]
        return arguments, qmp

    async def _connect(self, sock: socket.socket) -> None:
        listener = EventListener()
        self._qmp.register_listener(listener)
        try:
            async with asyncio.timeout(_STARTUP):
                await self._qmp.connect(sock)
                self._events = asyncio.create_task(self._forward(listener))
                await self._qmp.execute("cont")
        except (QMPError, OSError, EOFError, TimeoutError) as error:
            await self.kill()
            said = self.stderr.read_text(errors="replace").strip().splitlines()
            raise InfraError(f"QEMU did not start: {said[-1] if said else error}") from error

    async def _forward(self, listener: EventListener) -> None:
        while True:
            self._on_event(await listener.get())

    async def command(self, name: str, **arguments: object) -> object:
        """Execute a monitor command; None if QEMU is gone or refuses."""
        try:
            async with asyncio.timeout(_COMMAND):
                return await self._qmp.execute(name, arguments)
        except (QMPError, OSError, EOFError, TimeoutError):
            return None

    async def hand_over(self, fd: int, name: str) -> None:
        """Give QEMU a descriptor by a name; `InfraError` if it does not take it."""
        try:
            self._qmp.send_fd_scm(fd)
        except (QMPError, OSError) as error:
            raise InfraError(f"QEMU takes no file: {error}") from error
        if await self.command("getfd", fdname=name) is None:
            raise InfraError("QEMU takes no file")

    def type(self, data: bytes) -> None:
        """Type on the serial console; what a full pipe does not take is lost."""
        with contextlib.suppress(OSError):
            os.set_blocking(self._input, False)
            os.write(self._input, data)

    async def kill(self) -> None:
        """End QEMU and take the console's last bytes. May be called any number of times, also at once."""
        async with self._ending:
            await self._kill()

    async def _kill(self) -> None:
        process = self.process
        if process and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        if process:
            await process.wait()
        try:
            async with asyncio.timeout(5):
                await self.console.drained()
        except TimeoutError:
            self.console.close()
        await self._disconnect()

    async def _disconnect(self) -> None:
        if self._events:
            self._events.cancel()
            self._events = None
        # It raises again whatever ended its reader, which is of no interest any more.
        with contextlib.suppress(Exception):
            await self._qmp.disconnect()
        if self._input >= 0:
            os.close(self._input)
            self._input = -1
        if self._snapshot:
            self._snapshot.close()
