"""The decision core. Pure: evidence, policy and time in, decisions and effects out."""
