"""YAML text to a tree whose every value knows its line and column."""
