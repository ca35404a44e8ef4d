"""What a temperature leads to: three states, thresholds, and what watches that they stay honest."""
