"""The gateway daemon: reads devices, decides entry, commits first, sends later."""
