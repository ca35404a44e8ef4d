"""The ``cardea face`` commands: one module each."""
