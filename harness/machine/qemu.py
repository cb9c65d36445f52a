# SPDX-License-Identifier: GPL-2.0-or-later
"""The QEMU guest: everything that can end it is watched at once, and the first end that is seen names it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

from qemu.qmp import Message

from harness.machine.channel import Channel
from harness.machine.deadline import Deadline
from harness.machine.guest import Completed
from harness.machine.rescue import dump_tasks
from harness.machine.vm import BootSpec, Vm
from harness.words import Ending, GuestEndedError, InfraError

_T = TypeVar("_T")
_FILE_SECONDS = 60.0  # for reading or writing one file in the guest
_GRACE = 15.0  # seconds that the agent has for its answer after a command's own timeout
_SETTLED = "all is said"
_PANIC_SECONDS = 10.0  # from the panic event to the reset that ends its report
_PORT_CLOSED_SECONDS = 2.0  # a guest that resets closes the agent's port a moment earlier
_UNREAD = 0.5  # seconds to read what is there already, where the harness itself was held up
_TALKING = 2.0  # times `silence` that a kernel may talk while its agent does not answer
# Those endings whose guest may still be able to say what its tasks do.
_TELLING = {Ending.SILENT, Ending.AGENT_LOST, Ending.NO_BOOT, Ending.DEADLINE}
# Those whose memory is still there: QEMU pauses where a guest resets.
_LEFT = {*_TELLING, Ending.PANIC, Ending.RESET}


async def boot(spec: BootSpec) -> QemuGuest:
    """Boot a guest and return it when its agent is ready.

    Raises `GuestEndedError` if the guest ends before that, `InfraError` if QEMU does not even start.
    """
    spec.folder.mkdir(parents=True, exist_ok=True)
    try:
        guest = QemuGuest(spec)
    except OSError as error:
        raise _full(spec.folder, error) from error
    try:
        await guest.start()
    except BaseException:
        await guest.kill()
        raise
    return guest


def _full(folder: Path, error: OSError) -> GuestEndedError:
    return GuestEndedError(
        f"cannot write below {folder}: {error.strerror}; make room and resume", Ending.DISK_FULL
    )


@dataclass(frozen=True, slots=True)
class _Kept:
    """What belongs to a saved state outside of QEMU: what was said, and what was asked for."""

    said: bytes
    asked: int | None


class QemuGuest:
    """A guest in QEMU; see the `Guest` protocol for what its methods promise."""

    def __init__(self, spec: BootSpec) -> None:
        self.boot_seconds = 0.0
        #: Called when the guest has ended by itself, before QEMU does.
        self.last_look: Callable[[Vm], Awaitable[None]] | None = None
        self._spec = spec
        self._deadline = Deadline(spec.deadline)
        self._vm = Vm(spec, self._on_event, self._on_console_error)
        self._channel = Channel()
        self._panicked = False
        self._powering_off = False
        self._restoring = False
        self._kept: dict[str, _Kept] = {}
        self._asked: int | None = None
        self._watchers: list[asyncio.Task[None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._end: asyncio.Future[tuple[Ending, str]] = asyncio.get_running_loop().create_future()
        self._closed: asyncio.Future[GuestEndedError] = asyncio.get_running_loop().create_future()
        self._finisher = self._spawn(self._finish())

    @property
    def console(self) -> Path:
        """File with the console's text from the first byte."""
        return self._vm.console.path

    @property
    def ending(self) -> Ending | None:
        """How the guest ended, None while it lives."""
        return self._closed.result().ending if self._closed.done() else None

    @property
    def pid(self) -> int | None:
        """Process id of QEMU."""
        return self._vm.process.pid if self._vm.process else None

    @property
    def vm(self) -> Vm:
        """The QEMU process, for those who talk to its monitor or its console."""
        return self._vm

    async def start(self) -> None:
        """Start QEMU and wait for the agent."""
        began = time.monotonic()
        try:
            await self._vm.start()
        except OSError as error:
            raise _full(self._spec.folder, error) from error
        except InfraError:
            if self._end.done():
                raise await asyncio.shield(self._closed) from None
            raise
        assert self._vm.agent is not None
        await self._channel.open(self._vm.agent)
        self._spawn(self._watch_process())
        self._watch_time(self._deadline)
        late = self._spawn(
            self._later(
                self._spec.boot_deadline,
                Ending.NO_BOOT,
                f"its agent was not ready after {self._spec.boot_deadline:g} s",
            )
        )
        await self._or_end(asyncio.shield(self._channel.hello))
        late.cancel()
        self.boot_seconds = time.monotonic() - began
        self._watchers.append(self._spawn(self._heartbeat()))

    async def run(self, argv: Sequence[str], timeout: float) -> Completed:  # noqa: ASYNC109 - the agent keeps it
        """Run a command; it is the guest's end (`DEADLINE`) if even the agent cannot end it in time."""
        return await self._request(self._channel.run(argv, timeout), timeout, " ".join(argv))

    async def read(self, path: str) -> bytes:
        """Return the content of a file in the guest."""
        done = await self._request(self._channel.read(path, _FILE_SECONDS), _FILE_SECONDS, f"reading {path}")
        _check(done, f"{path} cannot be read in the guest")
        return done.stdout

    async def write(self, path: str, data: bytes) -> None:
        """Write a file in the guest."""
        done = await self._request(
            self._channel.write(path, data, _FILE_SECONDS), _FILE_SECONDS, f"writing {path}"
        )
        _check(done, f"{path} cannot be written in the guest")

    async def ask(self, path: str, timeout: float) -> None:  # noqa: ASYNC109 - the agent keeps it
        """Begin to read a file that blocks until it has an answer."""
        if self._closed.done():
            raise self._closed.result()
        self._asked = self._channel.ask(path, timeout)
        await self._or_end(asyncio.ensure_future(self._channel.ping()))  # then it is under way

    async def poke(self, path: str, data: bytes) -> None:
        """Write a file that is there and does not block."""
        _check(
            await self._request(self._channel.poke(path, data), _FILE_SECONDS, f"poking {path}"), f"{path}"
        )

    async def answer(self, timeout: float) -> bytes:  # noqa: ASYNC109
        """Return what came of `ask`."""
        assert self._asked is not None, "nothing was asked"
        done = await self._request(self._channel.answer(self._asked), timeout, "answering")
        _check(done, "what was asked cannot be read in the guest")
        return done.stdout

    async def save(self, name: str) -> None:
        """Keep the guest's state and what it said so far, and let it go on; no request may be under way.

        `InfraError` if QEMU cannot.
        """
        await self._or_end(asyncio.ensure_future(self._save(name)))

    async def _save(self, name: str) -> None:
        await self._in_time(self._say_all(), "its console stalled")
        await self._vm.command("stop")
        self._vm.console.take_what_is_there()
        said = await asyncio.to_thread(self.console.read_bytes)
        try:
            await self._vm.snapshot.save(name)
            self._kept[name] = _Kept(said, self._asked)
        finally:
            await self._vm.resume()

    async def restore(self, name: str, folder: Path, deadline: float, seed: bytes) -> None:
        """Go back to a saved state, with other random numbers and `deadline` seconds to live.

        The console goes on in a new file in `folder`, which exists, after what was said before the state was
        saved. `InfraError` if the state cannot be loaded: the guest has to be ended then.
        """
        if self._closed.done():
            raise self._closed.result()
        self._unwatch()
        self._restoring = True
        try:
            await self._or_end(asyncio.ensure_future(self._restore(name, folder, seed)))
        finally:
            self._restoring = False
        self._watch_time(Deadline(deadline))
        self._watchers.append(self._spawn(self._heartbeat()))

    async def _restore(self, name: str, folder: Path, seed: bytes) -> None:
        await self._vm.snapshot.load(name)
        kept = self._kept[name]
        try:
            self._vm.console.turn(folder / "console.log", kept.said)
        except OSError as error:
            raise _full(folder, error) from error
        self._asked = kept.asked
        if kept.asked is not None:
            self._channel.expect(kept.asked)
        await self._vm.resume()
        await self._in_time(self._channel.seed(seed), "its agent did not answer after it was restored")

    async def drop(self, name: str) -> None:
        """Forget a saved state."""
        await self._or_end(asyncio.ensure_future(self._vm.snapshot.drop(name)))
        self._kept.pop(name, None)

    async def settle(self) -> Ending:
        """Have the console say all that it has to, and stop the guest until it is restored.

        Tells how that went: `SETTLED`, or how the guest ended.
        """
        try:
            await self._or_end(asyncio.ensure_future(self._in_time(self._say_all(), "its console stalled")))
        except GuestEndedError as error:
            return error.ending
        self._unwatch()
        await self._vm.command("stop")
        return Ending.SETTLED

    async def _say_all(self) -> None:
        """Wait until the console has said all that the kernel had to say until now.

        Most of the time it has when the agent answers, and only we have not looked yet.
        """
        await self._channel.say(_SETTLED)
        self._vm.console.take_what_is_there()
        await self._vm.console.heard(_SETTLED.encode())

    async def _in_time(self, work: Coroutine[None, None, None], otherwise: str) -> None:
        """Do what takes a healthy guest an instant; one that cannot is silent, and this waits for its end."""
        try:
            async with asyncio.timeout(self._spec.silence):
                await work
        except TimeoutError:
            self._finish_as(Ending.SILENT, otherwise)
            raise await asyncio.shield(self._closed) from None

    async def wake(self) -> None:
        """Let a guest that has settled go on, watched by nobody; `InfraError` if it cannot."""
        await self._vm.resume()

    async def shutdown(self) -> Ending:
        """Power the guest off, drain the console, and tell how it ended."""
        if not self._end.done():
            self._powering_off = True
            self._channel.poweroff()
            silence = self._spec.silence
            self._spawn(self._later(silence, Ending.SILENT, f"it did not power off in {silence:g} s"))
        return await self.ended()

    async def ended(self) -> Ending:
        """Wait for the guest's end and return its name."""
        return (await asyncio.shield(self._closed)).ending

    async def kill(self) -> None:
        """End the guest at once."""
        self._finish_as(Ending.QEMU_KILLED, "the harness ended it")
        await asyncio.shield(self._closed)

    # What ends a guest. The first word counts, whoever says it.

    def _finish_as(self, ending: Ending, why: str) -> None:
        if not self._end.done():
            self._end.set_result((ending, why))

    def _on_event(self, event: Message) -> None:
        data = cast(Mapping[str, object], event).get("data")
        details = data if isinstance(data, dict) else {}
        match event["event"]:
            case "GUEST_PANICKED":
                self._panicked = True
                self._spawn(self._later(_PANIC_SECONDS, Ending.PANIC, "its kernel panicked"))
            case "SHUTDOWN":
                self._spawn(self._shut_down(str(details.get("reason"))))
            case "VSERPORT_CHANGE" if not details.get("open") and self._listening:
                why = "its agent closed the control channel"
                self._watchers.append(self._spawn(self._later(_PORT_CLOSED_SECONDS, Ending.AGENT_LOST, why)))

    async def _shut_down(self, reason: str) -> None:
        await asyncio.sleep(0.05)  # for what the console still has to say
        if self._panicked or self._vm.console.saw_panic:
            self._finish_as(Ending.PANIC, "its kernel panicked")
        elif reason == "guest-shutdown":
            self._finish_as(Ending.POWEROFF, "it powered off")
        elif reason == "guest-reset":
            self._finish_as(Ending.RESET, "it reset itself (a reboot or a triple fault)")
        else:
            self._finish_as(Ending.QEMU_KILLED, f"QEMU was told to stop ({reason})")

    def _on_console_error(self, error: OSError) -> None:
        self._finish_as(
            Ending.DISK_FULL, f"its console cannot be written ({error.strerror}); make room and resume"
        )

    async def _watch_process(self) -> None:
        assert self._vm.process is not None
        status = await self._vm.process.wait()
        await asyncio.sleep(0.1)  # for an event that was sent before
        how = signal.Signals(-status).name if status < 0 else f"exit code {status}"
        self._finish_as(Ending.QEMU_KILLED, f"QEMU ended from outside or broke ({how})")

    @property
    def _listening(self) -> bool:
        """Whether the agent is there to hear: QEMU closes and opens its port when a state is loaded."""
        return self._channel.hello.done() and not self._restoring

    def _watch_time(self, deadline: Deadline) -> None:
        late = self._later(
            deadline.remaining, Ending.DEADLINE, f"it was not done after {deadline.seconds:g} s"
        )
        self._watchers.append(self._spawn(late))

    def _unwatch(self) -> None:
        """Watch only the process: nobody waits for this guest."""
        while self._watchers:
            self._watchers.pop().cancel()

    async def _later(self, seconds: float, ending: Ending, why: str) -> None:
        """Name the guest's end then, unless another end came before."""
        await asyncio.sleep(seconds)
        await asyncio.sleep(_UNREAD)
        self._finish_as(ending, why)

    async def _heartbeat(self) -> None:
        """Ping the agent for as long as it answers, then tell a silent guest from a lost agent."""
        while True:
            await asyncio.sleep(min(5.0, self._spec.silence / 5))
            ping = asyncio.ensure_future(self._channel.ping())
            try:
                if not await self._answered(ping):
                    return
            finally:
                ping.cancel()

    async def _answered(self, ping: asyncio.Future[None]) -> bool:
        """Wait for an answer for as long as there is hope of one; without it, name the guest's end."""
        silence = self._spec.silence
        lost = Deadline(_TALKING * silence)
        quiet = 0.0
        while not ping.done() and quiet < silence and lost.remaining:
            await asyncio.wait([ping], timeout=max(0.5, silence - quiet))
            quiet = min(lost.elapsed, time.monotonic() - self._vm.console.last_output)
        await asyncio.wait([ping], timeout=_UNREAD)
        if ping.done():
            return True
        if quiet >= silence:
            self._finish_as(Ending.SILENT, f"neither agent nor console said anything for {silence:g} s")
        else:
            why = f"its agent did not answer for {lost.seconds:g} s, though its console talks"
            self._finish_as(Ending.AGENT_LOST, why)
        return False

    # What happens then, once.

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _finish(self) -> None:
        """Do all that follows the end. Whatever goes wrong in it, nobody is left waiting."""
        ending, why = await asyncio.shield(self._end)
        try:
            if ending in _TELLING:
                with contextlib.suppress(OSError):
                    await dump_tasks(self._vm, self.console.parent)
            if self.last_look is not None and ending in _LEFT:
                await self.last_look(self._vm)
            await self._vm.kill()
            await self._channel.close()
        finally:
            self._conclude(ending, why)

    def _conclude(self, ending: Ending, why: str) -> None:
        if ending is Ending.RESET and self._vm.console.saw_panic:
            ending, why = Ending.PANIC, "its kernel panicked"
        for task in self._tasks - {self._finisher}:
            task.cancel()
        self._closed.set_result(
            GuestEndedError(f"the guest ended ({ending}): {why}; see {self.console}", ending)
        )

    async def _or_end(self, work: asyncio.Future[_T]) -> _T:
        """Wait for `work`, or raise when the guest has ended and its console is drained."""
        try:
            await asyncio.wait(
                {work, cast("asyncio.Future[_T]", self._closed)}, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            if not work.done():
                work.cancel()
        if self._closed.done() and (work.cancelled() or not work.done()):
            raise self._closed.result()
        return await work

    async def _request(self, work: Coroutine[None, None, Completed], seconds: float, what: str) -> Completed:
        if self._closed.done():
            work.close()
            raise self._closed.result()
        late = self._spawn(
            self._later(
                seconds + _GRACE,
                Ending.DEADLINE,
                f"'{what}' was not done after {seconds:g} s and could not be ended",
            )
        )
        try:
            return await self._or_end(asyncio.ensure_future(work))
        finally:
            late.cancel()


def _check(done: Completed, what: str) -> None:
    if done.timed_out:
        raise InfraError(f"{what}: it took too long")
    if done.exit_code:
        raise InfraError(f"{what}: {os.strerror(done.exit_code)}")
