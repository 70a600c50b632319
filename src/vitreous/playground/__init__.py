"""The playground: networks on points of the plane, and trained networks on images, in a browser."""
