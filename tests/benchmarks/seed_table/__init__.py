"""What the engine's protections are worth on a workload with repeats, each beside its absence."""
