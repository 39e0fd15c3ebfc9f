"""A Jupyter kernel: cells that fit, and one that is interrupted while it fits."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

#: A client of the kernel, which prints what became of each cell.
CLIENT = '''
import threading
from jupyter_client.manager import start_new_kernel

SETUP = """
import hashlib, jax
import bayeslaw as bl

runs, short = bl.simulate("chinchilla", rows=30, seed=7), dict(method="laplace", draws=200)

def draws(**options):
    fit = bl.fit(runs, "chinchilla", seed=1, **options)
    return hashlib.sha256(b"".join(v.tobytes() for v in fit.draws.values())).hexdigest()

before = draws(**short)
"""
LONG = 'bl.fit(runs, "chinchilla", seed=1, draws=2_000_000)'
AFTER = '(draws(**short) == before, jax.config.jax_enable_x64)'

manager, client = start_new_kernel(kernel_name="python3")
try:
    for cell in (SETUP, LONG, AFTER, 'bl.fit(runs, "chinchilla", seed=1, **short)'):
        shown = {}
        if cell == LONG:
            threading.Timer(1.5, manager.interrupt_kernel).start()
        reply = client.execute_interactive(
            cell, timeout=100, output_hook=lambda message: shown.update(message["content"])
        )["content"]
        data = shown.get("data", {})
        print(reply.get("ename"), data.get("text/plain", "").splitlines()[:1], "text/html" in data)
finally:
    client.stop_channels()
    manager.shutdown_kernel(now=True)
'''


def test_an_interrupted_cell_leaves_the_kernel_as_it_was(tmp_path: Path) -> None:
    program = tmp_path / "client.py"
    program.write_text(CLIENT)
    environment = {"JAX_PLATFORMS": "cpu", "BAYESLAW_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", program],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    setup, interrupted, after, shown = done.stdout.splitlines()
    assert setup == "None [] False"
    assert interrupted.startswith("KeyboardInterrupt")
    assert after == "None ['(True, False)'] False"
    assert shown.startswith("None [")
    assert shown.endswith("True")
