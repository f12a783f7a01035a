"""Fill the missing cells of a table from many data providers."""
