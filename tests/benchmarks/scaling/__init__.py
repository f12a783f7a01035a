"""How the engine's work grows: with rows, processes, providers and fields, and with machines."""
