"""What gateway.toml says: its shapes, what is wrong between its parts, which device serves which portal."""
