"""Models that their publishers offer as OpenVINO IR, made into ONNX on the spot."""
