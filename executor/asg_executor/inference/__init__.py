"""Serving: sessions' graphs as models, with values of their parameters that no step changes."""
