"""The console: what property managers look at. NiceGUI pages on the API's own server."""
