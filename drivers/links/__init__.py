"""What devices share: lines, listeners, connections, and cameras' streams."""
