"""Where thermal cameras' frames come from: a server on TCP, or a camera of this machine."""
