"""Where did the model look: recording it, measuring it, and drawing it in many ways."""
