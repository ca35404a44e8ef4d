"""How well faces are told apart, measured as ISO/IEC 19795-1, NIST FRTE and ISO/IEC 30107-3 name it."""
