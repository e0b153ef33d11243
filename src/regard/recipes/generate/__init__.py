"""Language models: learnt from plain text, and sampled."""
