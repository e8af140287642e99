"""The first-party methods, one package each, registered in the same way as third-party methods."""
