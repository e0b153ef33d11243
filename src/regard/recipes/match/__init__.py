"""Matching pairs: settings, the parts they choose, training, and the trained system."""
