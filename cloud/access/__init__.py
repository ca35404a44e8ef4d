"""Who may see what: passwords, sessions, and the guard in front of everything that is served."""
