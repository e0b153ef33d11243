"""Attention layers of every make: how to hear what they are asked, and to say where they looked."""
