"""Serving over HTTP: trained networks answer images that others send."""
