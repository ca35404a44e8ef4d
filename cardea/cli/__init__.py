"""The ``cardea`` command, one file per group. Groups are imported only when they are asked for."""
