"""What the integration tests, the crash test, the example and the benchmark have in common: starting
and ending servers, talking RESP over a plain socket, and showing progress. Standard library only."""
