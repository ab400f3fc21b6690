"""What the tests of several folders share: servers, stores, services, and the plugins of pytest."""
