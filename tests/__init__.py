"""The tests of live-attach: real interpreters, real servers, nothing mocked."""
