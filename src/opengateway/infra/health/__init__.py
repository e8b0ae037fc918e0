"""Health between gateways, and over a restart."""
