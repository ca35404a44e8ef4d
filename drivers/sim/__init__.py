"""Devices that are not there, on real sockets. For the demo and for tests; imports no decoder."""
