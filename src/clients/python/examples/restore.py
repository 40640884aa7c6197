"""Takes 70 % of the pixels from a picture and has the service restore it: restore.py URL PICTURE FOLDER"""
import json
import os
import sys
from pathlib import Path

from inversesolver import Client

url, picture, folder = sys.argv[1:]
problem = {"type": "inpainting", "mask": {"type": "random", "fraction": 0.7, "seed": 1}}
with Client(url, os.environ.get("INVERSESOLVER_KEY")) as client:
    measurement = client.simulate(problem, picture, sigma=0.01, seed=1)
    job = client.submit("brain-mri-128", problem, measurement, sigma=0.01, solver={"type": "reSample", "preset": "fast"}, files={"truth": picture})
    job = client.wait(job, progress=lambda now: print(now.state, now.progress or "", flush=True))
    client.save(job, folder)  # result.png, measurement.png, mask.png, deviation.png, report.json and the arrays
report = json.loads(Path(folder, "report.json").read_text())
print(f"{folder}/result.png; consistency ratio {report['consistency']['ratio']:.3f}, {report['quality']['psnrDb']:.1f} dB")
