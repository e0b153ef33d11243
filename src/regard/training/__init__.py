"""Training through Lightning: what to optimise, how to measure it, and where a run is kept."""
