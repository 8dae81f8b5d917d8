"""The package of this site. Start reading at `gather.py` (what is gathered) and `cards.py` (what becomes of it)."""
