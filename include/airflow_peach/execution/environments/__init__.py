"""Environments: each organisation's virtual environment, locked, built once, swapped in whole."""
