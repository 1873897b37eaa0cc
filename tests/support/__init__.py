"""What the tests share: interpreters, environments with servers, and processes to attach to."""
