"""Trained systems as a page and a JSON API: type a text, and see where they look."""

from regard.web.application import make_application
from regard.web.limits import Limits
from regard.web.served import ServedRun, open_runs, warm_up

__all__ = ["Limits", "ServedRun", "make_application", "open_runs", "warm_up"]
