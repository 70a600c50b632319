"""`vitreous play`: it serves, it says where, and it ends when it is told to."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import urllib.request

import pytest

from vitreous.cli.main import run

pytest.importorskip("fastapi", reason="the playground's server needs the extra [serve]")


def test_it_serves_until_it_is_interrupted():
    program = "from vitreous.cli.main import main; main()"
    command = [sys.executable, "-c", program, "play", "--port", "0", "--no-open"]
    with subprocess.Popen(command, stdout=-1, stderr=-1, text=True) as server:
        assert server.stderr is not None
        found = re.search(r"http://127\.0\.0\.1:\d+", server.stderr.readline())
        assert found
        with urllib.request.urlopen(found[0], timeout=30) as page:
            assert b"vitreous" in page.read()
        server.send_signal(signal.SIGINT)
        output, errors = server.communicate(timeout=30)
    assert output == ""
    assert "Traceback" not in errors


def test_a_run_that_is_none(capsys, tmp_path):
    assert run(["play", str(tmp_path), "--no-open"]) == 1
    error = capsys.readouterr().err
    assert str(tmp_path) in error
    assert "Traceback" not in error


def test_a_port_that_is_none(capsys):
    assert run(["play", "--port", "99999", "--no-open"]) == 2
    assert "--port" in capsys.readouterr().err
