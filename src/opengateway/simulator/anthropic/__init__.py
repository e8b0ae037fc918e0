"""Anthropic's Messages wire, as strict as the vendor: `/anthropic/v1/messages` and beside it."""
