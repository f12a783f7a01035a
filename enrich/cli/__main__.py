"""`python -m enrich.cli` is `enrich`."""

from enrich.cli.main import main

main()
