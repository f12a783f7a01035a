"""Handlers by what they are about."""
