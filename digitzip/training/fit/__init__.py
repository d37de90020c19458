"""The training loop and what it needs: data, optimisers, moving average, checkpoints, watchers."""
