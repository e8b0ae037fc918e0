"""What gateways share, on Valkey: `shared_state: {use: valkey}`."""
