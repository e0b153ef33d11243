"""Data x model x training: one readable function per run, and what loads its result."""
