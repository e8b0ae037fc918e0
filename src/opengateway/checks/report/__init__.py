"""The weekly report: what a zone did, from its own records."""
