"""A volume that can be disinfected: one task a zone around the interlock machine."""
