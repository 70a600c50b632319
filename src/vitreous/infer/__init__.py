"""Runtimes: what computes a network's outputs, torch or something faster; `inference` asks."""
