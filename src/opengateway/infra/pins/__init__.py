"""Pins of conversations, shared by the gateways of a zone."""
