"""Work on several cores: pure functions of one context, results in order, a bounded number ahead.

Threads run the work where it releases the GIL; elsewhere each thread hands it to a process of its
own. Workers start when there is enough work for them. This room knows nothing of images and files.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from digitzip.jobs.worker import Worker

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

Context = TypeVar("Context")
Tag = TypeVar("Tag")
Result = TypeVar("Result")

_AHEAD: Final = 2  # for each job: pieces of work that are given and not taken back
_PATIENCE: Final = 0.1  # seconds that Ctrl-C may have to wait
_FEW: Final = {False: 1, True: 2}  # pieces of work for which no threads, or no processes, start
_thread = threading.local()


class Cancelled(BaseException):
    """Ends work whose result nobody waits for."""


def check() -> None:
    """Raise `Cancelled` where the work of this thread was cancelled; long work calls it often."""
    stop: threading.Event | None = getattr(_thread, "stop", None)
    if stop is not None and stop.is_set():
        raise Cancelled


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Jobs(Generic[Context]):
    """Runs `work(context, *arguments)`, up to `count` pieces at once; 0 stands for all cores.

    With `processes`, work, context, arguments and results are pickled. An error of the work is
    raised where its result is taken; it ends all other work, and so does leaving the `with` block.
    Raises `DigitzipError` where a process ends unexpectedly.
    """

    def __init__(self, count: int, context: Context, *, processes: bool = False) -> None:
        self.count = count or cores()
        self.ahead = _AHEAD * self.count if self.count > 1 else 0
        self._context, self._processes = context, processes
        self._waiting: list[_Task] = []
        self._pool: ThreadPoolExecutor | None = None
        self._stop, self._lock = threading.Event(), threading.Lock()
        self._own = threading.local()
        self._workers: list[Worker] = []

    def map(self, work: Callable[..., Result], items: Iterable[Any]) -> Iterator[Result]:
        """Yield `work(context, item)` for each item, in order.

        An error of `items` is raised after the results of the items before it.
        """
        line: Line[None, Result] = Line(self, work)
        left, error = iter(items), None
        while True:
            try:
                item = next(left)
            except StopIteration:
                break
            except Exception as found:
                error = found
                break
            yield from (result for _, result in line.put(None, item))
        yield from (result for _, result in line.finish())
        if error is not None:
            raise error

    def close(self) -> None:
        """End all work."""
        self._stop.set()
        with self._lock:
            workers, self._workers = self._workers, []
        for worker in workers:
            worker.kill()
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def __enter__(self) -> Jobs[Context]:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def give(self, work: Callable[..., Any], arguments: tuple[Any, ...]) -> _Task:
        """Return a task that runs as soon as a worker is free, once there are workers."""
        task = _Task(work, arguments)
        self._waiting.append(task)
        if self.count > 1 and (self._pool or len(self._waiting) > _FEW[self._processes]):
            if self._pool is None:
                from concurrent.futures import ThreadPoolExecutor  # slow to import

                self._pool = ThreadPoolExecutor(self.count)
            for each in self._waiting:
                each.future = self._pool.submit(self._run, each.work, each.arguments)
            self._waiting = []
        return task

    def take(self, task: _Task) -> Any:
        """Return the result of a task, or raise its error."""
        try:
            if task.future is not None:
                from concurrent.futures import wait  # slow to import, and imported by now

                while wait([task.future], _PATIENCE).not_done:
                    pass  # a signal that came just before the wait, or on Windows, is seen now
                return task.future.result()
            self._waiting.remove(task)
            return task.work(self._context, *task.arguments)
        except BaseException:
            self.close()
            raise

    def _run(self, work: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        _thread.stop = self._stop
        check()
        if not self._processes:
            return work(self._context, *arguments)
        try:
            worker: Worker | None = getattr(self._own, "worker", None)
            if worker is None:
                worker = self._own.worker = self._start()
            return worker.call(work, arguments)
        except BaseException:
            check()  # a worker that was killed here is no error
            raise

    def _start(self) -> Worker:
        worker = Worker()
        with self._lock:
            self._workers.append(worker)
            stopped = self._stop.is_set()
        if stopped:
            worker.kill()
        worker.send(self._context)
        return worker


class Line(Generic[Tag, Result]):
    """One kind of work; its results come in the order in which the work was given."""

    def __init__(self, jobs: Jobs[Any], work: Callable[..., Result]) -> None:
        self._jobs, self._work = jobs, work
        self._pending: deque[tuple[Tag, _Task]] = deque()

    def put(self, tag: Tag, *arguments: Any) -> Iterator[tuple[Tag, Result]]:
        """Give work; return an iterator of the results, with their tags, that are to be taken now.

        Those are the ones that are ready, and as many more as keep the number ahead bounded.
        """
        self._pending.append((tag, self._jobs.give(self._work, arguments)))
        return self._take(self._jobs.ahead)

    def finish(self) -> Iterator[tuple[Tag, Result]]:
        """Yield all results that are left, with their tags."""
        return self._take(0)

    def _take(self, left: int) -> Iterator[tuple[Tag, Result]]:
        while self._pending and (len(self._pending) > left or self._pending[0][1].ready):
            tag, task = self._pending.popleft()
            yield tag, self._jobs.take(task)


class _Task:
    """A piece of work; `future` is None until it was given to a worker."""

    def __init__(self, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self.work, self.arguments = work, arguments
        self.future: Future[Any] | None = None

    @property
    def ready(self) -> bool:
        """Whether the result can be taken without waiting."""
        return self.future is not None and self.future.done()
