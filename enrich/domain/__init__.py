"""Values, state tables and decisions: pure functions, no clock, no randomness, no I/O."""
