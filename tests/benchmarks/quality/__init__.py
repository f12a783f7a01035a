"""How often fusion is right, and whether its confidence means what it says.

The data is read where it lies (`ENRICH_QUALITY_DATA` or an argument) and is no part of the project.
"""
