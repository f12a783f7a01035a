"""Choose whom to ask: by what an answer is worth, what it costs, and what is believed so far."""
