"""What all scanners that send lines of text have in common, whatever they are wired with."""
