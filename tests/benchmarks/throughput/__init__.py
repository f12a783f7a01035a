"""A batch of rows through everything, beside what people would write instead."""
