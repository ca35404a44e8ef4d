"""How well ways of calling a temperature elevated tell fever, on a clinical table."""
