"""From counts to a temperature that is told with its uncertainty, or not told, with its reason."""
