"""How fast attention is on this machine, against what people would write or use instead.

measuring    one comparison: its sides in turn, medians, peak memory
rivals       what others have: the naive line, torch.compile, PyTorch, Keras, entmax
suites       the comparisons, by what they are about
report       a table, a plot
"""
