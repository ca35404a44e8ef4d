"""The wire between a gateway and the aggregator: types, topics, encoding, signatures.

Pure, and imports nothing of ours.
"""
