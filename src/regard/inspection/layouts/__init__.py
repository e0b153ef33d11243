"""Where boxes, lines and words of a picture stand, laid out once for every way to paint them."""
