"""The airgap medium: everything that a machine without a network needs, in one archive."""
