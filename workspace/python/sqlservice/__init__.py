"""The SQL warehouse's engine room: executes statements on Sail for the server, over JSON lines on standard input and output."""
