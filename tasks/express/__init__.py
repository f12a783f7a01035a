"""Requests about single cells and rows, gathered in the worker that receives them.

A message that asks for one cell or row becomes no Celery task of its own. It waits for a few
milliseconds beside others, and all that ask the same of the same table become one run, which is
carried through its phases here. A message is acknowledged once its caller is stored.
"""
