"""How the findings of ``peach validate`` are written: one small module for each format, all pure."""
