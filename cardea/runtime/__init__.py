"""What both daemons stand on: clock, disk, bus, configuration, logs, metrics, messages for people."""
