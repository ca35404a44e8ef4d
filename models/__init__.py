"""What is checked on the device itself: mathematics and inference. No I/O but loading weights."""
