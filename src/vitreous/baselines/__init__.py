"""Classic methods: features designed by hand, and classifiers that learn in one go."""
