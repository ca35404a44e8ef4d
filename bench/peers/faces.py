"""Run in the peers' environment: each network under OpenVINO, one thread, on the tensors of an .npz.

python bench/peers/faces.py TENSORS.npz MODELS ROUNDS, where MODELS names an ONNX file for each tensor. Prints
JSON: CPU time of each round by name, ms.
"""

import json
import sys
import time

import numpy as np
import openvino  # pyright: ignore[reportMissingImports]  # in its own environment

OPTIONS = {"INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}


def main() -> None:
    tensors, models, rounds = np.load(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3])
    core = openvino.Core()
    requests = {}
    for name, path in models.items():
        model = core.read_model(path)
        model.reshape(list(tensors[name].shape))
        requests[name] = core.compile_model(model, "CPU", OPTIONS).create_infer_request()
    took_ms = {name: [] for name in requests}
    for turn in range(rounds + rounds // 10):
        for name, request in requests.items():
            began_s = time.process_time()
            request.infer([tensors[name]], share_inputs=True)
            if turn >= rounds // 10:
                took_ms[name].append((time.process_time() - began_s) * 1000)
    print(json.dumps(took_ms))


main()
