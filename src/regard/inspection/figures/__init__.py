"""Pictures as files and figures, drawn by matplotlib."""
