"""Back-propagation that can be read: every derivative written by hand, and checked."""
