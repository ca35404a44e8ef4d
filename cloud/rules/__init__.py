"""Alerts that the aggregator raises by itself, from the rows that come in and the gateways that do not."""
