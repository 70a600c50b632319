"""The text that Prometheus reads: escaped, and histograms that add up."""

from __future__ import annotations

import re

from vitreous.serving.prometheus import Metrics, worded

LINE = re.compile(r'^[a-z_]+(\{([a-z]+="(\\.|[^"\\\n])*",?)*\})? [0-9.e+-]+$')


def test_the_text() -> None:
    metrics = Metrics()
    for seconds in (0.001, 0.0011, 0.3, 99):
        metrics.answered("/predict", 200, seconds)
    metrics.answered("/predict", 503, 0.0001)
    metrics.batch('a"b\\c\nd', 4)
    text = metrics.text({"vitreous_ready": ("Ready?", 1.0)})
    for line in text.splitlines():
        assert line.startswith("# ") or LINE.match(line), line
    assert 'vitreous_requests_total{route="/predict",status="200"} 4' in text
    assert 'vitreous_request_seconds_bucket{route="/predict",le="0.001"} 2' in text
    assert 'vitreous_request_seconds_bucket{route="/predict",le="0.5"} 4' in text
    assert 'vitreous_request_seconds_bucket{route="/predict",le="+Inf"} 5' in text
    assert 'vitreous_request_seconds_count{route="/predict"} 5' in text
    assert "# TYPE vitreous_ready gauge\nvitreous_ready 1\n" in text
    assert "process_resident_memory_bytes" in text


def test_names_are_escaped() -> None:
    assert worded((("model", 'a"b\\c\nd'),)) == r'{model="a\"b\\c\nd"}'
    assert worded(()) == ""
