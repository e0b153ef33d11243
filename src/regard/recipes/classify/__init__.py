"""Classification: settings, the parts they choose, training, and the trained system."""
