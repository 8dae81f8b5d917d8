"""Checks of the exercises in LEARN.md: `uv run poe exercise 1`. They fail until you have solved them."""
