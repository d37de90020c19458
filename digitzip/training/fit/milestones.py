"""Fewer words: of many epochs, the first few and every tenth part of the run are told."""

from digitzip.training.fit.watch import Figures, Watcher

EARLY = (1, 2, 5)


class Milestones:
    """A watcher that passes everything on to another but the epochs between milestones."""

    def __init__(self, beside: Watcher) -> None:
        self.beside = beside

    def step(self, done: int, total: int, loss: float) -> None:
        self.beside.step(done, total, loss)

    def epoch(self, figures: Figures) -> None:
        tenth = -(-figures.epochs // 10)
        last = figures.epoch == figures.epochs
        if figures.epoch in EARLY or figures.epoch % tenth == 0 or last:
            self.beside.epoch(figures)

    def say(self, line: str) -> None:
        self.beside.say(line)
