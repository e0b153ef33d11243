"""Attention you can train, trust and see."""
