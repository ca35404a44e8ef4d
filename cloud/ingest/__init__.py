"""What arrives, made into what is to be stored and acknowledged. Pure: no clock, no store, no network."""
