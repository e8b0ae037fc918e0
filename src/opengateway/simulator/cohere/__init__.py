"""Cohere's second version as its vendor serves it."""
