"""A whole tower on one machine: its folder, its processes, their logs."""
