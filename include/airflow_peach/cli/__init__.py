"""The command line: ``peach``."""
