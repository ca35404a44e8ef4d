"""What both ends share: the wire, the runtime, and the command."""
