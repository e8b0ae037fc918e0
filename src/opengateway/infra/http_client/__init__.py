"""The own HTTP/1.1 client: what the gateway speaks to providers with, unless a proxy is in between."""
